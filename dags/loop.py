"""The tasks that the DAGs are sentences of: each runs a stage of the loop, or says whether the run goes on."""

from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule, get_current_context, task
from airflow.sdk.exceptions import AirflowTaskTimeout
from notifier import WeaverNotifier
from occasions import note, occasion

from pipelines.errors import Unavailable, WeaverError
from pipelines.stages import STAGES, run

# What a person must mend is not tried again; a server that is away is, and so is a task whose machine went down. When
# a task is given up, somebody is told.
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
    "on_failure_callback": WeaverNotifier(),
}


def pulled(*stages: str) -> dict[str, Any]:
    """The nouns that earlier tasks of this run returned."""
    ti = get_current_context()["ti"]
    return {stage: ti.xcom_pull(task_ids=stage) for stage in stages}


def perform(name: str, plan: dict[str, Any], nouns: dict[str, Any], **signed: Any) -> dict[str, Any]:
    """Run a stage in this run: what it costs is the run's, and it may say why the run was started."""
    this = {"run_id": get_current_context()["run_id"], "occasion": occasion()}
    return run(name, plan, nouns, **this, **signed).model_dump(mode="json")


def stage(name: str, **options: Any) -> Any:
    """A task that runs one stage of the loop on this run's plan and on the nouns before it."""

    @task(task_id=name, doc_md=STAGES[name].help, **options)
    def run_stage() -> dict[str, Any]:
        return perform(name, pulled("plan")["plan"], pulled(*STAGES[name].takes))

    return run_stage()


def decision(name: str) -> Any:
    """A stage that also takes who decided at the approval, and why."""

    @task(task_id=name, doc_md=STAGES[name].help)
    def run_decision() -> dict[str, Any]:
        answer = pulled("approve")["approve"]
        signed = {"by": answer["responded_by_user"]["name"], "why": answer["params_input"].get("why") or "not said"}
        return perform(name, pulled("plan")["plan"], pulled(*STAGES[name].takes), **signed)

    return run_decision()


@task.short_circuit
def anything_new() -> bool:
    """Stop here, green, if a model of this very dataset and plan has been decided on already."""
    from pipelines.registry.promote import decided

    reason = decided(**pulled("version", "preferences", "plan"))
    told = f"nothing to do: {reason}" if reason else "new data or a new plan"
    if why := occasion():
        told = f"{told}; started because {why}"
        note(told)
    get_current_context()["ti"].xcom_push("reason", told)
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


@task(trigger_rule="one_failed")
def take_back() -> dict[str, Any]:
    """The new champion did not come to answer: the one before it, which still does, is champion again."""
    from pipelines.serving.pointer import answering, deployed

    made = pulled("plan", "promote")
    plan, promotion = made["plan"], made["promote"]
    name, before = promotion["name"], answering(promotion["name"])
    if not before:
        raise WeaverError(
            f"no version of {name} answers", f"Mend what deploy says; then run `weaver run {name}` again."
        )
    why = f"version {promotion['to_version']} was not deployed: its canary or its first requests failed"
    moved = perform("rollback", plan, {}, by="weaver", why=why, to=before, answers=before)
    return perform("record", plan, {"promote": moved, "deploy": deployed(name)})
