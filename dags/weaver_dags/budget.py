"""The tasks that hold a run to its budget: over it a person is asked, and no answer is a no; within it nobody is."""

from datetime import timedelta

from airflow.sdk import Param, get_current_context, task

from pipelines.core.templates import Template
from weaver_dags.approval import ApprovalTask, allowed_approvers
from weaver_dags.tasks import pull_artifacts

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


@task.branch
def exceeds_budget() -> str:
    """Ask a person if the run would exceed a limit; nobody is asked within the budget."""
    return "approve_cost" if pull_artifacts("estimate_cost")["estimate_cost"]["over"] else "within_budget"


@task.short_circuit(trigger_rule="none_failed_min_one_success")
def within_budget() -> bool:
    """Stop here, green, if the run would exceed a limit and nobody said that it may: nothing is trained."""
    made = pull_artifacts("estimate_cost", "approve_cost")
    over, answer = made["estimate_cost"]["over"], made["approve_cost"]
    allowed = not over or answer["chosen_options"] == ["Approve"]
    reason = f"over budget: {'; '.join(over)}" if over else "within the budget"
    get_current_context()["ti"].xcom_push("reason", reason)
    return allowed


def approve_cost(template: Template) -> ApprovalTask:
    """The reviewers' decision about a run that would exceed its budget."""
    return ApprovalTask(
        task_id="approve_cost",
        options=["Approve", "Reject"],
        subject=f"Train {template.title} over its budget?",
        body=FORECAST,
        params={"why": Param("", type="string", title="Why")},
        assigned_users=allowed_approvers(template),
        response_timeout=timedelta(hours=template.approval.hours),
    )
