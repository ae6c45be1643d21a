"""The tasks by which the champion comes to answer: with what is published, or made again from the registry."""

from typing import Any

from airflow.sdk import chain, task

from pipelines.core.artifacts import Promotion
from pipelines.stages.table import STAGES
from weaver_dags.results import pull_artifacts
from weaver_dags.tasks import run_task_stage, stage_task


def deploy_tasks(asked: Any, first: str) -> None:
    """Deploy, and record, the version of the promotion that the task `first` returned."""

    @task.branch
    def is_published() -> str:
        """Go on with what is published, or make it again from the registry."""
        from pipelines.serving import deploy as deploy_stage

        return (
            "deploy"
            if deploy_stage.is_published(Promotion.model_validate(pull_artifacts(first)[first]))
            else "fetch_champion"
        )

    @task(doc_md=STAGES["deploy"].help, trigger_rule="none_failed_min_one_success")
    def deploy() -> dict[str, Any]:
        made = pull_artifacts("plan", first, "rebuild_export")
        artifacts = {"promote": made[first], "export": made["rebuild_export"]}  # no export where it is published still
        return run_task_stage("deploy", made["plan"], artifacts)

    @task(doc_md=STAGES["append_ledger"].help)
    def append_ledger() -> dict[str, Any]:
        made = pull_artifacts("plan", first, "deploy")
        return run_task_stage("append_ledger", made["plan"], {"promote": made[first], "deploy": made["deploy"]})

    kept, answering = is_published(), deploy()
    chain(
        asked,
        kept,
        stage_task("fetch_champion"),
        stage_task("rebuild_export", pool="training"),
        answering,
        append_ledger(),
    )
    kept >> answering
