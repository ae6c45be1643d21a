"""Why a run is started: by its schedule, by a person, or by a drift event of monitoring."""

from typing import Any

from airflow.sdk import Asset, get_current_context, task

from pipelines.core.errors import WeaverError
from pipelines.core.make_plan import make_plan
from pipelines.core.settings import SERVICE_ACCOUNT
from weaver_dags.results import sign_result


def drift_asset(template: str) -> Asset:
    """The asset whose events start a retraining of the template; their `extra` is a DriftEvent."""
    return Asset(f"drift_{template}")


@task(task_id="plan", task_display_name="Plan")
def make_run_plan(template: str) -> dict[str, Any]:
    """This run's plan: params.yaml ← profile ← template ← trigger form ← drift event; validated once and frozen."""
    from pipelines.monitoring.drift.trigger import merge_events

    context = get_current_context()
    events = [event for events in context["triggering_asset_events"].values() for event in events]
    ours = [{key: value for key, value in event.extra.items() if not key.startswith("from_")} for event in events]
    event = merge_events(template, ours)  # Airflow adds from_rest_api and the like
    if event:
        context["ti"].xcom_push("trigger_reason", event.model_dump(mode="json"))
        set_run_note(f"Started because {event.reason} {event.link}".strip())
    changes = dict(context["params"])
    experiment = changes.pop("experiment", False) is True  # never by an asset event
    plan = make_plan(template, changes | (event.config if event else {}), experiment)
    return sign_result(plan.model_dump(mode="json"))


def trigger_reason() -> str:
    """Why drift started this run; empty if it did not."""
    event = get_current_context()["ti"].xcom_pull(task_ids="plan", key="trigger_reason")
    return event["reason"] if event else ""


def set_run_note(text: str) -> None:
    """Set the note of this run, and print it to the task's log."""
    from pipelines.clients.airflow import AirflowClient, DagRun

    print(text)
    run = get_current_context()["dag_run"]
    try:
        DagRun(AirflowClient(SERVICE_ACCOUNT), run.dag_id, run.run_id).set_note(text)
    except WeaverError as error:
        print(f"the run has no note: {error}")
