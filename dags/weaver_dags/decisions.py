"""The tasks that say whether a run goes on, and what becomes of its model."""

from typing import Any

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException
from weaver_dags.tasks import perform, pulled
from weaver_dags.trigger import note, occasion

from pipelines.core.errors import WeaverError
from pipelines.stages.table import STAGES


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
    from pipelines.serving.deployment_pointer import answering, deployed

    made = pulled("plan", "promote")
    plan, promotion = made["plan"], made["promote"]
    if promotion is None:
        raise AirflowSkipException("nothing was promoted: the run failed before it came to that")
    name, before = promotion["name"], answering(promotion["name"])
    if not before:
        raise WeaverError(
            f"no version of {name} answers", f"Mend what deploy says; then run `weaver run {name}` again."
        )
    why = f"version {promotion['to_version']} was not deployed: its canary or its first requests failed"
    moved = perform("rollback", plan, {}, by="weaver", why=why, to=before, answers=before)
    return perform("record", plan, {"promote": moved, "deploy": deployed(name)})
