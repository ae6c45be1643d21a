"""An approval that is given in MLflow: the alias `approved`, set on the version that Airflow asks about, is a yes.

The trigger decides nothing. It only ends the waiting; the tasks after it read the decision from MLflow themselves.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from pipelines.core.errors import Unavailable

POLL_INTERVAL = 5  # seconds; Airflow takes an answer within a second of its question for a crash
APPROVE = "approve"  # the task whose waiting ends


class ApprovedInMLflow(BaseTrigger):
    """Ends when the question is answered in Airflow, or once the alias `approved` is on the version.

    Args:
        name: the registered model.
        version: the version that is asked about.
        dag_id, run_id: the run whose task `approve` waits.
    """

    def __init__(self, name: str, version: int, dag_id: str, run_id: str) -> None:
        super().__init__()
        self.name, self.version, self.dag_id, self.run_id = name, version, dag_id, run_id
        self.airflow: Any = None  # signed in at the first look

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {"name": self.name, "version": self.version, "dag_id": self.dag_id, "run_id": self.run_id}
        return "weaver_plugins.approval_trigger.ApprovedInMLflow", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Raises:
            WeaverError: Airflow or MLflow refused the request, or the alias proves nothing: the task fails with it.
        """
        while True:
            await asyncio.sleep(POLL_INTERVAL)
            try:
                outcome = await asyncio.to_thread(self.check)
            except Unavailable as error:  # a server that restarts is asked again
                self.log.warning("%s", error)
                continue
            if outcome:
                yield TriggerEvent(outcome)
                return

    def check(self) -> str:
        """How the question was answered; empty while it was not."""
        from pipelines.clients.airflow import AirflowClient
        from pipelines.core.artifacts import Candidate
        from pipelines.core.settings import SERVICE_ACCOUNT
        from pipelines.registry.approval import Question, read_mlflow_approval

        self.airflow = self.airflow or AirflowClient(SERVICE_ACCOUNT)
        question = Question(self.dag_id, self.run_id, APPROVE)
        task = self.airflow.request("GET", question.path)
        if task["state"] not in ("awaiting_input", "deferred"):
            return "answered in Airflow" if task["state"] in ("success", "failed", "skipped") else ""
        if not read_mlflow_approval(Candidate(name=self.name, version=self.version, run_id="")):
            return ""
        self.airflow.request("PATCH", question.path, json={"new_state": "success"})
        return f"approved in MLflow: the alias is on version {self.version}"
