"""Runs of one template on the real stack: the first hour, a run that waits for a person, and one that comes later."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.core.files import write_text
from pipelines.core.templates import find_template_files

TEMPLATE = "hourly_desk"
DAG = f"retrain_{TEMPLATE}"
STEPS = "\nrefine:\n  steps: [exact_duplicates, near_duplicates, personal, sample]\n"


@pytest.fixture(scope="module")
def just_missed(stack: Any) -> None:
    """A template whose nightly slot was a minute ago, and whose budget asks a person before it trains."""
    text = find_template_files()["service_advisor"].read_text().replace("name: service_advisor", f"name: {TEMPLATE}")
    text = text.replace("training_hours: 8 ", "run_cost: 0.000001\n  training_hours: 8 ")
    slot = datetime.now(UTC) - timedelta(minutes=1)
    text = text.replace('"0 2 * * *"', f'"{slot.minute} {slot.hour} * * *"')
    write_text(stack.home / "templates" / f"{TEMPLATE}.yaml", text + STEPS)
    airflow, end = stack.airflow(), time.monotonic() + 600
    while not airflow.get(f"/api/v2/dags/{DAG}").is_success:
        assert time.monotonic() < end, "the template has no DAG"
        time.sleep(1)


def runs(stack: Any) -> list[dict[str, Any]]:
    """The runs of the template's DAG, the oldest first."""
    response = stack.airflow().get(f"/api/v2/dags/{DAG}/dagRuns", params={"order_by": "id"}).raise_for_status()
    return response.json()["dag_runs"]


def test_a_new_run_takes_the_place_of_one_that_waits_for_a_person(stack: Any, just_missed: None) -> None:
    """Nobody decides: the old question is closed as superseded, and both terminals end with the newer run."""
    first = stack.start("run", TEMPLATE)
    question = stack.wait_for_task(DAG, "approve_cost", "awaiting_input", seconds=900)
    assert len(runs(stack)) == 1, "the slot of a minute ago has not been run"

    second = stack.start("run", TEMPLATE, "--set", "train.seed=18", "--json")
    end = time.monotonic() + 120
    while stack.airflow().get(question).json()["state"] != "skipped":
        assert time.monotonic() < end, stack.airflow().get(question).json()
        time.sleep(1)
    old, new = runs(stack)
    assert stack.airflow().get(f"{question}/-1/hitlDetails").json()["response_received"] is False
    assert f"Superseded by run {new['dag_run_id']}" in old["note"]
    yes = {"chosen_options": ["Approve"], "params_input": {"why": "too late"}}
    stack.airflow("reviewer", "airflow_reviewer").patch(f"{question}/-1/hitlDetails", json=yes)

    question = stack.wait_for_task(DAG, "approve_cost", "awaiting_input", seconds=900)
    assert new["dag_run_id"] in question
    stack.answer(question, "Reject", {"why": "not this month"})
    printed, errors = first.communicate(timeout=900)
    assert first.returncode == 0, errors
    assert f"was superseded by {new['dag_run_id']}" in " ".join(printed.split())
    printed, errors = second.communicate(timeout=900)
    assert second.returncode == 0, errors
    assert json.loads(printed)["outcome"].startswith("over budget")
    old, new = runs(stack)
    assert (old["state"], new["state"]) == ("success", "success")
    tasks = stack.airflow().get(f"/api/v2/dags/{DAG}/dagRuns/{old['dag_run_id']}/taskInstances").json()
    states = {task["task_id"]: task["state"] for task in tasks["task_instances"]}
    assert states["within_budget"] == states["fine_tune"] == states["promote"] == "skipped"
