"""The tasks that decide whether a run goes on, and what becomes of its model."""

from typing import Any

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from pipelines.core.artifacts import Candidate, Decision
from pipelines.core.errors import WeaverError
from pipelines.core.plan import Approval
from pipelines.stages.table import STAGES
from weaver_dags.results import pull_artifacts
from weaver_dags.tasks import describe_stage, run_task_stage
from weaver_dags.trigger import set_run_note, trigger_reason


def read_approval() -> Decision:
    """The reviewers' decision about this run's candidate, from Airflow's and MLflow's own records."""
    artifacts = pull_artifacts("register", "collect_evidence")
    candidate = Candidate.model_validate(artifacts["register"])
    return read_answer("approve", artifacts["collect_evidence"]["digest"], candidate)


def read_answer(task_id: str, shown: str, candidate: Candidate | None = None) -> Decision:
    """The decision about a question of this run; `approval.read_decision` says what is checked."""
    from pipelines.clients.airflow import AirflowClient
    from pipelines.core.settings import SERVICE_ACCOUNT
    from pipelines.registry.approval import Question, read_decision

    ti, approval = get_current_context()["ti"], Approval(**pull_artifacts("plan")["plan"]["approval"])
    question = Question(ti.dag_id, ti.run_id, task_id)
    return read_decision(AirflowClient(SERVICE_ACCOUNT), question, approval, shown, candidate)


def decision_task(name: str) -> Any:
    """The stage `promote` or `reject`, which also takes who decided, why, and the records of it.

    It reads the decision itself: that the task before it succeeded proves nothing.
    """

    @task(**describe_stage(name))
    def run_decision() -> dict[str, Any]:
        decision = read_approval()
        if decision.approved != (name == "promote"):
            decided = "approved" if decision.approved else "rejected"
            raise WeaverError(
                f"{decision.by} {decided} this candidate, so the task {name} does nothing",
                "Somebody started the task by hand. Set its state to skipped.",
            )
        answer = {"by": decision.by, "why": decision.why, "record": decision.record}
        return run_task_stage(name, pull_artifacts("plan")["plan"], pull_artifacts(*STAGES[name].takes), **answer)

    return run_decision()


@task.short_circuit(task_display_name="Has new data?")
def has_new_data() -> bool:
    """Stop here, green, if a model of this very dataset and plan has been decided on already."""
    from pipelines.registry.promote import find_decision

    artifacts = pull_artifacts("commit_dataset", "plan", "commit_preferences")
    decision = find_decision(*artifacts.values())
    message = f"nothing to do: {decision}" if decision else "new data or a new plan"
    if reason := trigger_reason():
        message = f"{message}; started because {reason}"
        set_run_note(message)
    get_current_context()["ti"].xcom_push("reason", message)
    return not decision


@task.short_circuit(task_display_name="Gate passed?")
def gate_passed() -> bool:
    """Stop here, green, if the gate failed: the champion stays."""
    verdict = pull_artifacts("gate")["gate"]
    print(verdict["reason"])
    return bool(verdict["passed"])


@task.branch(task_display_name="Decided")
def decided() -> str:
    """Carry out what the reviewer answered."""
    return "promote" if read_approval().approved else "reject"


@task(task_display_name="Roll back on failure", trigger_rule="one_failed")
def rollback_on_failure() -> dict[str, Any]:
    """The new champion was not deployed: the version that is still deployed becomes champion again."""
    from pipelines.serving.deployment_pointer import deployed_version_number, read_deployment

    artifacts = pull_artifacts("plan", "promote")
    plan, promotion = artifacts["plan"], artifacts["promote"]
    if promotion is None:
        raise AirflowSkipException("nothing was promoted: the run failed before that")
    name, before = promotion["name"], deployed_version_number(promotion["name"])
    if not before:
        raise WeaverError(
            f"no version of {name} is deployed",
            f"Correct what the task deploy says; then run `weaver run {name}` again.",
        )
    why = f"version {promotion['to_version']} was not deployed: its canary or its first requests failed"
    moved = run_task_stage("rollback", plan, {}, by="weaver", why=why, to=before, deployed=before)
    return run_task_stage("append_ledger", plan, {"promote": moved, "deploy": read_deployment(name)})
