"""Deploys the champion wherever MLflow's alias names another version than the deployed one.

A retraining deploys what it promotes by itself. This DAG finishes a deployment that was interrupted, on this machine or
on another.
"""

from typing import Any

from airflow.sdk import Asset, AssetWatcher, Param, chain, dag, get_current_context, task
from weaver_dags.deployment import deploy_tasks
from weaver_dags.results import pull_artifacts, sign_result
from weaver_dags.tasks import RETRIES, describe_stage, run_task_stage
from weaver_plugins.champion_watcher import UndeployedChampionTrigger

from pipelines.core.make_plan import make_plan
from pipelines.core.templates import find_template_files

CHAMPION = Asset("champion", watchers=[AssetWatcher(name="champions", trigger=UndeployedChampionTrigger())])


@task(task_id="plan", task_display_name="Plan")
def merge_plan() -> dict[str, Any]:
    """The plan of the template whose champion changed, or that was chosen in the form."""
    context = get_current_context()
    moved = [event.extra["payload"] for events in context["triggering_asset_events"].values() for event in events]
    name = moved[-1]["template"] if moved else context["params"]["template"]
    return sign_result(make_plan(name).model_dump(mode="json"))


@task(**describe_stage("resolve_champion"))
def resolve_champion() -> dict[str, Any]:
    return run_task_stage("resolve_champion", pull_artifacts("plan")["plan"], {})


@dag(
    dag_id="deploy",
    dag_display_name="Deploy the champion",
    description="Deploy the champion where another version is deployed.",
    doc_md=f"## Deploy the champion\n\n{__doc__}",
    schedule=[CHAMPION],
    max_active_runs=1,
    is_paused_upon_creation=False,
    params={
        "template": Param(
            next(iter(find_template_files())),
            enum=list(find_template_files()),
            title="Template",
            description="The template whose champion is deployed.",
        )
    },
    tags=["neuroweaver", "deploy"],
    default_args={"owner": "neuroweaver", **RETRIES},
)
def deploy_champion() -> None:
    promotion = resolve_champion()
    chain(merge_plan(), promotion)
    deploy_tasks(promotion, "resolve_champion")


deploy_champion()
