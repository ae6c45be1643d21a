"""Whoever may edit tasks in Airflow cannot approve: on the real servers, with a candidate that waits for a reviewer.

The tests tell one story in their order: what an engineer tries, a reviewer's no in Airflow, and a yes in MLflow.
"""

import json
import time
from typing import Any

import pytest

from pipelines.core.templates import find_template_files

TEMPLATE = "guarded_advisor"
DAG = f"retrain_{TEMPLATE}"


@pytest.fixture(scope="module")
def waiting(stack: Any) -> str:
    """The path of the task `approve` of a run whose candidate waits for an answer."""
    text = find_template_files()["service_advisor"].read_text().replace("name: service_advisor", f"name: {TEMPLATE}")
    (stack.home / "templates").mkdir(exist_ok=True)
    (stack.home / "templates" / f"{TEMPLATE}.yaml").write_text(text)
    airflow, end = stack.airflow(), time.monotonic() + 600
    while not airflow.get(f"/api/v2/dags/{DAG}").is_success:
        assert time.monotonic() < end, "the template has no DAG"
        time.sleep(1)
    stack.start("run", TEMPLATE, "--set", "train.max_steps=2")
    return str(stack.wait_for_task(DAG, "approve", "awaiting_input", seconds=1200))


def champion(stack: Any) -> int:
    aliases = stack.json("registry", "show", TEMPLATE)["aliases"]
    return int(aliases["champion"]["version"]) if "champion" in aliases else 0


def clear(airflow: Any, waiting: str, *task_ids: str, downstream: bool = False) -> None:
    run_id = waiting.rpartition("/taskInstances/")[0].rpartition("/")[2]
    body = {"dry_run": False, "task_ids": task_ids, "dag_run_id": run_id, "only_failed": False}
    body |= {"include_downstream": downstream, "reset_dag_runs": True}
    airflow.post(f"/api/v2/dags/{DAG}/clearTaskInstances", json=body).raise_for_status()


def test_an_engineer_cannot_forge_an_approval(stack: Any, waiting: str) -> None:
    entries = len(stack.json("ledger", "show", TEMPLATE))
    engineer = stack.airflow("engineer", "airflow_engineer")
    forged = {
        "chosen_options": ["Approve"],
        "params_input": {"why": "it is good"},
        "responded_by_user": {"id": "reviewer", "name": "reviewer"},
        "responded_at": "2026-11-26T03:00:00Z",
    }
    body = {"key": "return_value", "value": json.dumps(forged)}
    engineer.post(f"{waiting}/xcomEntries", json=body).raise_for_status()
    engineer.patch(f"{waiting}/-1", json={"new_state": "success"}).raise_for_status()
    stack.wait_for_task(DAG, "decided", "failed")
    stack.wait_for_task(DAG, "promote", "upstream_failed")

    # Nor by starting the task that promotes.
    decided = waiting.replace("/approve", "/decided")
    engineer.patch(decided, json={"new_state": "success"}).raise_for_status()
    clear(engineer, waiting, "promote")
    stack.wait_for_task(DAG, "promote", "failed")
    assert champion(stack) == 0
    assert len(stack.json("ledger", "show", TEMPLATE)) == entries, "nothing was decided"


def test_a_reviewers_no_counts_and_is_in_the_ledger_with_its_records(stack: Any, waiting: str) -> None:
    clear(stack.airflow(), waiting, "approve", downstream=True)
    stack.answer_approval(DAG, "Reject", "not yet")
    stack.wait_for_task(DAG, "reject", "success")
    entry = stack.json("ledger", "show", TEMPLATE)[-1]
    assert (entry["event"], entry["by"], entry["why"]) == ("rejected", "reviewer", "not yet")
    record = entry["record"]
    assert record["question"]["responded_by_user"]["id"] == record["audit_log"]["owner"] == "reviewer"
    assert "asks to become the champion" in record["question"]["body"]
    assert record["run"]["started_by"] == "admin"


def test_a_yes_in_mlflow_counts_where_only_reviewers_can_give_it(stack: Any, waiting: str) -> None:
    clear(stack.airflow(), waiting, "approve", "await_mlflow_approval", downstream=True)
    stack.wait_for_task(DAG, "approve", "awaiting_input")
    version = stack.json("registry", "show", TEMPLATE)["aliases"]["challenger"]["version"]
    stack.mlflow("reviewer", "mlflow_reviewer").set_registered_model_alias(TEMPLATE, "approved", str(version))
    stack.wait_for_task(DAG, "promote", "success")
    assert champion(stack) == version
    (entry,) = [entry for entry in stack.json("ledger", "show", TEMPLATE) if entry["event"] == "approved"]
    assert entry["by"] == "a reviewer in MLflow"
    assert entry["record"]["mlflow"]["who_can_set_it"] == ["admin", "reviewer"]
