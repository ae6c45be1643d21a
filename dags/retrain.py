"""One DAG per template. It trains a model on the template's data, compares it with the champion, asks a reviewer, and
deploys it.

- **data**: collect rows, check them against the contract, refine them, commit a dataset version. The run ends here,
  successfully, if a model of this dataset and plan was decided on before.
- **training**: compare the forecast with the budget, fine-tune (QLoRA), train on preferences (DPO), export.
- **evaluation**: compare the challenger with base, base with retrieval, few-shot base and champion on held-out
  questions; register it; check the gate. The run ends here, successfully, if the challenger does not pass.
- **approval**: collect the evidence; a reviewer approves or rejects, here or in MLflow.
- **release**: promote, deploy step by step, append to the ledger; on failure, roll back.

It runs on its schedule and whenever `monitor` detects drift. An arrow says that a task takes the other's artifact, or
waits for its decision.
"""

from datetime import timedelta

from airflow.sdk import (
    DAG,
    Asset,
    AssetOrTimeSchedule,
    AsyncCallback,
    DeadlineAlert,
    Param,
    ParamsDict,
    chain,
    dag,
)
from weaver_dags.approval import MLflowApprovalTask, approval_task
from weaver_dags.budget import approve_cost, exceeds_budget, within_budget
from weaver_dags.decisions import decided, decision_task, gate_passed, has_new_data, rollback_on_failure
from weaver_dags.graph import connect_stages, stage_tasks, task_group
from weaver_dags.review import review_tasks
from weaver_dags.tasks import RETRIES
from weaver_dags.templates import build_dags
from weaver_dags.trigger import drift_asset, make_run_plan
from weaver_dags.turn import RUNS, WaitForTurn
from weaver_plugins.deadline import RunQueuedAt
from weaver_plugins.notifier import WeaverNotifier
from weaver_plugins.timetable import UpcomingCronTimetable

from pipelines.core.plan import SECTION_TITLES
from pipelines.core.settings import settings
from pipelines.core.templates import Template
from pipelines.core.trigger_form import list_form_fields
from pipelines.stages.stage import Group
from pipelines.stages.table import STAGES


def stages_of(group: Group) -> list[str]:
    """The stages of a retraining that stand in this group."""
    return [name for name, stage in STAGES.items() if stage.nightly and stage.group == group]


def retrain(template: Template) -> DAG:
    """The DAG of a template."""

    @dag(
        dag_id=f"retrain_{template.name}",
        dag_display_name=f"Retrain: {template.title}",
        description=template.purpose,
        doc_md=f"## {template.title}\n\n{template.purpose}\n\n{__doc__}",
        schedule=AssetOrTimeSchedule(
            timetable=UpcomingCronTimetable(template.schedule.cron, timezone=template.schedule.timezone),
            assets=drift_asset(template.name),
        ),
        catchup=False,
        max_active_runs=RUNS,
        deadline=DeadlineAlert(
            reference=RunQueuedAt(),
            interval=timedelta(hours=template.budget.deadline_hours),
            callback=AsyncCallback(WeaverNotifier, kwargs={"event": "late"}),
        ),
        on_success_callback=WeaverNotifier("ended"),
        is_paused_upon_creation=True,  # a template that is run once, or switched on here, runs nightly from then on
        user_defined_macros={"mlflow_url": settings().mlflow_url},
        tags=["neuroweaver", "retrain", template.name],
        default_args={"owner": template.owner, **RETRIES},
        auto_register=False,
    )
    def retrain_dag() -> None:
        longest = {"execution_timeout": timedelta(hours=template.budget.training_hours)}
        dataset = Asset(f"dataset_{template.name}")  # its events: a model was trained on a new dataset version
        first = longest | {"outlets": [dataset], "allowed_by": "within_budget"}

        turn, plan = WaitForTurn(), make_run_plan(template.name)
        with task_group("data"):
            data = stage_tasks(*stages_of("data"))
            new_data = has_new_data()
        with task_group("training"):
            training = stage_tasks(*stages_of("training"), fine_tune=first, train_dpo=longest)
            over_budget, ask_for_budget, budget_allows = exceeds_budget(), approve_cost(template), within_budget()
        with task_group("evaluation"):
            # Skipped scores are no obstacle; but where nothing was registered, there is nothing to collect.
            after_scores = {"trigger_rule": "none_failed_min_one_success"}
            evaluation = stage_tasks(*stages_of("evaluation"), collect_scores=after_scores)
            scores = review_tasks(template)
            passed = gate_passed()
        with task_group("approval"):
            evidence = stage_tasks("collect_evidence")
            approval, approval_in_mlflow = approval_task(template), MLflowApprovalTask()
            decision, reject = decided(), {"reject": decision_task("reject")}
        with task_group("release"):
            release = {"promote": decision_task("promote")} | stage_tasks("deploy", "append_ledger")
            rollback = rollback_on_failure()

        tasks = data | training | evaluation | evidence | reject | release
        connect_stages(tasks)
        # What decides whether a task runs, beside the artifacts that it takes:
        chain(turn, plan, tasks["collect_feedback"])
        chain([tasks["commit_dataset"], tasks["commit_preferences"]], new_data, tasks["estimate_cost"], over_budget)
        chain(over_budget, ask_for_budget, budget_allows, [tasks["fine_tune"], tasks["fetch_champion"]])
        chain(over_budget, budget_allows)
        chain(tasks["request_review"], *scores, tasks["collect_scores"])
        chain(tasks["gate"], passed, tasks["collect_evidence"], [approval, approval_in_mlflow])
        chain(approval, decision, [tasks["promote"], tasks["reject"]])
        chain(tasks["deploy"], rollback)

    # After its tasks, each of which would be given a deep copy of the whole form: that is most of the time to parse.
    retraining = retrain_dag()
    retraining.params = ParamsDict(
        {
            key: Param(value, section=SECTION_TITLES[section], **schema)
            for key, section, value, schema in list_form_fields(template.name)
        }
    )
    return retraining


globals().update(build_dags(retrain))
