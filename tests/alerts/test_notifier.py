"""What Airflow calls back about becomes an alert that leads to the run; test_alerting.py lets Airflow call."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.alerts import alert_store
from pipelines.core.errors import WeaverError
from pipelines.core.settings import REPOSITORY, settings

RUN = "scheduled__2026-03-02T02:00:00+00:00"


@pytest.fixture
def notifier(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(REPOSITORY / "plugins"))
    from weaver_plugins.notifier import WeaverNotifier

    yield WeaverNotifier


@pytest.fixture
def context() -> dict[str, Any]:
    from airflow.sdk import DAG

    return {"dag": DAG("retrain_service_advisor", schedule=None), "run_id": RUN}


def only() -> alert_store.AlertEvent:
    (entry,) = alert_store.read_events()
    return entry


def test_a_failed_task_tells_its_reason_and_its_run(notifier: Any, context: Any) -> None:
    error = WeaverError("row 317: output is 42", "Correct it.")
    notifier()(context | {"ti": SimpleNamespace(task_id="validate"), "exception": error})
    told = only()
    assert told.text == "retrain_service_advisor: validate failed: row 317: output is 42\n  → Correct it."
    assert (told.key, told.template) == ("service_advisor.validate", "service_advisor")
    run = "scheduled__2026-03-02T02%3A00%3A00%2B00%3A00"
    page = f"{settings().airflow_url}/dags/retrain_service_advisor/runs/{run}"
    assert (told.severity, told.link) == ("warning", f"{page}/tasks/validate")


def test_a_task_whose_process_was_killed_is_told_too(notifier: Any, context: Any) -> None:
    notifier()(context | {"ti": SimpleNamespace(task_id="fine_tune")})
    assert only().text == "retrain_service_advisor: fine_tune failed: its process ended"


def test_a_run_that_ended_well_is_for_the_digest(notifier: Any, context: Any) -> None:
    notifier("ended")(context)
    assert (only().severity, only().text) == ("info", "retrain_service_advisor ended well")


def test_a_missed_deadline_is_told_from_within_the_triggerer(notifier: Any) -> None:
    run = {"dag_id": "retrain_service_advisor", "dag_run_id": RUN}
    context = {"dag_run": run, "deadline": {"id": "d", "deadline_time": "2026-03-02T12:00:00Z"}}

    async def called() -> None:
        await notifier(event="late", context=context)

    asyncio.run(called())
    assert only().text.startswith("retrain_service_advisor is not over yet and was due at 2026-03-02 12:00 UTC")
    assert (only().key, only().severity) == ("retrain_service_advisor.late", "warning")
