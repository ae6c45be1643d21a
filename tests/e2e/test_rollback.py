"""The way back through the real scheduler, as somebody takes it who presses Trigger in Airflow."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from pipelines.registry import ledger
from pipelines.serving.deploy import answering
from pipelines.settings import settings
from pipelines.templates import template_files

from ..models import Home

NAME = "way_back"


@pytest.fixture
def models(stack: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A template of the stack's, two versions of which were champion."""
    own = stack.home / "templates" / f"{NAME}.yaml"
    own.parent.mkdir(exist_ok=True)
    own.write_text(template_files()["service_advisor"].read_text().replace("name: service_advisor", f"name: {NAME}"))
    for key, value in stack.environment.items():
        if key.startswith("WEAVER_"):
            monkeypatch.setenv(key, value)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", stack.secret("mlflow"))
    settings.cache_clear()
    yield Home(stack.home, NAME, stack.home / "mlflow" / "artifacts")
    own.unlink()
    settings.cache_clear()


@pytest.mark.slow
def test_an_earlier_champion_answers_again(stack: Any, models: Home) -> None:
    models.promoted(1, 2)
    airflow, end = stack.airflow(), time.monotonic() + 180
    while NAME not in airflow.get("/api/v2/dags/rollback/details").raise_for_status().json()["params"]["template"][
        "schema"
    ].get("enum", []):
        assert time.monotonic() < end, "the DAG does not offer the new template"
        time.sleep(1)
    asked = {"template": NAME, "to": 0, "why": "prices were wrong"}
    runs = "/api/v2/dags/rollback/dagRuns"
    airflow.post(runs, json={"logical_date": None, "conf": asked}).raise_for_status()
    stack.wait_for_task("rollback", "record", "success", seconds=300)
    intent, done = ledger.read()[-2:]
    assert (intent.event, intent.version, intent.by, intent.why) == ("rollback", 1, "admin", "prices were wrong")
    assert (done.event, done.version) == ("deployed", 1)
    assert answering(NAME) == models.champions()[0] == 1
    no_reason = airflow.post(runs, json={"logical_date": None, "conf": asked | {"why": ""}})
    assert no_reason.status_code == 400
    assert stack.json("ledger", "verify")["whole"]
