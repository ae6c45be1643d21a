"""Hourly: templates that cannot be used raise an alert; alerts that a channel did not take are sent again, and those
that nobody acknowledged are escalated.

Daily: the digest.
"""

from airflow.sdk import chain, dag, get_current_context, task
from weaver_dags.tasks import RETRIES
from weaver_plugins.timetable import UpcomingCronTimetable

SHARED = {
    "catchup": False,
    "max_active_runs": 1,
    "is_paused_upon_creation": False,
    "tags": ["neuroweaver", "alerts"],
    "default_args": {"owner": "neuroweaver", **RETRIES},
}


@task(task_id="check_templates", task_display_name="Check templates")
def check_templates() -> int:
    """Raise an alert for each template that cannot be used: it has no DAG that could say so."""
    from pipelines.alerts.template_alerts import alert_broken_templates

    return alert_broken_templates()


@task
def send() -> None:
    from pipelines.alerts import escalate

    escalate()


@task(task_id="digest")
def send_digest() -> str:
    from pipelines.alerts.daily_digest import digest

    return digest(get_current_context()["run_id"])


@dag(
    dag_id="alerts",
    dag_display_name="Alerts",
    description="Check the templates, send undelivered alerts, and escalate those that nobody acknowledged.",
    doc_md=f"## Alerts\n\n{__doc__}",
    schedule=UpcomingCronTimetable("15 * * * *", timezone="UTC"),
    **SHARED,
)
def alerts() -> None:
    chain(check_templates(), send())


@dag(
    dag_id="digest",
    dag_display_name="Digest",
    description="Send a summary of the alerts of the last day, and of what became of them.",
    doc_md=f"## Digest\n\n{__doc__}",
    schedule=UpcomingCronTimetable("0 7 * * *", timezone="UTC"),
    **SHARED,
)
def digest() -> None:
    send_digest()


alerts()
digest()
