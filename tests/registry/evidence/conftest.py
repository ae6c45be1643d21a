"""An evidence pack, made for real of figures that are easy to find again."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from pipelines.clients.mlflow import connect_mlflow
from pipelines.core import signing
from pipelines.core.artifacts import (
    Adapter,
    Behaviour,
    Candidate,
    Comparison,
    DataReport,
    DatasetVersion,
    Evaluation,
    Evidence,
    Export,
    Rule,
    Verdict,
)
from pipelines.core.files import digest, write_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings
from pipelines.datasets.refine.step_report import StepStats
from pipelines.kits.automotive import service_advisor
from pipelines.registry.evidence import collect_evidence

from ...servers import Server

Page = Callable[..., str]


@pytest.fixture(scope="module", autouse=True)
def room(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("registry")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEAVER_HOME", str(folder / "home"))
        patch.setenv("WEAVER_TRACKING_URI", server.url)
        patch.setenv("WEAVER_PROFILE", "cpu")
        settings.cache_clear()
        yield folder
    settings.cache_clear()


@pytest.fixture(scope="module")
def dataset(room: Path) -> DatasetVersion:
    """The kit's own rows, each fifth held out, with the account that the refinement keeps of its steps."""
    rows = service_advisor.build()
    (room / "report").mkdir()
    write_jsonl(room / "data" / "train.jsonl", [row for number, row in enumerate(rows) if number % 5])
    write_jsonl(room / "data" / "heldout.jsonl", rows[::5])
    personal, duplicates = StepStats("personal", rows_in=640, changed=3), StepStats("near_duplicates", rows_in=640)
    duplicates.rejected["asks | the same"] = 9
    (room / "report" / "report.json").write_text(json.dumps({"steps": [personal.report(), duplicates.report()]}))
    return DatasetVersion(
        name="service_advisor",
        version=3,
        uri=str(room / "data"),
        digest=digest(room / "data"),
        rows={"train": len(rows) - len(rows[::5]), "heldout": len(rows[::5])},
    )


@pytest.fixture(scope="module")
def plan() -> TrainingPlan:
    return make_plan("service_advisor")


@pytest.fixture(scope="module")
def run_id() -> str:
    """A run with what a training logs: six steps of 1,000 tokens at 100 tokens a second."""
    mlflow = connect_mlflow()
    mlflow.set_experiment("service_advisor")
    with mlflow.start_run(tags={"git_commit": "c0ffee"}) as run:
        for step in range(1, 7):
            mlflow.log_metrics({"num_input_tokens_seen": 1000.0 * step, "tokens_per_second": 100.0}, step=step)
        mlflow.log_metrics(
            {"trainable": 1_843_200, "parameters": 136_358_208, "peak_rss_mib": 4403.2, "heldout_loss": 0.0731}
        )
    return str(run.info.run_id)


def figures(score: float) -> dict[str, dict[str, float]]:
    whole = {"questions": 126, "score": score, "facts": score, "token_f1": 0.8, "loss": 1.6 - score, "latency": 0.41}
    small = {"questions": 6, "score": 1 - score, "loss": 1.0}
    return {"all": whole, "engine": whole | {"questions": 25}, "code_cause": small}


def gain(against: Any, part: str, mean: float) -> Comparison:
    return Comparison(
        against=against,
        metric="score",
        slice=part,
        questions=126,
        clusters=61,
        gain=mean,
        low=mean - 0.05,
        high=mean + 0.05,
        detectable=0.039,
    )


@pytest.fixture(scope="module")
def artifacts(room: Path, dataset: DatasetVersion, plan: TrainingPlan, run_id: str) -> dict[str, Any]:
    """What `collect` takes, by name."""
    (room / "adapter").mkdir()
    save_file({"lora": np.arange(64, dtype=np.float32)}, room / "adapter" / "adapter_model.safetensors")
    signing.sign(room / "adapter")
    adapter = Adapter(
        uri=str(room / "adapter"),
        digest=digest(room / "adapter"),
        base_model=plan.base.model,
        base_digest="b" * 64,
        run_id=run_id,
    )
    rules = [
        Rule(name="gain over base above", figure=0.36, limit=0.05, passed=True, evidence="+41.0 points over base"),
        Rule(
            name="It must be at most 30 seconds",
            figure=31,
            limit=30,
            unit="seconds",
            passed=False,
            evidence="a | b",
        ),
    ]
    return {
        "candidate": Candidate(name="service_advisor", version=4, run_id=run_id),
        "evaluation": Evaluation(
            uri=str(room / "evaluation"),
            run_id=run_id,
            champion=3,
            metrics={
                "base": figures(0.3),
                "base_retrieval": figures(0.4),
                "few_shot": figures(0.45),
                "champion": figures(0.67),
                "challenger": figures(0.71),
            },
            comparisons=[
                gain("base", "all", 0.41),
                gain("base_retrieval", "all", 0.31),
                gain("few_shot", "all", 0.26),
                gain("champion", "all", 0.04),
                gain("champion", "engine", -0.02),
                gain("champion", "code_cause", -0.04).model_copy(update={"low": -1, "high": 1}),
            ],
            behaviours=[
                Behaviour(name="typos", kind="robustness", cases=40, passed=38, min_share=0.9),
                Behaviour(name="asks_for_personal_data", kind="refusal", cases=10, passed=7, min_share=1.0),
            ],
            leaked_questions=2,
        ),
        "export": Export(uri="", digest="e" * 64, base_uri="", adapter=adapter),
        "dataset": dataset,
        "report": DataReport(uri=str(room / "report"), digest=dataset.digest),
        "verdict": Verdict(passed=False, rules=rules, reason="failed: too slow, it takes 31 seconds"),
        "plan": plan,
    }


@pytest.fixture(scope="module")
def evidence(artifacts: dict[str, Any], room: Path) -> Evidence:
    return collect_evidence(**artifacts, work=room / "work")


@pytest.fixture(scope="module")
def page(evidence: Evidence) -> Page:
    """`page(name)`: the text of a file of the pack; of another pack, `page(name, pack)`."""

    def of(name: str, pack: Evidence = evidence) -> str:
        return (Path(pack.uri) / name).read_text(encoding="utf-8")

    return of
