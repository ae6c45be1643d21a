"""Whoever may edit tasks in Airflow cannot approve: on the real servers, with a candidate that waits for a reviewer."""

import json
from typing import Any

import pytest

TEMPLATE = "service_advisor"
DAG = f"retrain_{TEMPLATE}"


@pytest.fixture(scope="module")
def waiting(stack: Any) -> str:
    """The path of the task `approve` of a run whose candidate waits for an answer."""
    stack.start("run", TEMPLATE, "--set", "train.seed=12021", "--set", "train.max_steps=2")
    return str(stack.wait_for_task(DAG, "approve", "awaiting_input"))


def champion(stack: Any) -> int:
    aliases = stack.json("registry", "show", TEMPLATE)["aliases"]
    return int(aliases["champion"]["version"]) if "champion" in aliases else 0


def test_an_engineer_cannot_forge_an_approval(stack: Any, waiting: str) -> None:
    before, entries = champion(stack), len(stack.json("ledger", "show", TEMPLATE))
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
    assert champion(stack) == before
    assert len(stack.json("ledger", "show", TEMPLATE)) == entries, "nothing was decided"

    # Nor by starting the task that promotes.
    run = waiting.rpartition("/taskInstances/")[0]
    engineer.patch(f"{run}/taskInstances/decided", json={"new_state": "success"}).raise_for_status()
    clear = {"dry_run": False, "task_ids": ["promote"], "dag_run_id": run.rpartition("/")[2], "only_failed": False}
    engineer.post(f"/api/v2/dags/{DAG}/clearTaskInstances", json=clear).raise_for_status()
    stack.wait_for_task(DAG, "promote", "failed")
    assert champion(stack) == before


def test_the_reviewers_answer_counts_after_all_and_is_in_the_ledger(stack: Any, waiting: str) -> None:
    run = waiting.rpartition("/taskInstances/")[0]
    clear = {
        "dry_run": False,
        "task_ids": ["approve"],
        "dag_run_id": run.rpartition("/")[2],
        "include_downstream": True,
    }
    clear |= {"only_failed": False}
    stack.airflow().post(f"/api/v2/dags/{DAG}/clearTaskInstances", json=clear).raise_for_status()
    stack.answer_approval(DAG, "Reject", "only a test")
    stack.wait_for_task(DAG, "reject", "success")
    entry = stack.json("ledger", "show", TEMPLATE)[-1]
    assert (entry["event"], entry["by"], entry["why"]) == ("rejected", "reviewer", "only a test")
    record = entry["record"]
    assert record["question"]["responded_by_user"]["id"] == record["audit_log"]["owner"] == "reviewer"
    assert "asks to become the champion" in record["question"]["body"]
    assert record["run"]["started_by"] == "admin"
