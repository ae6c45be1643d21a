"""The tasks by which the champion comes to answer: with what is published, or made again from the registry."""

from typing import Any

from airflow.sdk import chain, task

from pipelines.core.artifacts import Promotion
from pipelines.stages.table import STAGES
from weaver_dags.tasks import perform, pulled, stage


def answers(asked: Any, first: str) -> None:
    """Deploy, and record, the version of the promotion that the task `first` returned."""

    @task.branch
    def still_here() -> str:
        """Go on with what is published, or make it again from the registry."""
        from pipelines.serving.deploy import kept

        return "deploy" if kept(Promotion.model_validate(pulled(first)[first])) else "incumbent"

    @task(doc_md=STAGES["deploy"].help, trigger_rule="none_failed_min_one_success")
    def deploy() -> dict[str, Any]:
        made = pulled("plan", first, "restore")
        artifacts = {"promote": made[first], "export": made["restore"]}  # no export where it is published still
        return perform("deploy", made["plan"], artifacts)

    @task(doc_md=STAGES["record"].help)
    def record() -> dict[str, Any]:
        made = pulled("plan", first, "deploy")
        return perform("record", made["plan"], {"promote": made[first], "deploy": made["deploy"]})

    kept, answering = still_here(), deploy()
    chain(asked, kept, stage("incumbent"), stage("restore", pool="training"), answering, record())
    kept >> answering
