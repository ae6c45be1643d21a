"""The tasks that check a run against its budget: above it a person is asked, and no answer is a no."""

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, get_current_context, task

from pipelines.core.files import digest
from pipelines.core.templates import Template
from weaver_dags.approval import ApprovalTask, allowed_approvers
from weaver_dags.decisions import read_answer
from weaver_dags.results import pull_artifacts, sign_result

FORECAST = """\
{% set estimate = ti.xcom_pull("estimate_cost") %}
{% for limit in estimate.over -%}
- {{ limit }}
{% endfor %}
| | forecast |
|---|---|
| training | {{ "%.0f" | format(estimate.training_seconds / 60) }} minutes \
({{ "%.0f" | format(estimate.low / 60) }} to {{ "%.0f" | format(estimate.high / 60) }}), {{ estimate.tokens }} tokens |
| memory | {{ "%.1f" | format(estimate.memory_gib) }} GiB |
| cost | {{ "%.4g" | format(estimate.cost) }} {{ estimate.currency }} |
| spent this month | {{ "%.4g" | format(estimate.spent_this_month) }} {{ estimate.currency }} |

It rests on: {{ estimate.basis }}. Without an answer nothing is trained, and the champion goes on answering.
"""


@task.branch(task_display_name="Exceeds budget?")
def exceeds_budget() -> str:
    """Ask a person if the run would exceed a limit; nobody is asked within the budget."""
    return "approve_cost" if pull_artifacts("estimate_cost")["estimate_cost"]["over"] else "within_budget"


@task.short_circuit(task_display_name="Within budget?", trigger_rule="none_failed_min_one_success")
def within_budget() -> bool:
    """Stop here, green, if the run would exceed a limit and nobody approved that: nothing is trained."""
    estimate = pull_artifacts("estimate_cost")["estimate_cost"]
    over, allowed = estimate["over"], not estimate["over"]
    if over:
        allowed = read_answer("approve_cost", page_mark(estimate)).approved
    reason = f"over budget: {'; '.join(over)}" if over else "within the budget"
    get_current_context()["ti"].xcom_push("reason", reason)
    return bool(sign_result(allowed))


def page_mark(estimate: dict[str, Any]) -> str:
    """What the page of approve_cost says of the estimate that it is about."""
    return f"estimate {digest(estimate)[:16]}"


class BudgetApprovalTask(ApprovalTask):
    """The page names the estimate that it is about, so that the answer counts for no other."""

    def execute(self, context: Any) -> Any:
        self.body = f"{self.body}\n\n{page_mark(pull_artifacts('estimate_cost')['estimate_cost'])}"
        return super().execute(context)


def approve_cost(template: Template) -> ApprovalTask:
    """The reviewers' decision about a run that would exceed its budget."""
    return BudgetApprovalTask(
        task_id="approve_cost",
        task_display_name="Approve cost",
        options=["Approve", "Reject"],
        subject=f"Train {template.title} over its budget?",
        body=FORECAST,
        params={"why": Param("", type="string", title="Why")},
        assigned_users=allowed_approvers(template),
        response_timeout=timedelta(hours=template.approval.hours),
    )
