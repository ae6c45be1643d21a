"""The tasks that wait for an expert who scores answers."""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLEntryOperator
from airflow.sdk import task

from pipelines.core.artifacts import Review
from pipelines.core.templates import Template
from weaver_dags.approval import allowed_approvers
from weaver_dags.results import pull_artifacts

SCORES = """\
{% set review = ti.xcom_pull("request_review") %}
{{ review.questions }} answers of the challenger wait [in MLflow's review queue]({{ review.url }}). Score each from 1
to 5 there, then press OK here.
"""


def review_tasks(template: Template) -> Any:
    """Ask an expert to score the answers that wait in MLflow; skipped where the plan wants none."""

    @task.short_circuit(task_display_name="Needs review?", ignore_downstream_trigger_rules=False)
    def needs_review() -> bool:
        return bool(pull_artifacts("request_review")["request_review"]["questions"])

    @task.sensor(
        task_display_name="Await scores", poke_interval=60, mode="reschedule", timeout=template.approval.hours * 3600
    )
    def await_scores() -> bool:
        from pipelines.evaluation.expert_review import count_pending

        return count_pending(Review.model_validate(pull_artifacts("request_review")["request_review"])) == 0

    score = HITLEntryOperator(
        task_id="score_answers",
        task_display_name="Score answers",
        subject=f"Score answers of the new {template.title}",
        body=SCORES,
        defaults=None,
        assigned_users=allowed_approvers(template),
        response_timeout=timedelta(hours=template.approval.hours),
    )
    return needs_review(), score, await_scores()
