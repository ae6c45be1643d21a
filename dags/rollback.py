"""By hand, for any template: an earlier champion is champion again, and answers."""

from typing import Any

from airflow.sdk import Param, chain, dag, get_current_context, task
from weaver_dags.deployment import deploy_tasks
from weaver_dags.results import pull_artifacts, sign_result
from weaver_dags.tasks import RETRIES, run_task_stage

from pipelines.core.make_plan import make_plan
from pipelines.core.templates import find_template_files
from pipelines.stages.table import STAGES


@task(task_id="plan")
def merge_plan() -> dict[str, Any]:
    """The template's plan: where its champion answers, and what its base is."""
    return sign_result(make_plan(get_current_context()["params"]["template"]).model_dump(mode="json"))


@task(doc_md=STAGES["rollback"].help)
def rollback() -> dict[str, Any]:
    from pipelines.serving.deployment_pointer import deployed_version_number

    context = get_current_context()
    asked, who = context["params"], context["dag_run"].triggering_user_name or "airflow"
    signed = {"by": who, "why": asked["why"], "to": asked["to"], "deployed": deployed_version_number(asked["template"])}
    return run_task_stage("rollback", pull_artifacts("plan")["plan"], {}, **signed)


@dag(
    dag_id="rollback",
    dag_display_name="Roll back",
    description="Let an earlier champion of a template answer again.",
    doc_md=f"## Roll back\n\n{__doc__}\n\nThe next run finishes one that was interrupted.",
    schedule=None,
    max_active_runs=1,
    is_paused_upon_creation=False,  # it runs only when somebody asks
    params={
        "template": Param(next(iter(find_template_files())), enum=list(find_template_files()), title="Template"),
        "to": Param(0, type="integer", minimum=0, title="To version", description="0: the champion before this one"),
        "why": Param("", type="string", minLength=1, title="Why", description="kept in the ledger"),
    },
    tags=["neuroweaver", "rollback"],
    default_args={"owner": "neuroweaver", **RETRIES},
)
def sentence() -> None:
    asked = rollback()
    chain(merge_plan(), asked)
    deploy_tasks(asked, "rollback")


sentence()
