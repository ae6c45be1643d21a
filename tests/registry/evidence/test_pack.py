"""The pack that a decision rests on is whole, signed, and the same each time."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from pipelines.clients.mlflow import connect_mlflow
from pipelines.core import signing
from pipelines.core.artifacts import Evidence, Verdict
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest
from pipelines.core.plan import TrainingPlan
from pipelines.registry.evidence import collect_evidence

FILES = {
    "model_card.md",
    "data_card.md",
    "verdict.md",
    "verdict.json",
    "plan.json",
    "candidate.json",
    "export.json",
    "evaluation.json",
    "sbom.cdx.json",
    "licences.csv",
    "adapter.sig",
}


def test_the_pack_is_whole_signed_and_known_by_its_digest(evidence: Evidence) -> None:
    folder = Path(evidence.uri)
    assert {file.name for file in folder.iterdir()} == FILES
    assert folder.name == "v4"
    assert digest(folder) == evidence.digest
    signing.verify(folder)


def test_the_same_inputs_give_the_same_bytes(evidence: Evidence, artifacts: dict[str, Any], tmp_path: Path) -> None:
    again = collect_evidence(**artifacts, work=tmp_path)
    assert again.uri != evidence.uri
    assert again.digest == evidence.digest


def test_run_again_it_finds_its_work_done_and_logs_the_same_files(
    evidence: Evidence, artifacts: dict[str, Any], room: Path, run_id: str
) -> None:
    written = {file: file.stat().st_mtime_ns for file in Path(evidence.uri).iterdir()}
    assert collect_evidence(**artifacts, work=room / "work") == evidence
    assert {file: file.stat().st_mtime_ns for file in Path(evidence.uri).iterdir()} == written
    client = connect_mlflow().MlflowClient()
    assert {file.path for file in client.list_artifacts(run_id, "evidence/v4")} == {f"evidence/v4/{f}" for f in FILES}
    assert client.get_run(run_id).info.status == "FINISHED"


def test_what_mlflow_holds_can_be_verified(evidence: Evidence, run_id: str, tmp_path: Path) -> None:
    fetched = Path(connect_mlflow().MlflowClient().download_artifacts(run_id, "evidence", str(tmp_path)))
    signing.verify(fetched / "v4")
    assert digest(fetched / "v4") == evidence.digest


def test_a_changed_figure_in_the_pack_is_noticed(artifacts: dict[str, Any], tmp_path: Path) -> None:
    card = Path(collect_evidence(**artifacts, work=tmp_path).uri) / "model_card.md"
    card.write_text(card.read_text().replace("71.0%", "91.0%"))
    with pytest.raises(WeaverError, match=r"changed: model_card\.md"):
        collect_evidence(**artifacts, work=tmp_path)


def test_an_adapter_that_was_tampered_with_gets_no_evidence(
    artifacts: dict[str, Any], room: Path, tmp_path: Path
) -> None:
    for made in ("adapter", "adapter.sig"):
        copy = shutil.copytree if (room / made).is_dir() else shutil.copyfile
        copy(room / made, tmp_path / made)
    save_file({"lora": np.ones(64, dtype=np.float32)}, tmp_path / "adapter" / "adapter_model.safetensors")
    adapter = artifacts["export"].adapter.model_copy(update={"uri": str(tmp_path / "adapter")})
    export = artifacts["export"].model_copy(update={"adapter": adapter})
    with pytest.raises(WeaverError, match=r"changed: adapter_model\.safetensors"):
        collect_evidence(**artifacts | {"export": export}, work=tmp_path / "work")
    assert not list((tmp_path / "work").rglob("*.md"))


KILLED = """
import json, os, sys
from pathlib import Path
from pipelines.core import artifacts as types, signing
from pipelines.core.plan import TrainingPlan
from pipelines.registry.evidence import collect_evidence

def die(folder):
    assert (folder / "model_card.md").exists()
    os.kill(os.getpid(), 9)
signing.sign = die
told = json.loads(sys.stdin.read())
plan = TrainingPlan.model_validate(told.pop("plan"))
kinds = {"dataset": "DatasetVersion", "report": "DataReport"}
artifacts = {n: getattr(types, kinds.get(n, n.title())).model_validate(a) for n, a in told.items()}
collect_evidence(**artifacts, plan=plan, work=Path(sys.argv[1]))
"""


def test_killed_half_way_it_leaves_no_pack_and_the_next_run_makes_it(
    evidence: Evidence, artifacts: dict[str, Any], tmp_path: Path
) -> None:
    told = json.dumps({name: artifact.model_dump(mode="json") for name, artifact in artifacts.items()})
    died = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], input=told, text=True)
    assert died.returncode == -9
    assert not list((tmp_path / "evidence").glob("[!.]*"))
    assert collect_evidence(**artifacts, work=tmp_path).digest == evidence.digest


def test_verdict_plan_and_figures_are_there_for_programs(page: Callable[..., str], artifacts: dict[str, Any]) -> None:
    assert Verdict.model_validate_json(page("verdict.json")) == artifacts["verdict"]
    assert TrainingPlan.model_validate_json(page("plan.json")) == artifacts["plan"]
    told = json.loads(page("evaluation.json"))
    assert told["metrics"]["challenger"]["all"]["score"] == 0.71
    assert "| It must be at most 30 seconds | 31 seconds | **failed** | a \\| b |" in page("verdict.md")


def test_the_pack_names_no_folder_of_this_machine(evidence: Evidence, room: Path) -> None:
    for file in Path(evidence.uri).iterdir():
        assert str(room) not in file.read_text(encoding="utf-8")
