"""Started by hand: searches better training settings for a template, by short trainings on its present data (Optuna).

A run continues where an interrupted one stopped. Each trial is a run in MLflow, inside the run of the tuning.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, chain, dag, get_current_context, task
from weaver_dags.graph import connect_stages, stage_tasks, task_group
from weaver_dags.results import pull_artifacts, sign_result
from weaver_dags.tasks import RETRIES

from pipelines.core.artifacts import DatasetVersion
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.core.template_edit import find_own_template
from pipelines.core.templates import find_template_files

LONGEST = 24  # hours


@task(task_id="plan", task_display_name="Plan")
def merge_plan() -> dict[str, Any]:
    """The template's plan. A template that cannot be written to is an error here, before anything is trained."""
    params = get_current_context()["params"]
    if params["apply"]:
        find_own_template(params["template"])
    return sign_result(make_plan(params["template"]).model_dump(mode="json"))


@task(task_id="tune", pool="training", execution_timeout=timedelta(hours=LONGEST))
def run_trials() -> dict[str, Any]:
    """Train with settings around the present ones; write the best into the template, if `apply` is set."""
    from pipelines.training.tune import tune

    params, artifacts = get_current_context()["params"], pull_artifacts("plan", "commit_dataset")
    dataset, plan = (
        DatasetVersion.model_validate(artifacts["commit_dataset"]),
        TrainingPlan.model_validate(artifacts["plan"]),
    )
    tuning = tune(dataset, plan, params["trials"], params["hours"], params["apply"])
    return tuning.model_dump(mode="json")


@dag(
    dag_id="tune",
    dag_display_name="Tune a template",
    description="Search better training settings for a template.",
    doc_md=f"## Tune a template\n\n{__doc__}",
    schedule=None,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["neuroweaver", "tune"],
    default_args={"owner": "neuroweaver", **RETRIES},
    params={
        "template": Param(
            next(iter(find_template_files())),
            type="string",
            enum=list(find_template_files()),
            title="Template",
            description="The template to tune.",
        ),
        "trials": Param(
            20,
            type="integer",
            minimum=1,
            title="Trials",
            description="How many trainings to finish, counted over all runs on the same data.",
        ),
        "hours": Param(
            8.0,
            type="number",
            exclusiveMinimum=0,
            maximum=LONGEST,
            title="Hours",
            description="How many hours this run may take.",
        ),
        "apply": Param(
            False,
            type="boolean",
            title="Apply",
            description="Write the best values into the template. It must be your own, not one of a kit.",
        ),
    },
)
def tune_template() -> None:
    with task_group("data"):
        data = stage_tasks("collect_feedback", "collect", "validate", "refine", "commit_dataset")
    connect_stages(data)
    chain(merge_plan(), data["collect_feedback"])
    chain(data["commit_dataset"], run_trials())


tune_template()
