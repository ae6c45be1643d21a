"""Airflow's REST API, as far as driving one retraining run from a terminal needs it."""

from datetime import UTC, datetime
from typing import Any

import httpx
import stamina

from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.settings import settings

FINISHED = {"success", "failed"}
WAITING = {"awaiting_input", "deferred"}


class AirflowClient:
    """A signed-in client; a request that meets a restarting or locked server is repeated for a minute.

    A repeated start or answer may meet its own first try, so both are worded to be the same request twice.
    """

    def __init__(self) -> None:
        self.client = httpx.Client(base_url=settings().airflow_url, timeout=30)
        login = {"username": "admin", "password": settings().secret("airflow")}
        token = self.request("POST", "/auth/token", json=login)["access_token"]
        self.client.headers["Authorization"] = f"Bearer {token}"

    def request(self, method: str, path: str, same_again: bool = False, **options: Any) -> Any:
        try:
            for attempt in stamina.retry_context(on=httpx.HTTPError, timeout=60, attempts=None):
                with attempt:
                    response = self.client.request(method, path, **options)
                    if response.is_server_error:
                        response.raise_for_status()
        except httpx.HTTPError as error:
            raise Unavailable(
                f"Airflow does not answer at {settings().airflow_url}: {error}",
                "See `weaver status`; `weaver up` starts it.",
            ) from error
        if response.is_error and not (same_again and response.status_code == httpx.codes.CONFLICT):
            raise WeaverError(f"Airflow refused {method} {path}: {error_detail(response)}")
        return response.json()

    def dag(self, dag_id: str) -> dict[str, Any]:
        """The DAG, once the DAG processor has read it (up to a minute after the very first start), and switched on."""
        for attempt in stamina.retry_context(on=WeaverError, timeout=90, attempts=None, wait_max=2):
            with attempt:
                return self.request("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})
        raise AssertionError("unreachable: the last attempt raises")

    def open_run(self, dag_id: str) -> str | None:
        """The run that is not over yet, if there is one."""
        found = self.request("GET", f"/api/v2/dags/{dag_id}/dagRuns", params={"state": ["queued", "running"]})
        return next((run["dag_run_id"] for run in found["dag_runs"]), None)

    def start(self, dag_id: str, conf: dict[str, Any]) -> str:
        run_id = f"weaver__{datetime.now(UTC).isoformat(timespec='seconds')}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        self.request("POST", f"/api/v2/dags/{dag_id}/dagRuns", same_again=True, json=body)
        return run_id


class DagRun:
    """One run of a DAG."""

    def __init__(self, airflow: AirflowClient, dag_id: str, run_id: str) -> None:
        self.airflow, self.path = airflow, f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
        self.url = f"{settings().airflow_url}/dags/{dag_id}/runs/{run_id}"

    def state(self) -> str:
        return self.airflow.request("GET", self.path)["state"]

    def tasks(self) -> list[dict[str, Any]]:
        """Task instances as Airflow describes them: task_id, state, start_date, duration (seconds), try_number, …"""
        return self.airflow.request("GET", f"{self.path}/taskInstances")["task_instances"]

    def artifact(self, task: str, key: str = "return_value") -> Any:
        return self.airflow.request("GET", f"{self.path}/taskInstances/{task}/xcomEntries/{key}")["value"]

    def question(self, task: str) -> dict[str, Any]:
        """What a waiting task asks: subject and body, in Markdown."""
        return self.airflow.request("GET", f"{self.path}/taskInstances/{task}/-1/hitlDetails")

    def answer(self, task: str, option: str, why: str) -> None:
        body = {"chosen_options": [option], "params_input": {"why": why}}
        path = f"{self.path}/taskInstances/{task}/-1/hitlDetails"
        self.airflow.request("PATCH", path, same_again=True, json=body)

    def error(self, task: dict[str, Any]) -> str:
        """What a failed task's log says went wrong."""
        path = f"{self.path}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
        lines = self.airflow.request("GET", path, params={"full_content": True})["content"]
        told = [line["error_detail"][0]["exc_value"] for line in lines if line.get("error_detail")]
        return told[-1] if told else f"see its log: {self.url}/tasks/{task['task_id']}"


def error_detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{response.status_code} {response.text[:200]}"
