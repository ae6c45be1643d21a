"""The tasks that wait for a reviewer who decides."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseOperator, Param
from weaver_plugins.approval_trigger import MLFLOW, ApprovedInMLflow

from pipelines.core.artifacts import NOBODY
from pipelines.core.templates import Template
from weaver_dags.tasks import pull_artifacts

VERDICT = """\
{% set verdict = ti.xcom_pull("gate") %}{% set candidate = ti.xcom_pull("register") %}
**{{ candidate.name }} version {{ candidate.version }}** asks to become champion. The gate {{ verdict.reason }}.

| rule | limit | figure | passed | |
|---|---|---|---|---|
{% for rule in verdict.rules -%}
| {{ rule.name }} | {{ "%g" | format(rule.limit) }} | {{ "%.3f" | format(rule.figure) }} | {{ rule.passed }} | \
{{ rule.evidence }} |
{% endfor %}
[Its page in MLflow]({{ mlflow_url }}/#/models/{{ candidate.name }}/versions/{{ candidate.version }}) leads to every
answer beside the truth, [its run]({{ mlflow_url }}/#/runs/{{ candidate.run_id }}) to the report and the evidence.
Whoever may set an alias there can also approve there: `approved`.
"""


class ApprovalTask(HITLOperator):
    """Approve or Reject; no answer in time is a no, which nobody signs.

    Not ApprovalOperator: its rejection skips what follows and loses who said no, and why.
    """

    def execute_complete(self, context: Any, event: Mapping[str, Any]) -> Any:
        if event.get("error_type") == "timeout":
            why = {"why": f"nobody answered within {self.response_timeout}"}
            return {"chosen_options": ["Reject"], "params_input": why, "responded_by_user": {"name": NOBODY}}
        return super().execute_complete(context, dict(event))


def approval_task(template: Template) -> ApprovalTask:
    """The reviewers' decision about what the gate let through."""
    return ApprovalTask(
        task_id="approve",
        options=["Approve", "Reject"],
        subject=f"Promote the new {template.title}?",
        body=VERDICT,
        params={"why": Param("", type="string", title="Why", description="kept with the decision")},
        assigned_users=allowed_approvers(template),
        response_timeout=timedelta(hours=template.approval.hours),
    )


class MLflowApprovalTask(BaseOperator):
    """The same decision made in MLflow, by setting the alias `approved`; ends when either is made."""

    def execute(self, context: Any) -> None:
        candidate, ti = pull_artifacts("register")["register"], context["ti"]
        question = f"/api/v2/dags/{ti.dag_id}/dagRuns/{ti.run_id}/taskInstances/approve/-1/hitlDetails"
        trigger = ApprovedInMLflow(candidate["name"], candidate["version"], question)
        self.defer(trigger=trigger, method_name="over")

    def over(self, context: Any, event: str) -> str:
        return event


def allowed_approvers(template: Template) -> list[dict[str, str]]:
    """Who may answer; Airflow refuses everybody else."""
    return [{"id": user, "name": user} for user in (*template.approval.reviewers, MLFLOW)]
