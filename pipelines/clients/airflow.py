"""Airflow's REST API through its official client, signed in; a server that restarts is waited for.

Whoever needs Airflow from outside a running task uses this: `weaver run`, triggers, the tasks that write a run's note.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import stamina

from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.settings import settings

# `airflow_client` is the package apache-airflow-client: HTTP calls and their models. It does not bring Airflow, and
# import-linter forbids `airflow` itself in this package. Imported where it is used, as that takes more than a second.
if TYPE_CHECKING:
    from airflow_client.client import ApiClient
    from airflow_client.client.models.dag_response import DAGResponse
    from airflow_client.client.models.dag_run_response import DAGRunResponse
    from airflow_client.client.models.hitl_detail import HITLDetail
    from airflow_client.client.models.task_instance_response import TaskInstanceResponse as TaskInstanceResponse

ACTIVE = ("queued", "running")  # states of a run that is not over
FINISHED = ("success", "failed")  # and of one that is
WAITING = ("awaiting_input", "deferred")  # states of a task that needs no worker
PATIENCE = 60.0  # seconds for which a request that meets a restarting or locked server is repeated
CONFLICT = 409  # a repeated request met its own first try


class AirflowClient:
    """A signed-in client.

    Args:
        user: SERVICE_ACCOUNT, for tasks and triggers; empty: the user of the command line.
    Raises:
        Unavailable: no server answers for `PATIENCE`.
        WeaverError: the password is not known here, or the server refuses it.
    """

    def __init__(self, user: str = "") -> None:
        self.user = user
        self.api = self.sign_in()

    def sign_in(self) -> "ApiClient":
        """An API client with a new token."""
        from airflow_client.client import ApiClient, Configuration

        here = settings()
        try:
            user, password = here.airflow_login(self.user)
        except OSError as error:
            variable = "WEAVER_AIRFLOW_SERVICE_PASSWORD" if self.user else "WEAVER_AIRFLOW_PASSWORD"
            raise WeaverError(
                f"no password to sign in to Airflow with: {error}",
                f"Start the local servers with `weaver up`, or set {variable} for an Airflow of your own.",
            ) from error
        login = {"username": user, "password": password}
        proxies = bool(here.airflow_base_url)  # none on the way to this machine
        try:
            for attempt in stamina.retry_context(on=httpx.HTTPError, timeout=PATIENCE, attempts=None):
                with attempt:
                    response = httpx.post(f"{here.airflow_url}/auth/token", json=login, timeout=30, trust_env=proxies)
                    if response.is_server_error:
                        response.raise_for_status()
        except httpx.HTTPError as error:
            raise unavailable(error) from error
        if response.is_error:
            raise WeaverError(
                f"Airflow at {here.airflow_url} refused the user '{user}': HTTP {response.status_code}",
                "Correct WEAVER_AIRFLOW_USER and WEAVER_AIRFLOW_PASSWORD; `weaver logins` shows the local ones.",
            )
        return ApiClient(Configuration(host=here.airflow_url, access_token=response.json()["access_token"]))

    def call(self, api: str, method: str, *args: Any, same_again: bool = False, **kwargs: Any) -> Any:
        """The response of one method of an API class of `airflow_client.client`.

        Args:
            same_again: a conflict is no error: the request asks for what is so already. Then the result is None.
        Raises:
            Unavailable: no server answers for `PATIENCE`.
            WeaverError: Airflow refuses the request; with its own words.
        """
        from airflow_client import client

        def send() -> Any:
            return getattr(getattr(client, api)(self.api), method)(*args, _request_timeout=30, **kwargs)

        return self.retry(send, method.replace("_", " "), same_again)

    def request(self, method: str, path: str, same_again: bool = False, json: Any = None) -> Any:
        """The JSON that a path of the API answers with; arguments and errors as of `call`."""

        def send() -> Any:
            auth, accept = ["OAuth2PasswordBearer", "HTTPBearer"], {"Accept": "application/json"}
            content = accept | ({"Content-Type": "application/json"} if json is not None else {})
            request = self.api.param_serialize(method, path, header_params=content, body=json, auth_settings=auth)
            response: Any = self.api.call_api(*request, _request_timeout=30)
            response.read()
            return self.api.response_deserialize(response, {"2XX": "object"}).data

        return self.retry(send, f"{method} {path}", same_again)

    def retry(self, send: Callable[[], Any], what: str, same_again: bool) -> Any:
        """Send a request until the server answers."""
        from airflow_client.client.exceptions import ApiException, UnauthorizedException
        from urllib3.exceptions import HTTPError

        def is_transient(error: Exception) -> bool:
            return isinstance(error, HTTPError) or (isinstance(error, ApiException) and (error.status or 500) >= 500)

        try:
            for attempt in stamina.retry_context(on=is_transient, timeout=PATIENCE, attempts=None):
                with attempt:
                    try:
                        return send()
                    except UnauthorizedException:  # a token lasts for a day, a run may wait for longer
                        self.api = self.sign_in()
                        return send()
        except HTTPError as error:
            raise unavailable(error) from error
        except ApiException as error:
            if is_transient(error):
                raise unavailable(error) from error
            if same_again and error.status == CONFLICT:
                return None
            raise WeaverError(f"Airflow refused to {what}: HTTP {error.status}, {error_detail(error)}") from error
        raise AssertionError("unreachable: the last attempt raises")

    def dag(self, dag_id: str) -> "DAGResponse":
        """A DAG as Airflow describes it: is_paused, next_dagrun_run_after, …"""
        dag: DAGResponse = self.call("DAGApi", "get_dag", dag_id)
        return dag

    def dag_problem(self, dag_id: str) -> str:
        """Why no task of a DAG can start, in words: it is paused, or its file cannot be read; empty if it can."""
        dag = self.dag(dag_id)
        if dag.is_paused:
            return f"{dag_id} is paused in Airflow: switch it on there"
        if not dag.has_import_errors and not dag.is_stale:
            return ""
        errors = self.call("ImportErrorApi", "get_import_errors").import_errors
        traces = [error.stack_trace for error in errors if error.filename == dag.relative_fileloc]
        reason = traces[0].strip().splitlines()[-1] if traces else "it is not among the DAG files any more"
        return f"Airflow cannot read {dag.relative_fileloc or dag_id}: {reason}"

    def unpause(self, dag_id: str) -> None:
        """Switch a DAG's schedule on; runs of a paused DAG stay in the queue."""
        from airflow_client.client import DAGPatchBody

        self.call("DAGApi", "patch_dag", dag_id, DAGPatchBody(is_paused=False))

    def active_runs(self, dag_id: str) -> list["DagRun"]:
        """The runs that are not over, the one that was queued first in front."""
        response = self.call("DagRunApi", "get_dag_runs", dag_id, state=list(ACTIVE), limit=100)
        return [DagRun(self, dag_id, run.dag_run_id) for run in sorted(response.dag_runs, key=queue_order)]

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> "DagRun":
        """Start a run; the same request within the same second starts one run."""
        from airflow_client.client import TriggerDAGRunPostBody

        run_id = f"weaver__{datetime.now(UTC).isoformat(timespec='seconds')}"
        body = TriggerDAGRunPostBody(dag_run_id=run_id, logical_date=None, conf=conf)
        self.call("DagRunApi", "trigger_dag_run", dag_id, body, same_again=True)
        return DagRun(self, dag_id, run_id)


@dataclass(frozen=True, eq=False)
class DagRun:
    """One run of a DAG."""

    airflow: AirflowClient
    dag_id: str
    run_id: str

    @property
    def url(self) -> str:
        """Its page in Airflow's UI."""
        return run_url(self.dag_id, self.run_id)

    def details(self) -> "DAGRunResponse":
        """The run as Airflow describes it: state, run_type, note, queued_at, triggering_user_name, …"""
        run: DAGRunResponse = self.airflow.call("DagRunApi", "get_dag_run", self.dag_id, self.run_id)
        return run

    def state(self) -> str:
        """`queued`, `running`, `success` or `failed`."""
        return str(self.details().state.value)

    def tasks(self) -> list["TaskInstanceResponse"]:
        """Task instances as Airflow describes them: task_id, state, start_date, duration (seconds), try_number, …"""
        response = self.airflow.call("TaskInstanceApi", "get_task_instances", self.dag_id, self.run_id, limit=100)
        tasks: list[TaskInstanceResponse] = response.task_instances
        return tasks

    def xcom(self, task_id: str, key: str = "return_value") -> Any:
        """A value that a task of this run has left: by default, the artifact that it returned."""
        args = (self.dag_id, task_id, self.run_id, key)
        return self.airflow.call("XComApi", "get_xcom_entry", *args, stringify=False).actual_instance.value

    def hitl_detail(self, task_id: str) -> "HITLDetail":
        """What a waiting task asks (subject and body, in Markdown), and how it was answered."""
        args = (self.dag_id, self.run_id, task_id, -1)
        detail: HITLDetail = self.airflow.call("TaskInstanceApi", "get_hitl_detail", *args)
        return detail

    def respond(self, task_id: str, option: str, params: dict[str, Any]) -> bool:
        """Answer a waiting task; False if somebody has answered before."""
        from airflow_client.client import UpdateHITLDetailPayload

        body = UpdateHITLDetailPayload(chosen_options=[option], params_input=params)
        args = (self.dag_id, self.run_id, task_id, -1, body)
        return self.airflow.call("TaskInstanceApi", "update_hitl_detail", *args, same_again=True) is not None

    def skip(self, task_id: str, note: str, downstream: bool = False) -> bool:
        """Set a task, or also all after it, to skipped, with a note; False if it is already."""
        from airflow_client.client import PatchTaskInstanceBody

        body = PatchTaskInstanceBody(new_state="skipped", note=note[:1000], include_downstream=downstream)
        args = (self.dag_id, self.run_id, task_id, body)
        return self.airflow.call("TaskInstanceApi", "patch_task_instance", *args, same_again=True) is not None

    def set_note(self, text: str) -> None:
        """Set the note that Airflow's UI shows with this run."""
        from airflow_client.client import DAGRunPatchBody

        self.airflow.call("DagRunApi", "patch_dag_run", self.dag_id, self.run_id, DAGRunPatchBody(note=text[:1000]))

    def error(self, task: "TaskInstanceResponse") -> str:
        """What the log of a failed task says went wrong."""
        run = f"/api/v2/dags/{quote(self.dag_id)}/dagRuns/{quote(self.run_id, safe='')}"
        path = f"{run}/taskInstances/{quote(task.task_id)}/logs/{task.try_number}?full_content=true"
        lines = self.airflow.request("GET", path)["content"]  # the client's model of a line drops its error
        errors = [line["error_detail"][0]["exc_value"] for line in lines if line.get("error_detail")]
        return str(errors[-1]) if errors else f"see its log: {self.url}/tasks/{task.task_id}"


def run_url(dag_id: str, run_id: str) -> str:
    """A run's page in Airflow's UI."""
    return f"{settings().airflow_url}/dags/{dag_id}/runs/{quote(run_id, safe='')}"


def queue_order(run: "DAGRunResponse") -> tuple[datetime, str]:
    """Runs sorted by this come in the order in which they were queued."""
    return run.queued_at or run.run_after, run.dag_run_id


def unavailable(error: Exception) -> Unavailable:
    """The error of a server that does not answer."""
    return Unavailable(
        f"Airflow does not answer at {settings().airflow_url}: {error}", "See `weaver status`; `weaver up` starts it."
    )


def error_detail(error: Any) -> str:
    """What Airflow says about a request that it refuses."""
    try:
        return str(json.loads(error.body)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{error.reason} {error.body or ''}"[:200].strip()
