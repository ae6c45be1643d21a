"""The tasks that the DAGs are sentences of: each runs a stage of the loop."""

from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule, get_current_context, task
from airflow.sdk.exceptions import AirflowTaskTimeout
from weaver_plugins.notifier import WeaverNotifier

from pipelines.core.errors import Unavailable, WeaverError
from pipelines.stages.run import run_stage
from pipelines.stages.table import STAGES
from weaver_dags.results import pull_artifacts, sign_result
from weaver_dags.trigger import trigger_reason

# What a person must mend is not tried again; a server that is away is, and so is a task whose machine went down. When
# a task is given up, somebody is told.
RETRIES = {
    "retries": 3,
    "retry_delay": timedelta(seconds=20),
    "retry_policy": ExceptionRetryPolicy(
        rules=[
            RetryRule(exception=Unavailable, action=RetryAction.RETRY),
            RetryRule(exception=WeaverError, action=RetryAction.FAIL),
            RetryRule(exception=AirflowTaskTimeout, action=RetryAction.FAIL),
        ]
    ),
    "on_failure_callback": WeaverNotifier(),
}


def run_task_stage(name: str, plan: dict[str, Any], artifacts: dict[str, Any], **signed: Any) -> dict[str, Any]:
    """Run a stage in this run: what it costs is the run's, and it may say why the run was started."""
    this = {"run_id": get_current_context()["run_id"], "trigger_reason": trigger_reason()}
    return sign_result(run_stage(name, plan, artifacts, **this, **signed).model_dump(mode="json"))


def stage_task(name: str, allowed_by: str = "", **options: Any) -> Any:
    """A task that runs one stage of the loop on this run's plan and on the artifacts before it.

    Args:
        allowed_by: a task that must have returned true; that it succeeded proves nothing, it may be set by hand.
    """

    @task(task_id=name, doc_md=STAGES[name].help, **options)
    def run_stage() -> dict[str, Any]:
        if allowed_by and not pull_artifacts(allowed_by)[allowed_by]:
            raise WeaverError(
                f"the task {allowed_by} did not allow {name}: its state was set by hand",
                f"Clear the task {allowed_by}, so that it runs again.",
            )
        return run_task_stage(name, pull_artifacts("plan")["plan"], pull_artifacts(*STAGES[name].takes))

    return run_stage()
