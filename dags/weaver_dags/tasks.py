"""A task that runs a stage of the loop, and what every task does when it fails."""

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

# What a person must correct is not retried. A server that does not answer is, and so is a task whose machine went down.
# When a task has failed for good, an alert is sent.
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


def run_task_stage(name: str, plan: dict[str, Any], artifacts: dict[str, Any], **extra: Any) -> dict[str, Any]:
    """Run a stage in this DAG run, which its costs are counted for; returns its artifact's JSON, for XCom.

    Args:
        extra: further arguments of the stage, as `by` and `why` of a decision.
    """
    context = {"run_id": get_current_context()["run_id"], "trigger_reason": trigger_reason()}
    return sign_result(run_stage(name, plan, artifacts, **context, **extra).model_dump(mode="json"))


def describe_stage(name: str) -> dict[str, Any]:
    """What the table says of a stage, as options of its task: id, display name, documentation, pool."""
    stage = STAGES[name]
    takes = f"Takes the artifacts of {', '.join(f'`{source}`' for source in stage.takes)}." if stage.takes else ""
    doc = "\n\n".join(filter(None, [stage.help, takes, f"Code: `pipelines.{stage.module}`."]))
    return {"task_id": name, "task_display_name": stage.title(name), "doc_md": doc} | (
        {"pool": stage.pool} if stage.pool else {}
    )


def stage_task(name: str, allowed_by: str = "", **options: Any) -> Any:
    """A task that runs one stage of the loop on this run's plan and on the artifacts of the stages that it takes.

    Args:
        allowed_by: a task that must have returned true; that it succeeded proves nothing, it may be set by hand.
        options: of the task, as Airflow takes them.
    """

    @task(**describe_stage(name) | options)
    def run_stage() -> dict[str, Any]:
        if allowed_by and not pull_artifacts(allowed_by)[allowed_by]:
            raise WeaverError(
                f"the task {allowed_by} did not allow {name}: its state was set by hand",
                f"Clear the task {allowed_by}, so that it runs again.",
            )
        return run_task_stage(name, pull_artifacts("plan")["plan"], pull_artifacts(*STAGES[name].takes))

    return run_stage()
