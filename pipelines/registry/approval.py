"""Who decided at an approval: read from Airflow's record of the question, or from MLflow; never from an XCom.

Whoever may edit tasks in Airflow can write any XCom and set any task to success. The record of the question cannot be
written that way: Airflow fills in who answered, and takes an answer from the assigned users alone. Its audit log has
the same answer once more. A decision counts for the candidate whose evidence was named on the page that was answered.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from pipelines.clients.airflow import AirflowClient
from pipelines.clients.mlflow import alias_version, send_request, translate_mlflow_error
from pipelines.core.artifacts import NOBODY, Candidate, Decision
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.plan import Approval
from pipelines.core.settings import settings

ALIAS = "approved"  # of the registered model: set on a version in MLflow, it approves that version
IN_MLFLOW = "a reviewer in MLflow"  # which does not record who sets an alias
REVIEWER_ROLE = "model-reviewer"  # of accounts in MLflow, see stack.provision
SHOWN = ("subject", "body", "options", "assigned_users", "created_at")
ANSWERED = ("responded_by_user", "responded_at", "chosen_options", "params_input")
TOLERANCE = timedelta(seconds=60)  # between the audit log's entry, which is written first, and the answer


class Question(NamedTuple):
    """A task that waits for a person."""

    dag_id: str
    run_id: str
    task_id: str

    @property
    def run_path(self) -> str:
        """The path of the DAG run in Airflow's REST API."""
        return f"/api/v2/dags/{self.dag_id}/dagRuns/{quote(self.run_id, safe='')}"

    @property
    def path(self) -> str:
        """The path of the task that asks, in Airflow's REST API."""
        return f"{self.run_path}/taskInstances/{self.task_id}/-1"


def read_decision(
    airflow: AirflowClient, question: Question, approval: Approval, shown: str, candidate: Candidate | None = None
) -> Decision:
    """What was decided, by whom and when.

    Args:
        approval: who may decide, and for how long.
        shown: the digest that the answered page must name, so that the answer is about what is carried out.
        candidate: the version that may be approved in MLflow instead; None where only Airflow is asked.
    Raises:
        WeaverError: there is no decision, or none that counts; says why.
        Unavailable: Airflow or MLflow does not answer.
    """
    detail = airflow.request("GET", f"{question.path}/hitlDetails")
    run = airflow.request("GET", question.run_path)
    if shown not in (detail["body"] or ""):
        raise WeaverError(
            f"the page that {question.task_id} showed is about something else than what this run would carry out",
            "A task before it ran again after the question was asked. Start a new run.",
        )
    record: dict[str, Any] = {"run": {"id": question.run_id, "started_by": run["triggering_user_name"]}}
    record["question"] = {key: detail[key] for key in (*SHOWN, *ANSWERED)}
    if detail["response_received"]:
        decision = read_answer(airflow, question, approval, detail, record)
    elif candidate and (alias := read_mlflow_approval(candidate)):
        why = f"the alias {ALIAS} was set on version {candidate.version} in MLflow"
        decision = Decision(approved=True, by=IN_MLFLOW, why=why, record=record | {"mlflow": alias})
    elif datetime.now(UTC) >= datetime.fromisoformat(detail["created_at"]) + timedelta(hours=approval.hours):
        return Decision(approved=False, by=NOBODY, why=f"no answer within {approval.hours:g} hours", record=record)
    else:
        raise WeaverError(
            f"nobody has answered the task {question.task_id}: its state was set by hand, which decides nothing",
            f"Clear the task {question.task_id}, so that it asks again.",
        )
    if approval.four_eyes and decision.approved:
        check_four_eyes(airflow, question, decision, run)
    return decision


def read_answer(
    airflow: AirflowClient, question: Question, approval: Approval, detail: dict[str, Any], record: dict[str, Any]
) -> Decision:
    """The answer that a person gave in Airflow, confirmed by the audit log."""
    user = detail["responded_by_user"]
    name, assigned = (user or {}).get("id", ""), {person["id"] for person in detail["assigned_users"]}
    if name not in assigned or name not in approval.reviewers:
        raise WeaverError(
            f"{name or 'nobody'} answered the task {question.task_id}, and may not decide",
            f"Reviewers are {', '.join(approval.reviewers)} (approval.reviewers of the template). Clear the task.",
        )
    entry = next(read_audit_log(airflow, question, name, detail), None)
    if entry is None:
        raise WeaverError(
            f"Airflow's audit log has no answer of {name} to the task {question.task_id}",
            f"It was not given through Airflow's API. Clear the task {question.task_id}, so that it asks again.",
        )
    return Decision(
        approved=detail["chosen_options"] == ["Approve"],
        by=name,
        why=detail["params_input"].get("why") or "no reason given",
        record=record | {"audit_log": entry},
    )


def read_audit_log(
    airflow: AirflowClient, question: Question, user: str, detail: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """The audit log's entries of this very answer."""
    filters = {"dag_id": question.dag_id, "run_id": question.run_id, "task_id": question.task_id, "owner": user}
    filters |= {"event": "update_hitl_detail", "order_by": "-when"}
    answered = datetime.fromisoformat(detail["responded_at"])
    for entry in airflow.request("GET", f"/api/v2/eventLogs?{urlencode(filters)}")["event_logs"]:
        chosen = json.loads(entry["extra"] or "{}").get("chosen_options")
        near = abs(datetime.fromisoformat(entry["when"]) - answered) <= TOLERANCE
        if near and chosen == detail["chosen_options"]:
            yield {key: entry[key] for key in ("event_log_id", "when", "event", "owner", "extra")}


def check_four_eyes(airflow: AirflowClient, question: Question, decision: Decision, run: dict[str, Any]) -> None:
    """That whoever started the run did not approve it.

    Raises:
        WeaverError: they did, or nobody can tell.
    """
    remedy = f"The template has approval.four_eyes. Clear the task {question.task_id}, and let another reviewer answer."
    if decision.by == IN_MLFLOW:
        raise WeaverError("the run was approved in MLflow, which does not record by whom", remedy)
    if run["triggering_user_name"] == decision.by:
        raise WeaverError(f"{decision.by} started this run and may not approve it too", remedy)
    if run["run_type"] == "asset_triggered":
        events = airflow.request("GET", f"{question.run_path}/upstreamAssetEvents")["asset_events"]
        if any(event["source_task_id"] is None for event in events):
            raise WeaverError(
                "this run was started by an asset event that a person sent, and Airflow does not record who",
                "The template has approval.four_eyes: start the run in Airflow instead.",
            )


def read_mlflow_approval(candidate: Candidate) -> dict[str, Any] | None:
    """The approval of a version by the alias `approved`; None where the alias is not on this version.

    MLflow does not record who sets an alias. It counts because no other accounts than reviewers and admins can.

    Raises:
        WeaverError: other accounts can set it too, or this MLflow has no accounts.
        Unavailable: MLflow does not answer.
    """
    if alias_version(candidate.name, ALIAS) != candidate.version:
        return None
    editors = read_alias_editors()
    if others := sorted(user for user, may_approve in editors.items() if not may_approve):
        raise WeaverError(
            f"accounts that are no reviewers may set the alias {ALIAS} in MLflow: {', '.join(others)}",
            f"Take EDIT on registered models from them, or give them the role {REVIEWER_ROLE}; or answer in Airflow.",
        )
    return {"alias": ALIAS, "version": candidate.version, "who_can_set_it": sorted(editors)}


def read_alias_editors() -> dict[str, bool]:
    """The accounts in MLflow that can set an alias → whether they are reviewers or admins.

    Raises:
        WeaverError: this MLflow has no accounts, so that anybody can set an alias.
        Unavailable: MLflow does not answer.
    """
    server = settings().mlflow_url
    with translate_mlflow_error("listing its accounts"):
        response = send_request("GET", "/api/2.0/mlflow/users/list", timeout=30)
    if response.status_code >= 500:
        raise Unavailable(f"MLflow at {server} does not list its accounts: {response.status_code}", "Try again later.")
    if not response.ok:
        raise WeaverError(
            f"MLflow at {server} does not say whose accounts can set the alias {ALIAS} ({response.status_code})",
            "Answer in Airflow; or start MLflow with `--app-name basic-auth`.",
        )
    editors = {}
    for user in response.json()["users"]:
        roles = [role for role in user["roles"] if any(map(can_edit_models, role.get("permissions") or []))]
        if user["is_admin"] or roles:
            editors[user["username"]] = user["is_admin"] or all(role["name"] == REVIEWER_ROLE for role in roles)
    return editors


def can_edit_models(permission: dict[str, Any]) -> bool:
    """Return whether a permission of MLflow lets its holder set aliases of registered models."""
    return permission["resource_type"] in ("registered_model", "workspace", "*") and permission["permission"] not in (
        "READ",
        "USE",
        "DENY",
        "NO_PERMISSIONS",
    )
