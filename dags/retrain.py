"""Nightly, one DAG a template: a model is specialised, proven better, approved by a person, and put to work."""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import (
    CronTriggerTimetable,
    ExceptionRetryPolicy,
    Param,
    ParamsDict,
    RetryAction,
    RetryRule,
    chain,
    dag,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import AirflowTaskTimeout

from pipelines.errors import Unavailable, WeaverError
from pipelines.settings import settings
from pipelines.stages import STAGES, run
from pipelines.templates import Template, form, load_template, make_plan, template_files

# What a person must mend is not tried again; a server that is away is, and so is a task whose machine went down.
RETRIES = {
    "retries": 3,
    "retry_delay": timedelta(seconds=20),
    "retry_policy": ExceptionRetryPolicy(
        rules=[
            RetryRule(exception=Unavailable, action=RetryAction.RETRY),
            RetryRule(exception=WeaverError, action=RetryAction.FAIL),
            RetryRule(exception=AirflowTaskTimeout, action=RetryAction.FAIL),
        ]
    ),
}

VERDICT = """\
{% set verdict = ti.xcom_pull("gate") %}{% set candidate = ti.xcom_pull("register") %}
**{{ candidate.name }} version {{ candidate.version }}** asks to become champion. The gate {{ verdict.reason }}.

| rule | limit | figure | passed |
|---|---|---|---|
{% for rule in verdict.rules -%}
| {{ rule.name }} | {{ "%g" | format(rule.limit) }} | {{ "%.3f" | format(rule.figure) }} | {{ rule.passed }} |
{% endfor %}
[Its page in MLflow]({{ mlflow_url }}/#/models/{{ candidate.name }}/versions/{{ candidate.version }}) leads to every
answer beside the truth.
"""


def pulled(*stages: str) -> dict[str, Any]:
    """The nouns that earlier tasks of this run returned."""
    ti = get_current_context()["ti"]
    return {stage: ti.xcom_pull(task_ids=stage) for stage in stages}


def stage(name: str, **options: Any) -> Any:
    """A task that runs one stage of the loop on this run's plan and on the nouns before it."""

    @task(task_id=name, doc_md=STAGES[name].help, **options)
    def run_stage() -> dict[str, Any]:
        return run(name, pulled("plan")["plan"], pulled(*STAGES[name].takes)).model_dump(mode="json")

    return run_stage()


def decision(name: str) -> Any:
    """A stage that also takes who decided at the approval, and why."""

    @task(task_id=name, doc_md=STAGES[name].help)
    def run_decision() -> dict[str, Any]:
        answer = pulled("approve")["approve"]
        signed = {"by": answer["responded_by_user"]["name"], "why": answer["params_input"].get("why") or "not said"}
        return run(name, pulled("plan")["plan"], pulled(*STAGES[name].takes), **signed).model_dump(mode="json")

    return run_decision()


@task(task_id="plan")
def merge_plan(template: str) -> dict[str, Any]:
    """params.yaml ← profile ← template ← trigger form: validated once, then frozen for this run."""
    return make_plan(template, dict(get_current_context()["params"])).model_dump(mode="json")


@task.short_circuit
def anything_new() -> bool:
    """Stop here, green, if a model of this very dataset and plan has been decided on already."""
    from pipelines.registry.promote import decided

    reason = decided(**pulled("version", "plan"))
    get_current_context()["ti"].xcom_push("reason", f"nothing to do: {reason}" if reason else "new data or a new plan")
    return not reason


@task.short_circuit
def good_enough() -> bool:
    """Stop here, green, if the gate failed: the champion keeps answering."""
    verdict = pulled("gate")["gate"]
    print(verdict["reason"])
    return verdict["passed"]


@task.branch
def decided() -> str:
    """Carry out what the person answered."""
    return {"Approve": "promote", "Reject": "reject"}[pulled("approve")["approve"]["chosen_options"][0]]


def retrain(template: Template) -> None:
    @dag(
        dag_id=f"retrain_{template.name}",
        dag_display_name=f"Retrain: {template.title}",
        description=template.purpose,
        doc_md=f"## {template.title}\n\n{template.purpose}\n\n{__doc__}",
        schedule=CronTriggerTimetable(template.schedule.cron, timezone=template.schedule.timezone),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=True,  # a template that is run once, or switched on here, runs nightly from then on
        user_defined_macros={"mlflow_url": settings().mlflow_url},
        tags=["neuroweaver", "retrain", template.name],
        default_args={"owner": template.owner, **RETRIES},
    )
    def sentence() -> None:
        # Not ApprovalOperator: its rejection skips what follows and loses who said no, and why.
        approve = HITLOperator(
            task_id="approve",
            options=["Approve", "Reject"],
            subject=f"Promote the new {template.title}?",
            body=VERDICT,
            params={"why": Param("", type="string", title="Why", description="kept with the decision")},
            response_timeout=timedelta(hours=20),  # before the next night; no answer is a no
        )
        promote = decision("promote")
        budget = timedelta(hours=template.budget.training_hours)
        chain(
            merge_plan(template.name),
            stage("collect"),
            stage("validate"),
            stage("refine"),
            stage("version"),
            anything_new(),
            stage("report"),
            stage("fine_tune", pool="training", execution_timeout=budget),
            stage("export", pool="training"),
            stage("evaluate", pool="training"),
            stage("register"),
            stage("gate"),
            good_enough(),
            approve,
            decided(),
            [promote, decision("reject")],
        )
        promote >> stage("deploy")

    # After its tasks, each of which would be given a deep copy of the whole form: that is most of the time to parse.
    sentence().params = ParamsDict(
        {key: Param(value, section=section, **schema) for key, section, value, schema in form(template.name)}
    )


for name in template_files():
    retrain(load_template(name))
