"""The tasks that say whether a run goes on, and what becomes of its model."""

from typing import Any

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from pipelines.core.errors import WeaverError
from pipelines.stages.table import STAGES
from weaver_dags.tasks import pull_artifacts, run_task_stage
from weaver_dags.trigger import set_run_note, trigger_reason


def decision_task(name: str) -> Any:
    """A stage that also takes who decided at the approval, and why."""

    @task(task_id=name, doc_md=STAGES[name].help)
    def run_decision() -> dict[str, Any]:
        answer = pull_artifacts("approve")["approve"]
        signed = {"by": answer["responded_by_user"]["name"], "why": answer["params_input"].get("why") or "not said"}
        return run_task_stage(name, pull_artifacts("plan")["plan"], pull_artifacts(*STAGES[name].takes), **signed)

    return run_decision()


@task.short_circuit
def has_new_data() -> bool:
    """Stop here, green, if a model of this very dataset and plan has been decided on already."""
    from pipelines.registry.promote import find_decision

    artifacts = pull_artifacts("commit_dataset", "plan", "commit_preferences")
    reason = find_decision(*artifacts.values())
    told = f"nothing to do: {reason}" if reason else "new data or a new plan"
    if why := trigger_reason():
        told = f"{told}; started because {why}"
        set_run_note(told)
    get_current_context()["ti"].xcom_push("reason", told)
    return not reason


@task.short_circuit
def gate_passed() -> bool:
    """Stop here, green, if the gate failed: the champion keeps answering."""
    verdict = pull_artifacts("gate")["gate"]
    print(verdict["reason"])
    return verdict["passed"]


@task.branch
def decided() -> str:
    """Carry out what the person answered."""
    return {"Approve": "promote", "Reject": "reject"}[pull_artifacts("approve")["approve"]["chosen_options"][0]]


@task(trigger_rule="one_failed")
def rollback_on_failure() -> dict[str, Any]:
    """The new champion did not come to answer: the one before it, which still does, is champion again."""
    from pipelines.serving.deployment_pointer import deployed_version_number, read_deployment

    made = pull_artifacts("plan", "promote")
    plan, promotion = made["plan"], made["promote"]
    if promotion is None:
        raise AirflowSkipException("nothing was promoted: the run failed before it came to that")
    name, before = promotion["name"], deployed_version_number(promotion["name"])
    if not before:
        raise WeaverError(
            f"no version of {name} answers", f"Mend what deploy says; then run `weaver run {name}` again."
        )
    why = f"version {promotion['to_version']} was not deployed: its canary or its first requests failed"
    moved = run_task_stage("rollback", plan, {}, by="weaver", why=why, to=before, answers=before)
    return run_task_stage("append_ledger", plan, {"promote": moved, "deploy": read_deployment(name)})
