"""An approval that is given in MLflow: the alias `approved`, set on the version that Airflow asks about, is a yes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
from airflow.triggers.base import BaseTrigger, TriggerEvent

from pipelines.core.settings import settings

PAUSE = 5  # seconds between two looks; Airflow takes an answer within a second of its question for a crash
MLFLOW = "mlflow"  # the Airflow user that answers in the reviewer's place


class ApprovedInMLflow(BaseTrigger):
    """Ends when a question is answered: in Airflow, or by this trigger once the alias points at the version.

    Args:
        name: the registered model.
        version: the version that is asked about.
        question: path of the question's hitlDetails in Airflow's REST API.
    """

    def __init__(self, name: str, version: int, question: str) -> None:
        super().__init__()
        self.name, self.version, self.question = name, version, question

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "weaver_plugins.approval_trigger.ApprovedInMLflow", {
            "name": self.name,
            "version": self.version,
            "question": self.question,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while True:
            await asyncio.sleep(PAUSE)
            try:
                if event := await self.look():
                    yield TriggerEvent(event)
                    return
            except httpx.HTTPError as error:  # a server that restarts is asked again
                self.log.warning("%s", error)

    async def look(self) -> str:
        """One look at both servers; says how the question was answered, or nothing if it was not."""
        here = settings()
        async with httpx.AsyncClient(base_url=here.airflow_url, timeout=30, trust_env=False) as airflow:
            login = {"username": MLFLOW, "password": here.secret("airflow_mlflow")}
            token = (await airflow.post("/auth/token", json=login)).raise_for_status().json()["access_token"]
            airflow.headers["Authorization"] = f"Bearer {token}"
            asked = await airflow.get(self.question)
            if asked.status_code == httpx.codes.NOT_FOUND:
                return ""
            if asked.raise_for_status().json()["response_received"]:
                return "answered in Airflow"
            if await self.approved() != self.version:
                return ""
            why = f"alias approved, set on version {self.version} in MLflow"
            yes = {"chosen_options": ["Approve"], "params_input": {"why": why}}
            answer = await airflow.patch(self.question, json=yes)
            if answer.status_code == httpx.codes.CONFLICT:
                return "answered in Airflow"
            answer.raise_for_status()
            return why

    async def approved(self) -> int:
        """The version behind the model's alias `approved`; 0 without one."""
        here = settings()
        admin = None if here.tracking_uri else ("admin", here.secret("mlflow"))
        async with httpx.AsyncClient(base_url=here.mlflow_url, auth=admin, timeout=30) as mlflow:
            found = await mlflow.get(
                "/api/2.0/mlflow/registered-models/alias", params={"name": self.name, "alias": "approved"}
            )
        return int(found.json()["model_version"]["version"]) if found.is_success else 0
