"""What a task returns is signed: nobody changes it on its way to the next task, in this run or from another."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import WeaverError
from pipelines.core.settings import REPOSITORY


class FakeTaskInstance:
    """One task of a run; XComs are JSON in a store that all tasks of all runs share, as in Airflow's database."""

    def __init__(self, store: dict[Any, str], task_id: str, run_id: str = "r1", dag_id: str = "retrain_a") -> None:
        self.store, self.task_id, self.run_id, self.dag_id = store, task_id, run_id, dag_id

    def xcom_push(self, key: str, value: Any) -> None:
        self.store[self.dag_id, self.run_id, self.task_id, key] = json.dumps(value)

    def xcom_pull(self, task_ids: str, key: str = "return_value") -> Any:
        return json.loads(self.store.get((self.dag_id, self.run_id, task_ids, key), "null"))


@pytest.fixture
def results(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(REPOSITORY / "dags"))
    from weaver_dags import results

    yield results
    sys.modules.pop("weaver_dags.results", None)


@pytest.fixture
def run_as(results: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    store: dict[Any, str] = {}

    def run_as(task_id: str, run_id: str = "r1", dag_id: str = "retrain_a") -> FakeTaskInstance:
        ti = FakeTaskInstance(store, task_id, run_id, dag_id)
        monkeypatch.setattr(results, "get_current_context", lambda: {"ti": ti})
        return ti

    return run_as


def return_from(results: Any, ti: FakeTaskInstance, value: Any) -> None:
    ti.xcom_push("return_value", results.sign_result(value))


VERDICT = {"passed": False, "rules": [{"figure": 0.1, "limit": float("inf")}], "reason": "failed: too slow"}


def test_a_result_arrives_as_it_was_returned(results: Any, run_as: Any) -> None:
    return_from(results, run_as("gate"), VERDICT)
    return_from(results, run_as("within_budget"), True)
    run_as("promote")
    assert results.pull_artifacts("gate", "skipped_task") == {"gate": VERDICT, "skipped_task": None}
    assert results.pull_artifacts("within_budget") == {"within_budget": True}


@pytest.mark.parametrize("task_id", ["plan", "register", "export", "evaluate", "gate", "collect_evidence"])
def test_an_edited_result_is_refused(task_id: str, results: Any, run_as: Any) -> None:
    ti = run_as(task_id)
    return_from(results, ti, VERDICT)
    ti.xcom_push("return_value", VERDICT | {"passed": True})
    run_as("promote")
    with pytest.raises(WeaverError, match=f"return_value of the task {task_id} is not what that task returned"):
        results.pull_artifacts(task_id)


@pytest.mark.parametrize("signature", [None, "", "bm9uZQ==", "not base64"])
def test_a_result_without_its_signature_is_refused(signature: str | None, results: Any, run_as: Any) -> None:
    ti = run_as("gate")
    ti.xcom_push("return_value", VERDICT | {"passed": True})
    ti.xcom_push("signature", signature)
    with pytest.raises(WeaverError, match="edited by hand"):
        results.pull_artifacts("gate")


@pytest.mark.parametrize(
    "source", [("gate", "r0", "retrain_a"), ("gate", "r1", "retrain_b"), ("other", "r1", "retrain_a")]
)
def test_a_result_of_another_run_dag_or_task_is_refused(source: Any, results: Any, run_as: Any) -> None:
    other = run_as(*source)
    return_from(results, other, VERDICT | {"passed": True})
    ti = run_as("gate")
    for key in ("return_value", "signature"):
        ti.xcom_push(key, other.xcom_pull(other.task_id, key))
    with pytest.raises(WeaverError, match="edited by hand"):
        results.pull_artifacts("gate")
