"""What tasks return to each other: signed, because whoever may edit tasks in Airflow may edit XComs too."""

import json
from typing import Any

from airflow.sdk import get_current_context

from pipelines.core import signing
from pipelines.core.errors import WeaverError
from pipelines.core.files import canonical_json

SIGNATURE = "signature"  # the XCom beside a task's return value


def sign_result(value: Any) -> Any:
    """Sign what this task is about to return, so that nobody can change it on its way to the next task."""
    ti = get_current_context()["ti"]
    ti.xcom_push(SIGNATURE, signing.sign_text(statement(ti, ti.task_id, value)))
    return value


def pull_artifacts(*task_ids: str) -> dict[str, Any]:
    """What earlier tasks of this run returned; None for a task that was skipped.

    Raises:
        WeaverError: a value is not what the task returned: somebody edited the XCom, or set the task's state by hand.
    """
    ti = get_current_context()["ti"]
    results = {task_id: ti.xcom_pull(task_ids=task_id) for task_id in task_ids}
    for task_id, value in results.items():
        signed = ti.xcom_pull(task_ids=task_id, key=SIGNATURE) if value is not None else None
        if value is not None and not signing.verify_text(statement(ti, task_id, value), str(signed or "")):
            raise WeaverError(
                f"the XCom return_value of the task {task_id} is not what that task returned: it was edited by hand",
                f"Clear the task {task_id}, so that it runs again; Airflow's audit log says who edited it.",
            )
    return results


def statement(ti: Any, task_id: str, value: Any) -> str:
    """What is signed: a result belongs to one task of one run, and is worth nothing in another.

    The value as JSON gives it back: tuples are lists there, keys are text and may come in another order.
    """
    plain = json.loads(json.dumps(value))
    return canonical_json({"dag": ti.dag_id, "run": ti.run_id, "task": task_id, "value": plain})
