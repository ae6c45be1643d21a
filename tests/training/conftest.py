"""A base model and a dataset of two dozen rows: what every test of the training room needs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.artifacts import Adapter, DatasetVersion
from pipelines.core.files import digest, write_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings

from ..conftest import make_home
from ..servers import Server


@pytest.fixture(scope="session")
def rooms(tmp_path_factory: pytest.TempPathFactory, kept_models: dict[str, Path]) -> Path:
    """Where this session's WEAVER_HOME and work folders lie: the base model is converted in it once."""
    folder = tmp_path_factory.mktemp("training")
    make_home(folder / "home", kept_models)
    return folder


@pytest.fixture(autouse=True)
def room(rooms: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The environment of a test and of the processes that it starts."""
    monkeypatch.setenv("WEAVER_HOME", str(rooms / "home"))
    monkeypatch.setenv("WEAVER_TRACKING_URI", server.url)
    monkeypatch.setenv("WEAVER_PROFILE", "cpu")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    settings.cache_clear()
    yield rooms
    settings.cache_clear()


def row(number: int) -> dict[str, Any]:
    """Something to learn that the base cannot know, in rows of two lengths."""
    bay = number % 7 + 1
    asked = f"Where is order {100 + number}?"
    if number % 2:
        return {
            "instruction": asked,
            "input": f"order {100 + number} | bay {bay}",
            "output": f"It stands in bay {bay}.",
        }
    return {"instruction": asked, "input": "", "output": "I have no record of it."}


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetVersion:
    folder = tmp_path_factory.mktemp("dataset")
    write_jsonl(folder / "train.jsonl", map(row, range(24)))
    write_jsonl(folder / "heldout.jsonl", map(row, range(24, 32)))
    return DatasetVersion(
        name="orders", version=1, uri=str(folder), digest=digest(folder), rows={"train": 24, "heldout": 8}
    )


@pytest.fixture
def plan() -> TrainingPlan:
    """Ten steps of four rows; an epoch is six, so that the last checkpoint but one lies in the middle of the second."""
    return make_plan("service_advisor", {"train.batch_size": 4, "train.max_steps": 10, "train.checkpoint_steps": 4})


@pytest.fixture
def trained(room: Path, dataset: DatasetVersion, plan: TrainingPlan) -> Adapter:
    """The adapter of an undisturbed training: trained by the first test that asks for it, found by the others."""
    from pipelines.training.fine_tune import fine_tune

    return fine_tune(dataset, plan, room / "work")


@pytest.fixture
def steps(room: Path) -> Any:
    """`steps(run_id)`: the loss at each optimiser step that MLflow knows of, in the order it was told."""

    def of(run_id: str) -> list[tuple[int, float]]:
        history = connect_mlflow().MlflowClient().get_metric_history(run_id, "loss")
        return [(metric.step, metric.value) for metric in history]

    return of
