"""Started by hand, for any template: makes an earlier version the champion again, and deploys it."""

from typing import Any

from airflow.sdk import Param, chain, dag, get_current_context, task
from weaver_dags.deployment import deploy_tasks
from weaver_dags.results import pull_artifacts, sign_result
from weaver_dags.tasks import RETRIES, describe_stage, run_task_stage

from pipelines.core.make_plan import make_plan
from pipelines.core.templates import find_template_files


@task(task_id="plan", task_display_name="Plan")
def merge_plan() -> dict[str, Any]:
    """The template's plan: where its champion is deployed, and what its base model is."""
    return sign_result(make_plan(get_current_context()["params"]["template"]).model_dump(mode="json"))


@task(**describe_stage("rollback"))
def rollback() -> dict[str, Any]:
    from pipelines.serving.deployment_pointer import deployed_version_number

    context = get_current_context()
    params, user = context["params"], context["dag_run"].triggering_user_name or "airflow"
    deployed = deployed_version_number(params["template"])
    decision = {"by": user, "why": params["why"], "to": params["to"], "deployed": deployed}
    return run_task_stage("rollback", pull_artifacts("plan")["plan"], {}, **decision)


@dag(
    dag_id="rollback",
    dag_display_name="Roll back",
    description="Make an earlier version the champion again, and deploy it.",
    doc_md=f"## Roll back\n\n{__doc__}\n\nIf a run is interrupted, the next run finishes it.",
    schedule=None,
    max_active_runs=1,
    is_paused_upon_creation=False,  # it runs only when somebody asks
    params={
        "template": Param(
            next(iter(find_template_files())),
            enum=list(find_template_files()),
            title="Template",
            description="The template to roll back.",
        ),
        "to": Param(
            0,
            type="integer",
            minimum=0,
            title="To version",
            description="Number of the model version; 0: the champion before the present one.",
        ),
        "why": Param(
            "",
            type="string",
            minLength=1,
            title="Reason",
            description="Why it is rolled back; it is written to the ledger.",
        ),
    },
    tags=["neuroweaver", "rollback"],
    default_args={"owner": "neuroweaver", **RETRIES},
)
def roll_back() -> None:
    promotion = rollback()
    chain(merge_plan(), promotion)
    deploy_tasks(promotion, "rollback")


roll_back()
