"""One DAG per template: compares requests, answers and new rows with what the champion was trained for.

When requests change, answers get worse or the last training is too long ago, `retrain_<template>` starts. The
menu entry *Drift* lists the reports.
"""

from collections.abc import Iterator
from typing import Any

from airflow.sdk import Asset, Metadata, chain, dag, get_current_context, task
from weaver_dags.results import pull_artifacts, sign_result
from weaver_dags.tasks import RETRIES, stage_task
from weaver_dags.trigger import drift_asset, set_run_note
from weaver_plugins.timetable import UpcomingCronTimetable

from pipelines.core.make_plan import make_plan
from pipelines.core.templates import Template, find_template_files, load_template
from pipelines.stages.run import run_stage
from pipelines.stages.table import STAGES


def often(hours: float) -> str:
    """Every hour; where windows are shorter, every so many minutes."""
    return "7 * * * *" if hours >= 1 else f"*/{max(1, int(hours * 60))} * * * *"


@task.short_circuit
def is_due(template: str) -> bool:
    """Stop here, in a moment, if nothing is new since the last check; a run that somebody starts always checks."""
    from pipelines.monitoring.drift.detect_drift import reason_to_check

    current = load_template(template)
    manual = get_current_context()["dag_run"].run_type == "manual"
    reason = "started by hand" if manual else reason_to_check(template, current.drift, current.serving.timeout)
    print(f"{template}: {reason or 'nothing new'}")
    return bool(reason)


@task(task_id="plan")
def merge_plan(template: str) -> dict[str, Any]:
    """The template's plan: which rows it collects, and what a change of it would start from."""
    return sign_result(make_plan(template).model_dump(mode="json"))


@task.short_circuit
def has_drifted() -> bool:
    """Stop here, green, if nothing has changed."""
    report = pull_artifacts("detect_drift")["detect_drift"]
    parts = (f"Drift: {', '.join(report['fired']) or 'none'}", report["waiting"], report["url"])
    set_run_note(". ".join(part for part in parts if part))
    return bool(report["event"])


def emit_drift_event(asset: Asset) -> Any:
    @task(task_id="emit_drift_event", doc_md=STAGES["emit_drift_event"].help, outlets=[asset])
    def say() -> Iterator[Metadata]:
        made = pull_artifacts("plan", "detect_drift")
        run_stage("emit_drift_event", made["plan"], {"detect_drift": made["detect_drift"]})
        yield Metadata(asset, extra=made["detect_drift"]["event"])

    return say()


def monitor(template: Template) -> None:
    @dag(
        dag_id=f"monitor_{template.name}",
        dag_display_name=f"Monitor: {template.title}",
        description="Checks every hour whether requests, answers or new rows have changed.",
        doc_md=f"## {template.title}\n\n{__doc__}",
        schedule=UpcomingCronTimetable(often(template.drift.hours), timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=True,  # the first run of the template switches it on
        tags=["neuroweaver", "monitor", template.name],
        default_args={"owner": template.owner, **RETRIES},
    )
    def sentence() -> None:
        chain(
            is_due(template.name),
            merge_plan(template.name),
            stage_task("collect_feedback"),
            stage_task("collect"),
            stage_task("fetch_deployed_version"),
            stage_task("fetch_training_dataset"),
            stage_task("detect_drift"),
            has_drifted(),
            emit_drift_event(drift_asset(template.name)),
        )

    sentence()


for name in find_template_files():
    monitor(load_template(name))
