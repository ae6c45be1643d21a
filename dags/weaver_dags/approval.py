"""The tasks that wait for a reviewer who decides about a candidate."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseOperator, Param, get_current_context
from weaver_plugins.approval_trigger import ApprovedInMLflow

from pipelines.core.artifacts import NOBODY
from pipelines.core.errors import WeaverError
from pipelines.core.templates import Template
from weaver_dags.results import pull_artifacts


class ApprovalTask(HITLOperator):
    """Approve or Reject; no answer in time is a no, which nobody signs.

    Not ApprovalOperator: its rejection skips what follows and loses who said no, and why. What this task returns
    decides nothing: the tasks after it read Airflow's own record, see `pipelines.registry.approval`.
    """

    def execute_complete(self, context: Any, event: Mapping[str, Any]) -> Any:
        if event.get("error_type") == "timeout":
            why = {"why": f"nobody answered within {self.response_timeout}"}
            return {"chosen_options": ["Reject"], "params_input": why, "responded_by_user": {"name": NOBODY}}
        return super().execute_complete(context, dict(event))


class CandidateApprovalTask(ApprovalTask):
    """The approval of a candidate. Its page is made of the signed evidence, not of what anybody could edit."""

    def execute(self, context: Any) -> Any:
        self.body, evidence = render_page(context, self.response_timeout)
        if (shown := read_shown_page()) and evidence not in shown:
            raise WeaverError(
                "a task before this one ran again after the approval was asked, and Airflow would show its old page",
                "Start a new run.",
            )
        return super().execute(context)


def approval_task(template: Template) -> ApprovalTask:
    """The reviewers' decision about what passed the gate."""
    return CandidateApprovalTask(
        task_id="approve",
        task_display_name="Approve",
        options=["Approve", "Reject"],
        subject=f"Promote the new {template.title}?",
        body="The page is made when the task runs.",
        params={"why": Param("", type="string", title="Why", description="Kept in the ledger with your decision.")},
        assigned_users=allowed_approvers(template),
        response_timeout=timedelta(hours=template.approval.hours),
    )


def render_page(context: Any, wait: timedelta | None) -> tuple[str, str]:
    """The approval page in Markdown, and the digest of the evidence that it names."""
    from pipelines.core.artifacts import Candidate, Evaluation, Evidence, Verdict
    from pipelines.core.plan import TrainingPlan
    from pipelines.registry.approval_page import render_approval_page
    from pipelines.registry.evidence import verify_evidence

    artifacts = pull_artifacts("register", "evaluate", "gate", "collect_evidence", "plan")
    candidate, evaluation = Candidate(**artifacts["register"]), Evaluation.model_validate(artifacts["evaluate"])
    verdict, evidence = Verdict.model_validate(artifacts["gate"]), Evidence(**artifacts["collect_evidence"])
    plan = TrainingPlan.model_validate(artifacts["plan"])
    verify_evidence(evidence, candidate, evaluation, verdict, plan)
    run = context["dag_run"]
    page = render_approval_page(
        candidate, evaluation, verdict, evidence, plan, started_by=run.triggering_user_name or "", wait=wait
    )
    return page, evidence.digest


def read_shown_page() -> str:
    """The page that this task showed at an earlier try, which Airflow would show again; empty if there was none."""
    from pipelines.clients.airflow import AirflowClient
    from pipelines.core.settings import SERVICE_ACCOUNT
    from pipelines.registry.approval import Question

    ti = get_current_context()["ti"]
    if ti.try_number == 1:
        return ""
    question = Question(ti.dag_id, ti.run_id, ti.task_id)
    try:
        return str(AirflowClient(SERVICE_ACCOUNT).request("GET", f"{question.path}/hitlDetails")["body"])
    except WeaverError:  # it was cleared before it had asked
        return ""


class MLflowApprovalTask(BaseOperator):
    """Waits for the same decision in MLflow, by the alias `approved`; ends when either is made."""

    def __init__(self, **options: Any) -> None:
        names = {"task_id": "await_mlflow_approval", "task_display_name": "Await approval in MLflow"}
        super().__init__(**names | options)

    def execute(self, context: Any) -> None:
        candidate, ti = pull_artifacts("register")["register"], context["ti"]
        trigger = ApprovedInMLflow(candidate["name"], candidate["version"], ti.dag_id, ti.run_id)
        self.defer(trigger=trigger, method_name="finish")

    def finish(self, context: Any, event: str) -> str:
        """Return who approved in MLflow, once the trigger has seen it."""
        return event


def allowed_approvers(template: Template) -> list[dict[str, str]]:
    """Who may answer; Airflow refuses everybody else, the account of tasks among them."""
    return [{"id": user, "name": user} for user in template.approval.reviewers]
