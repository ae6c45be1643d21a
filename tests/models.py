"""Models as small as they can be, registered, judged, promoted and deployed by the real stages."""

import itertools
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from pipelines.clients.mlflow import connect_mlflow, read_aliases
from pipelines.core import signing
from pipelines.core.artifacts import (
    Adapter,
    ChampionModel,
    Comparison,
    DatasetVersion,
    Evaluation,
    Evidence,
    Export,
    Verdict,
)
from pipelines.core.database import sessions
from pipelines.core.files import digest, write_jsonl, write_text
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.registry.evidence import decision_files, export_file
from pipelines.serving.deploy import is_published
from pipelines.serving.deployment_pointer import deployed_version_number
from pipelines.stages.run import run_stage

PASSED = Verdict(passed=True, rules=[], reason="passed: all 0 rules hold")


def comparison(against: str, gain: float = 0.2, slice: str = "all", **other: Any) -> Comparison:
    figures = {"questions": 218, "clusters": 61, "low": gain - 0.05, "high": gain + 0.05, "detectable": 0.07}
    return Comparison(**{"against": against, "metric": "score", "slice": slice, "gain": gain} | figures | other)


def evaluated(champion: int = 0, run_id: str = "r", **other: Any) -> Evaluation:
    """An evaluation that passes every rule of the service advisor's gate, but for what `other` says."""
    arms = {"base": (0.3, 2.0), "base_retrieval": (0.35, 2.0), "few_shot": (0.4, 1.5)}
    arms |= {"champion": (0.6, 0.5), "challenger": (0.8, 0.4)}
    if not champion:
        del arms["champion"]
    figures = {
        arm: {"all": {"questions": 218, "score": score, "loss": loss, "latency_p95": 1.5, "cost_per_1000": 0.04}}
        for arm, (score, loss) in arms.items()
    }
    outcomes = {"judged": 200, "wrong_confident": 0.02, "to_decline": 40, "declines_right": 0.975}
    figures["challenger"]["all"] |= outcomes | {"safety_critical": 12, "safety_critical_wrong": 0}
    compared = [comparison(arm) for arm in arms if arm != "challenger"]
    if champion:
        compared.append(comparison("champion", -0.01, metric="wrong_confident"))
    return Evaluation(
        **{"uri": "", "run_id": run_id, "champion": champion, "metrics": figures, "comparisons": compared} | other
    )


class Home:
    """One template in a WEAVER_HOME of its own: `challenger` registers, `promoted` goes all the way."""

    def __init__(self, folder: Path, name: str, artifacts: Path) -> None:
        self.folder, self.name, self.artifacts = folder, name, artifacts
        self.plan = make_plan(name)
        self.work = folder / "work"
        data = folder / "dataset"
        write_jsonl(data / "heldout.jsonl", [{"instruction": "Where?", "input": "", "output": "In bay 4."}])
        self.dataset = DatasetVersion(name=name, version=1, uri=str(data), digest="d" * 64, rows={"train": 24})

    @property
    def client(self) -> Any:
        return connect_mlflow().MlflowClient()

    def adapter(self, seed: int) -> Adapter:
        folder = self.folder / "adapters" / str(seed) / "adapter"
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"lora": np.full((2, 2), seed, dtype=np.float32)}, folder / "adapter_model.safetensors")
        write_text(folder / "adapter_config.json", '{"r": 2}\n')
        signing.sign(folder)
        mlflow = connect_mlflow()
        mlflow.set_experiment(self.name)
        with mlflow.start_run() as run:
            base = {"base_model": "b", "base_digest": "0" * 64}
            return Adapter(uri=str(folder), digest=digest(folder), run_id=run.info.run_id, **base)

    def export(self, adapter: Adapter) -> Export:
        """What merging would leave, of the adapter's bytes alone."""
        folder = self.folder / "exports" / adapter.digest[:12]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.safetensors").write_bytes((Path(adapter.uri) / "adapter_model.safetensors").read_bytes())
        signing.sign(folder)
        return Export(uri=str(folder), digest=digest(folder), base_uri="", adapter=adapter)

    def challenger(self, seed: int, champion: int = 0) -> dict[str, Any]:
        """The artifacts of a registered challenger that was compared with this champion and passed the gate."""
        export = self.export(self.adapter(seed))
        artifacts = {"export": export, "commit_dataset": self.dataset, "gate": PASSED}
        artifacts["evaluate"] = evaluated(champion, export.adapter.run_id)
        artifacts["register"] = self.run("register", artifacts)
        return artifacts | {"collect_evidence": self.evidence(artifacts)}

    def evidence(self, artifacts: dict[str, Any], plan: TrainingPlan | None = None) -> Evidence:
        """The signed pack, without its cards and its SBOM, which take seconds."""
        names = ("register", "evaluate", "gate")
        files = decision_files(*(artifacts[name] for name in names), plan or self.plan)
        files["export.json"] = export_file(artifacts["export"])
        pack = self.folder / "evidence" / digest(files)[:12] / f"v{artifacts['register'].version}"
        for file, text in files.items():
            write_text(pack / file, text)
        signing.sign(pack)
        return Evidence(uri=str(pack), digest=digest(pack))

    def run(self, stage: str, artifacts: dict[str, Any], **extra: Any) -> Any:
        return run_stage(stage, self.plan, artifacts, self.work, **extra)

    def promote(self, artifacts: dict[str, Any], by: str = "ada", why: str = "better") -> dict[str, Any]:
        """Promote, deploy, record: as the DAG's tasks do after an approval."""
        artifacts = artifacts | {"promote": self.run("promote", artifacts, by=by, why=why)}
        artifacts |= {"deploy": self.run("deploy", artifacts)}
        return artifacts | {"append_ledger": self.run("append_ledger", artifacts)}

    def promoted(self, *seeds: int) -> None:
        """Versions 1, 2, …: each compared with the one before, and champion after it."""
        for champion, seed in enumerate(seeds):
            self.promote(self.challenger(seed, champion))

    def rollback(self, to: int = 0, why: str = "it talks nonsense") -> dict[str, Any]:
        """As the DAG and `weaver rollback` do; where a deployment is gone it is made of the registry's adapter."""
        deployed = deployed_version_number(self.name)
        artifacts = {"promote": self.run("rollback", {}, by="ada", why=why, to=to, deployed=deployed)}
        if not is_published(artifacts["promote"]):
            incumbent: ChampionModel = self.run("fetch_champion", artifacts)
            artifacts["export"] = self.export(incumbent.adapter)
        artifacts |= {"deploy": self.run("deploy", artifacts)}
        return artifacts | {"append_ledger": self.run("append_ledger", artifacts)}

    def champions(self) -> tuple[int, int]:
        """The versions behind the aliases champion and previous_champion; 0 is none."""
        found = read_aliases(self.client, self.name)
        return found.get("champion", 0), found.get("previous_champion", 0)


def killed(action: Callable[[], Any], step: int) -> bool:
    """Do it in a child process that is killed right before its `step`th change; whether it came that far."""
    child = os.fork()
    if not child:
        try:
            for owner, name in changes():
                setattr(owner, name, deadly(getattr(owner, name), step))
            action()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or not status, "it failed"
    return os.WIFSIGNALED(status)


def changes() -> Iterator[tuple[Any, str]]:
    """Whatever a stage of the registry or of serving changes outside of its process goes through one of these."""
    from mlflow import MlflowClient

    yield sessions, "commit"  # of the database
    yield Path, "replace"  # of everything that is written whole
    yield MlflowClient, "set_registered_model_alias"
    yield MlflowClient, "delete_registered_model_alias"
    yield MlflowClient, "set_registered_model_tag"
    yield MlflowClient, "set_model_version_tag"
    yield MlflowClient, "set_prompt_alias"
    yield MlflowClient, "delete_prompt_alias"


made = itertools.count(1)  # changes of this process


def deadly(change: Callable[..., Any], step: int) -> Callable[..., Any]:
    def counted(*args: Any, **options: Any) -> Any:
        if "costs" in args:  # what a stage cost is counted beside it
            return change(*args, **options)
        if next(made) == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return change(*args, **options)

    return counted
