"""The tasks that deploy the champion: what is published already, or an export that is built from the registry again."""

from typing import Any

from airflow.sdk import chain, task

from pipelines.core.artifacts import Promotion
from weaver_dags.graph import connect_stages, stage_tasks
from weaver_dags.results import pull_artifacts
from weaver_dags.tasks import describe_stage, run_task_stage


def deploy_tasks(promotion: Any, promoted_by: str) -> None:
    """Deploy the version of a promotion, and append it to the ledger.

    Args:
        promotion: the task that returns the promotion.
        promoted_by: its task id, which is the name of its stage.
    """

    @task.branch(task_display_name="Is published?")
    def is_published() -> str:
        """Go on with the published model, or else build its export again from the registry."""
        from pipelines.serving import deploy as deploy_stage

        promotion = Promotion.model_validate(pull_artifacts(promoted_by)[promoted_by])
        return "deploy" if deploy_stage.is_published(promotion) else "fetch_champion"

    @task(**describe_stage("deploy"), trigger_rule="none_failed_min_one_success")
    def deploy() -> dict[str, Any]:
        results = pull_artifacts("plan", promoted_by, "rebuild_export")
        artifacts = {"promote": results[promoted_by], "export": results["rebuild_export"]}  # none if it is published
        return run_task_stage("deploy", results["plan"], artifacts)

    @task(**describe_stage("append_ledger"))
    def append_ledger() -> dict[str, Any]:
        results = pull_artifacts("plan", promoted_by, "deploy")
        artifacts = {"promote": results[promoted_by], "deploy": results["deploy"]}
        return run_task_stage("append_ledger", results["plan"], artifacts)

    published = is_published()
    tasks = {promoted_by: promotion, **stage_tasks("fetch_champion", "rebuild_export")}
    tasks |= {"deploy": deploy(), "append_ledger": append_ledger()}
    connect_stages(tasks, made_by={"promote": promoted_by, "export": "rebuild_export"})
    chain(promotion, published, [tasks["fetch_champion"], tasks["deploy"]])
