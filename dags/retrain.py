"""One DAG a template: a model is specialised, proven better, approved by a person, and put to work.

Every night, and whenever monitoring says that the world has moved.
"""

from datetime import timedelta

from airflow.sdk import (
    Asset,
    AssetOrTimeSchedule,
    AsyncCallback,
    CronTriggerTimetable,
    DeadlineAlert,
    DeadlineReference,
    Param,
    ParamsDict,
    chain,
    dag,
)
from weaver_dags.approval import ApprovalInMLflow, approve
from weaver_dags.budget import affordable, over_budget, spend
from weaver_dags.decisions import anything_new, decided, decision, good_enough, take_back
from weaver_dags.review import scores
from weaver_dags.tasks import RETRIES, stage
from weaver_dags.trigger import drift, merge_plan
from weaver_plugins.notifier import WeaverNotifier

from pipelines.core.settings import settings
from pipelines.core.templates import Template, form, load_template, template_files


def retrain(template: Template) -> None:
    @dag(
        dag_id=f"retrain_{template.name}",
        dag_display_name=f"Retrain: {template.title}",
        description=template.purpose,
        doc_md=f"## {template.title}\n\n{template.purpose}\n\n{__doc__}",
        schedule=AssetOrTimeSchedule(
            timetable=CronTriggerTimetable(template.schedule.cron, timezone=template.schedule.timezone),
            assets=drift(template.name),
        ),
        catchup=False,
        max_active_runs=1,
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
        approval = approve(template)
        promote = decision("promote")
        asked, go = over_budget(), affordable()
        longest = timedelta(hours=template.budget.training_hours)
        chain(
            merge_plan(template.name),
            stage("harvest"),
            stage("collect"),
            stage("validate"),
            stage("refine"),
            stage("version"),
            stage("judge", pool="training"),
            stage("preferences"),
            anything_new(),
            stage("budget", pool="training"),  # it may measure a few steps
            asked,
            spend(template),
            go,
            stage("report", outlets=[Asset(f"version_{template.name}")]),  # withheld where the budget forbids it
            stage("fine_tune", pool="training", execution_timeout=longest),
            stage("prefer", pool="training", execution_timeout=longest),
            stage("incumbent"),
            stage("export", pool="training"),
            stage("evaluate", pool="training"),
            stage("register"),
            stage("review"),
            *scores(template),
            stage("scores", trigger_rule="none_failed"),
            stage("gate"),
            good_enough(),
            stage("evidence"),
            [approval, ApprovalInMLflow(task_id="approved_in_mlflow")],
        )
        chain(asked, go)
        chain(approval, decided(), [promote, decision("reject")])
        chain(promote, stage("deploy"), [stage("record"), take_back()])

    # After its tasks, each of which would be given a deep copy of the whole form: that is most of the time to parse.
    sentence().params = ParamsDict(
        {key: Param(value, section=section, **schema) for key, section, value, schema in form(template.name)}
    )


for name in template_files():
    retrain(load_template(name))
