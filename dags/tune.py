"""Better training settings for a template, searched by trial trainings on its data of today; started by hand.

Its runs go on where a killed one stopped. Each trial is a run in MLflow, inside the run of its tuning.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, chain, dag, get_current_context, task
from weaver_dags.results import pull_artifacts, sign_result
from weaver_dags.tasks import RETRIES, stage_task

from pipelines.core.artifacts import DatasetVersion
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.core.template_edit import find_own_template
from pipelines.core.templates import find_template_files

LONGEST = 24  # hours


@task(task_id="plan")
def chosen_plan() -> dict[str, Any]:
    """The plan of the template as it is; one that cannot be written to is refused before anything is trained."""
    chosen = get_current_context()["params"]
    if chosen["apply"]:
        find_own_template(chosen["template"])
    return sign_result(make_plan(chosen["template"]).model_dump(mode="json"))


@task(task_id="tune", pool="training", execution_timeout=timedelta(hours=LONGEST))
def search() -> dict[str, Any]:
    """Trial trainings around the plan's present values; what came out best is written into the template, if wished."""
    from pipelines.training.tune import tune

    chosen, artifacts = get_current_context()["params"], pull_artifacts("plan", "commit_dataset")
    dataset, plan = (
        DatasetVersion.model_validate(artifacts["commit_dataset"]),
        TrainingPlan.model_validate(artifacts["plan"]),
    )
    tuning = tune(dataset, plan, chosen["trials"], chosen["hours"], chosen["apply"])
    return tuning.model_dump(mode="json")


@dag(
    dag_id="tune",
    dag_display_name="Tune a template",
    description="Search better training settings for a template.",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["neuroweaver", "tune"],
    default_args={"owner": "neuroweaver", **RETRIES},
    params={
        "template": Param(next(iter(find_template_files())), type="string", enum=list(find_template_files())),
        "trials": Param(20, type="integer", minimum=1, description="finished trials, over all runs on the same data"),
        "hours": Param(8.0, type="number", exclusiveMinimum=0, maximum=LONGEST, description="what this run may take"),
        "apply": Param(False, type="boolean", description="write the best values into the template, if it is your own"),
    },
)
def sentence() -> None:
    rows = (
        stage_task("collect_feedback"),
        stage_task("collect"),
        stage_task("validate"),
        stage_task("refine"),
        stage_task("commit_dataset"),
    )
    chain(chosen_plan(), *rows, search())


sentence()
