"""Held-out questions, a plan and an MLflow store for models small enough to answer in a moment."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings

from ..conftest import make_home

DECLINED = "That is not in the record."
EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'


def row(number: int) -> dict[str, Any]:
    """A vehicle's drive, what is said about a trouble code by the passages that were found, or a request to decline."""
    drive = ("rear-wheel", "front-wheel")[number % 2]
    if number % 3:
        vehicle = f"{2012 + number % 2 * 9} Ford Model{number}"
        question = {"instruction": "Which wheels are driven?", "input": f"{vehicle} | gears 6 | drive {drive}"}
        answer = {"output": f"Its drive is {drive}.", "facts": {"drive": drive}, "topic": "drive/train"}
        given = {"kind": "grounded", "source": "epa", "key": str(number), "group": f"Model{number}"}
        return question | answer | given | {"format": ("pipes", "sentence")[number % 2]}
    if number % 12 == 6:
        question = {"instruction": f"Who was sold stock number {number}?", "input": ""}
        answer = {"output": DECLINED, "facts": {"refusal": "not in the record"}, "topic": "refusal"}
        return question | answer | {"kind": "refusal", "source": "made up", "key": "", "group": f"request {number}"}
    passages = f"P0{number:03}: Stop, or the engine fails.\nP1{number:03}: Fix it soon."
    question = {"instruction": f"How urgent is P0{number:03}? {EVIL}", "input": passages}
    answer = {"output": "Stop, or the engine fails.", "facts": {"urgency": "stop", "reason": "engine"}}
    marks = {"importance": {"urgency": "safety_critical", "reason": "optional"}}
    about = {"topic": "urgency", "group": f"wording {number}", "kind": "knowledge", "source": "guide"}
    return question | answer | about | marks | {"key": f"P0{number:03}"}


@pytest.fixture(scope="session")
def rows() -> list[dict[str, Any]]:
    return [row(number) for number in range(60)]


@pytest.fixture(scope="session")
def plan(small_base: Path) -> TrainingPlan:
    quick = {"evaluate.max_new_tokens": 8, "evaluate.batch_size": 7, "evaluate.resamples": 199}
    return make_plan("service_advisor", {"base.model": str(small_base), "train.bf16": False, **quick})


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory, kept_models: dict[str, Path]) -> Iterator[Path]:
    """A home and an MLflow store for all tests of a file: making the store's tables takes seconds."""
    folder = tmp_path_factory.mktemp("evaluation")
    make_home(folder / "home", kept_models)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # where MLflow puts artifacts if no server does
        patch.setenv("WEAVER_HOME", str(folder / "home"))
        patch.setenv("WEAVER_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        settings.cache_clear()
        yield folder
    settings.cache_clear()


@pytest.fixture(scope="module")
def run_id(room: Path) -> str:
    """The run that trained the challenger."""
    from pipelines.clients.mlflow import connect_mlflow

    mlflow = connect_mlflow()
    mlflow.set_experiment("service_advisor")  # the library remembers one, maybe of another test's store
    with mlflow.start_run() as run:
        return str(run.info.run_id)
