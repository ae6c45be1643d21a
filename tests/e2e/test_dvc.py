"""The same stages by hand, through DVC: reproduced, found unchanged, and varied in an experiment."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.settings import REPOSITORY


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The repository as it is now, in a clone of its own: experiments leave their traces there."""
    copy = tmp_path / "clone"
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split("\0")
    for file in filter(None, files):
        (copy / file).parent.mkdir(parents=True, exist_ok=True)
        (copy / file).write_bytes((REPOSITORY / file).read_bytes())
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "as it is"]):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@localhost", *command], cwd=copy, check=True)
    return copy


def dvc(stack: Any, clone: Path, *arguments: str) -> str:
    scripts = sysconfig.get_path("scripts")
    who = {f"GIT_{role}_{what}": "t@localhost" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = stack.environment | who | {"PATH": os.pathsep.join([scripts, os.environ["PATH"]])}
    done = subprocess.run(
        [f"{scripts}/dvc", *arguments], cwd=clone, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_stages_reproduce_and_an_experiment_is_compared_by_its_figures(stack: Any, clone: Path) -> None:
    dvc(stack, clone, "repro", "commit_dataset")
    assert "Stage 'validate' didn't change, skipping" in dvc(stack, clone, "repro", "commit_dataset")
    before = json.loads((clone / "data" / "commit_dataset.json").read_text())

    dvc(stack, clone, "exp", "run", "-S", "train.learning_rate=1e-4")
    assert json.loads((clone / "data" / "commit_dataset.json").read_text()) == before
    adapter = json.loads((clone / "data" / "fine_tune.json").read_text())
    assert stack.mlflow().get_run(adapter["run_id"]).data.params["train.learning_rate"] == "0.0001"
    figures = json.loads((clone / "data" / "evaluate.json").read_text())["metrics"]
    assert set(figures) >= {"base", "base_retrieval", "few_shot", "challenger"}
    shown = json.loads(dvc(stack, clone, "exp", "show", "--json"))
    assert "challenger" in json.dumps(shown)
