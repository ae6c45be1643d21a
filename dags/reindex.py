"""One DAG per template that looks things up. It builds the knowledge index anew beside the live one, searches both with
held-out questions, and makes the new one live if it is not proven worse.

It runs weekly (`knowledge.reindex`), when documents were added or removed, and when a model was trained on a new
dataset version. A version that fails raises an alert, and the live one stays.
"""

from typing import Any

from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, AssetWatcher, chain, dag, task
from weaver_dags.graph import connect_stages, stage_tasks, task_group
from weaver_dags.results import pull_artifacts, sign_result
from weaver_dags.tasks import RETRIES
from weaver_dags.templates import build_dags
from weaver_dags.trigger import set_run_note
from weaver_plugins.knowledge_watcher import NewDocumentsTrigger
from weaver_plugins.timetable import UpcomingCronTimetable

from pipelines.core.make_plan import make_plan
from pipelines.core.templates import Template
from pipelines.knowledge.index_verdict import looks_things_up


@task(task_id="plan", task_display_name="Plan")
def merge_plan(template: str) -> dict[str, Any]:
    """The template's plan: which sources it has, and how two versions are compared."""
    return sign_result(make_plan(template).model_dump(mode="json"))


@task.short_circuit(task_display_name="Index passed?")
def index_passed() -> bool:
    """End the run here, successfully, if the new version failed: the live one stays."""
    verdict = pull_artifacts("check_index")["check_index"]
    set_run_note(f"Version {verdict['version']} {verdict['reason']}")
    return bool(verdict["passed"])


def reindex(template: Template) -> DAG:
    """The DAG of a template."""
    documents = Asset(
        f"documents_{template.name}",
        watchers=[AssetWatcher(name="documents", trigger=NewDocumentsTrigger(template.name))],
    )

    @dag(
        dag_id=f"reindex_{template.name}",
        dag_display_name=f"Reindex: {template.title}",
        description="Build the knowledge index anew, check it, and make it live.",
        doc_md=f"## {template.title}\n\n{__doc__}",
        schedule=AssetOrTimeSchedule(
            timetable=UpcomingCronTimetable(template.knowledge.reindex, timezone=template.schedule.timezone),
            assets=documents | Asset(f"dataset_{template.name}"),
        ),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=True,  # the first run of the template switches it on
        tags=["neuroweaver", "reindex", template.name],
        default_args={"owner": template.owner, **RETRIES},
        auto_register=False,
    )
    def reindex_dag() -> None:
        plan = merge_plan(template.name)
        with task_group("knowledge"):
            tasks = stage_tasks(
                "rebuild_index", "fetch_latest_dataset", "check_index", "switch_live_index", "log_index_run"
            )
            passed = index_passed()
        connect_stages(tasks)
        chain(plan, [tasks["rebuild_index"], tasks["fetch_latest_dataset"]])
        chain(tasks["check_index"], passed, tasks["switch_live_index"])

    return reindex_dag()


globals().update(build_dags(reindex, looks_things_up))
