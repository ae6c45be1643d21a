"""One DAG a template: a model is specialised, proven better, approved by a person, and put to work.

Every night, and whenever monitoring says that the world has moved.
"""

from datetime import timedelta

from airflow.sdk import (
    Asset,
    AssetOrTimeSchedule,
    AsyncCallback,
    DeadlineAlert,
    DeadlineReference,
    Param,
    ParamsDict,
    chain,
    dag,
)
from weaver_dags.approval import MLflowApprovalTask, approval_task
from weaver_dags.budget import approve_cost, exceeds_budget, within_budget
from weaver_dags.decisions import decided, decision_task, gate_passed, has_new_data, rollback_on_failure
from weaver_dags.review import review_tasks
from weaver_dags.tasks import RETRIES, stage_task
from weaver_dags.trigger import drift_asset, make_run_plan
from weaver_dags.turn import RUNS, WaitForTurn
from weaver_plugins.notifier import WeaverNotifier
from weaver_plugins.timetable import UpcomingCronTimetable

from pipelines.core.settings import settings
from pipelines.core.templates import Template, find_template_files, load_template
from pipelines.core.trigger_form import list_form_fields


def retrain(template: Template) -> None:
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
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=timedelta(hours=template.budget.deadline_hours),
            callback=AsyncCallback(WeaverNotifier, kwargs={"event": "late"}),
        ),
        on_success_callback=WeaverNotifier("ended"),
        is_paused_upon_creation=True,  # a template that is run once, or switched on here, runs nightly from then on
        user_defined_macros={"mlflow_url": settings().mlflow_url},
        tags=["neuroweaver", "retrain", template.name],
        default_args={"owner": template.owner, **RETRIES},
    )
    def sentence() -> None:
        approval = approval_task(template)
        promote = decision_task("promote")
        asked, go = exceeds_budget(), within_budget()
        longest = timedelta(hours=template.budget.training_hours)
        chain(
            WaitForTurn(),
            make_run_plan(template.name),
            stage_task("collect_feedback"),
            stage_task("collect"),
            stage_task("validate"),
            stage_task("refine"),
            stage_task("commit_dataset"),
            stage_task("judge_answers", pool="training"),
            stage_task("commit_preferences"),
            has_new_data(),
            stage_task("estimate_cost", pool="training"),  # it may measure a few steps
            asked,
            approve_cost(template),
            go,
            stage_task(
                "render_data_report", outlets=[Asset(f"version_{template.name}")]
            ),  # withheld where the budget forbids it
            stage_task("fine_tune", "within_budget", pool="training", execution_timeout=longest),
            stage_task("train_dpo", pool="training", execution_timeout=longest),
            stage_task("fetch_champion"),
            stage_task("export", pool="training"),
            stage_task("evaluate", pool="training"),
            stage_task("register"),
            stage_task("request_review"),
            *review_tasks(template),
            stage_task("collect_scores", trigger_rule="none_failed"),
            stage_task("gate"),
            gate_passed(),
            stage_task("collect_evidence"),
            [approval, MLflowApprovalTask(task_id="await_mlflow_approval")],
        )
        chain(asked, go)
        chain(approval, decided(), [promote, decision_task("reject")])
        chain(promote, stage_task("deploy"), [stage_task("append_ledger"), rollback_on_failure()])

    # After its tasks, each of which would be given a deep copy of the whole form: that is most of the time to parse.
    sentence().params = ParamsDict(
        {
            key: Param(value, section=section, **schema)
            for key, section, value, schema in list_form_fields(template.name)
        }
    )


for name in find_template_files():
    retrain(load_template(name))
