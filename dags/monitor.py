"""One DAG per template. It compares requests, answers and newly collected rows with the reference (Evidently).

It starts `retrain_<template>` when the data have drifted, when answers got worse, or when the last training is too old.
The menu entry *Drift* lists the reports.
"""

from collections.abc import Iterator
from typing import Any

from airflow.sdk import DAG, Asset, Metadata, chain, dag, get_current_context, task
from weaver_dags.graph import connect_stages, stage_tasks, task_group
from weaver_dags.results import pull_artifacts, sign_result
from weaver_dags.tasks import RETRIES, describe_stage, run_task_stage
from weaver_dags.templates import build_dags
from weaver_dags.trigger import drift_asset, set_run_note
from weaver_plugins.timetable import UpcomingCronTimetable

from pipelines.core.make_plan import make_plan
from pipelines.core.templates import Template, load_template


def monitor_cron(hours: float) -> str:
    """A cron expression: every hour, or as often as a window ends where windows are shorter than an hour."""
    return "7 * * * *" if hours >= 1 else f"*/{max(1, int(hours * 60))} * * * *"


@task.short_circuit
def is_due(template: str) -> bool:
    """End the run here, successfully, if nothing is new since the last check; a run started by hand always checks."""
    from pipelines.monitoring.drift.detect_drift import reason_to_check

    current = load_template(template)
    manual = get_current_context()["dag_run"].run_type == "manual"
    reason = "started by hand" if manual else reason_to_check(template, current.drift, current.serving.timeout)
    print(f"{template}: {reason or 'nothing new'}")
    return bool(reason)


@task(task_id="plan", task_display_name="Plan")
def merge_plan(template: str) -> dict[str, Any]:
    """The template's plan: which rows it collects, and the settings that a retraining starts from."""
    return sign_result(make_plan(template).model_dump(mode="json"))


@task.short_circuit
def has_drifted() -> bool:
    """End the run here, successfully, if nothing has drifted."""
    report = pull_artifacts("detect_drift")["detect_drift"]
    parts = (f"Drift: {', '.join(report['fired']) or 'none'}", report["waiting"], report["url"])
    set_run_note(". ".join(part for part in parts if part))
    return bool(report["event"])


def emit_drift_event(asset: Asset) -> Any:
    """The stage as a task whose asset event starts the retraining, with the reason in its `extra`."""

    @task(**describe_stage("emit_drift_event"), outlets=[asset])
    def emit() -> Iterator[Metadata]:
        artifacts = pull_artifacts("plan", "detect_drift")
        run_task_stage("emit_drift_event", artifacts["plan"], {"detect_drift": artifacts["detect_drift"]})
        yield Metadata(asset, extra=artifacts["detect_drift"]["event"])

    return emit()


def monitor(template: Template) -> DAG:
    """The DAG of a template."""

    @dag(
        dag_id=f"monitor_{template.name}",
        dag_display_name=f"Monitor: {template.title}",
        description="Detect drift in requests, answers and new rows, and start a retraining.",
        doc_md=f"## {template.title}\n\n{__doc__}",
        schedule=UpcomingCronTimetable(monitor_cron(template.drift.hours), timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=True,  # the first run of the template switches it on
        tags=["neuroweaver", "monitor", template.name],
        default_args={"owner": template.owner, **RETRIES},
        auto_register=False,
    )
    def monitor_dag() -> None:
        due, plan = is_due(template.name), merge_plan(template.name)
        with task_group("data"):
            data = stage_tasks("collect_feedback", "collect")
        with task_group("monitoring"):
            monitoring = stage_tasks("fetch_deployed_version", "fetch_training_dataset", "detect_drift")
            drifted = has_drifted()
            event = {"emit_drift_event": emit_drift_event(drift_asset(template.name))}
        tasks = data | monitoring | event
        connect_stages(tasks)
        chain(due, plan, [tasks["collect_feedback"], tasks["fetch_deployed_version"]])
        chain(tasks["detect_drift"], drifted, tasks["emit_drift_event"])

    return monitor_dag()


globals().update(build_dags(monitor))
