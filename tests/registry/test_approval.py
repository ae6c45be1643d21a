"""A decision is what Airflow's record of the question, its audit log or MLflow say; what is forged does not count."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest

from pipelines.core.artifacts import NOBODY, Candidate
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.plan import Approval
from pipelines.registry import approval
from pipelines.registry.approval import IN_MLFLOW, Question, read_decision

EVIDENCE = "e" * 64
ASKED = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
QUESTION = Question("retrain_advisor", "manual__2026-11-26T03:00:00+00:00", "approve")
CANDIDATE = Candidate(name="advisor", version=4, run_id="r")
WEEK = Approval(hours=168)  # the question still stands


class FakeAirflow:
    """What Airflow's REST API says of one question."""

    def __init__(self, user: str = "", option: str = "Approve", **changes: Any) -> None:
        answered = ASKED + timedelta(minutes=5)
        response = {
            "response_received": bool(user),
            "responded_by_user": {"id": user, "name": user} if user else None,
            "responded_at": answered.isoformat() if user else None,
            "chosen_options": [option] if user else None,
            "params_input": {"why": "better"} if user else {},
        }
        assigned = [{"id": name, "name": name} for name in ("reviewer", "admin")]
        question = {"subject": "Promote?", "body": f"evidence `{EVIDENCE}`", "options": ["Approve", "Reject"]}
        asked = {"created_at": ASKED.isoformat(), "assigned_users": assigned}
        self.asked = question | asked | response | changes
        self.run: dict[str, Any] = {"triggering_user_name": "engineer", "run_type": "manual"}
        self.log = [self.entry(user, [option], answered)] if user else []
        self.events: list[dict[str, Any]] = []

    def entry(self, owner: str, chosen: list[str], when: datetime, event: str = "update_hitl_detail") -> dict[str, Any]:
        extra = json.dumps({"chosen_options": chosen, "method": "PATCH"})
        return {"event_log_id": 1, "when": when.isoformat(), "event": event, "owner": owner, "extra": extra}

    def request(self, method: str, path: str) -> Any:
        assert method == "GET"
        if path.endswith("/hitlDetails"):
            return self.asked
        if path.startswith("/api/v2/eventLogs?"):
            query = dict(parse_qsl(path.partition("?")[2]))
            assert (query["dag_id"], query["run_id"], query["task_id"]) == QUESTION
            wanted = (query["event"], query["owner"])
            return {"event_logs": [entry for entry in self.log if (entry["event"], entry["owner"]) == wanted]}
        if path.endswith("/upstreamAssetEvents"):
            return {"asset_events": self.events}
        return self.run


@pytest.fixture(autouse=True)
def alias(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What MLflow says: `version` behind the alias `approved`, and who can set it."""
    mlflow: dict[str, Any] = {"version": None, "editors": {"admin": True, "reviewer": True}}

    def alias_version(name: str, alias: str) -> int | None:
        assert (name, alias) == (CANDIDATE.name, "approved")
        if isinstance(mlflow["version"], Exception):
            raise mlflow["version"]
        return mlflow["version"]  # type: ignore[no-any-return]

    monkeypatch.setattr(approval, "alias_version", alias_version)
    monkeypatch.setattr(approval, "read_alias_editors", lambda: mlflow["editors"])
    return mlflow


def read(airflow: FakeAirflow, policy: Approval = WEEK, shown: str = EVIDENCE) -> Any:
    return read_decision(airflow, QUESTION, policy, shown, CANDIDATE)  # type: ignore[arg-type]


@pytest.mark.parametrize("option", ["Approve", "Reject"])
def test_a_reviewers_answer_is_a_decision_with_its_records(option: str) -> None:
    decision = read(FakeAirflow("reviewer", option))
    assert (decision.approved, decision.by, decision.why) == (option == "Approve", "reviewer", "better")
    assert decision.record["question"]["body"] == f"evidence `{EVIDENCE}`"
    assert decision.record["audit_log"]["owner"] == "reviewer"
    assert decision.record["run"] == {"id": QUESTION.run_id, "started_by": "engineer"}


def test_a_task_that_was_set_to_success_by_hand_decides_nothing() -> None:
    with pytest.raises(WeaverError, match="nobody has answered the task approve: its state was set by hand"):
        read(FakeAirflow())


def test_an_answer_to_another_candidates_page_does_not_count() -> None:
    with pytest.raises(WeaverError, match="about something else than what this run would carry out"):
        read(FakeAirflow("reviewer"), shown="f" * 64)


@pytest.mark.parametrize("user", ["engineer", "service"])
def test_only_reviewers_decide(user: str) -> None:
    with pytest.raises(WeaverError, match=f"{user} answered the task approve, and may not decide"):
        read(FakeAirflow(user))


def test_who_was_not_asked_or_is_no_reviewer_any_more_does_not_decide() -> None:
    with pytest.raises(WeaverError, match=r"admin answered .* may not decide"):
        read(FakeAirflow("admin"), Approval(reviewers=["reviewer"]))
    with pytest.raises(WeaverError, match=r"admin answered .* may not decide"):
        read(FakeAirflow("admin", assigned_users=[{"id": "reviewer", "name": "reviewer"}]))


def test_a_default_answer_that_nobody_gave_does_not_count() -> None:
    with pytest.raises(WeaverError, match="nobody answered"):
        read(FakeAirflow("reviewer", responded_by_user=None))


@pytest.mark.parametrize(
    ("owner", "chosen", "minutes", "event"),
    [
        ("engineer", ["Approve"], 5, "update_hitl_detail"),
        ("reviewer", ["Reject"], 5, "update_hitl_detail"),
        ("reviewer", ["Approve"], -60, "update_hitl_detail"),  # an earlier question's
        ("reviewer", ["Approve"], 5, "patch_task_instance"),
    ],
)
def test_an_answer_that_the_audit_log_does_not_have_does_not_count(
    owner: str, chosen: list[str], minutes: int, event: str
) -> None:
    airflow = FakeAirflow("reviewer")
    airflow.log = [airflow.entry(owner, chosen, ASKED + timedelta(minutes=minutes), event)]
    with pytest.raises(WeaverError, match="audit log has no answer of reviewer"):
        read(airflow)


def test_no_answer_in_time_is_a_no_that_nobody_signs() -> None:
    decision = read(FakeAirflow(), Approval(hours=1))
    assert (decision.approved, decision.by, decision.why) == (False, NOBODY, "no answer within 1 hours")


def test_the_alias_approved_in_mlflow_is_a_yes(alias: dict[str, Any]) -> None:
    alias["version"] = 4
    decision = read(FakeAirflow())
    assert decision.approved and decision.by == IN_MLFLOW
    assert decision.record["mlflow"] == {"alias": "approved", "version": 4, "who_can_set_it": ["admin", "reviewer"]}


@pytest.mark.parametrize("version", [None, 3])
def test_no_alias_or_one_on_another_version_is_no_answer(version: int | None, alias: dict[str, Any]) -> None:
    alias["version"] = version
    with pytest.raises(WeaverError, match="nobody has answered"):
        read(FakeAirflow())


def test_an_answer_in_airflow_comes_before_the_alias(alias: dict[str, Any]) -> None:
    alias["version"] = 4
    assert not read(FakeAirflow("reviewer", "Reject")).approved


def test_an_alias_proves_nothing_where_others_can_set_it(alias: dict[str, Any]) -> None:
    alias |= {"version": 4, "editors": {"admin": True, "intern": False}}
    with pytest.raises(WeaverError, match=r"accounts that are no reviewers .*: intern"):
        read(FakeAirflow())


@pytest.mark.parametrize("error", [WeaverError("MLflow refused the sign-in"), Unavailable("MLflow does not answer")])
def test_an_mlflow_that_refuses_or_is_away_is_no_missing_alias(error: WeaverError, alias: dict[str, Any]) -> None:
    alias["version"] = error
    with pytest.raises(type(error), match="MLflow"):
        read(FakeAirflow(), Approval(hours=1))


FOUR_EYES = Approval(hours=168, four_eyes=True)


def test_with_four_eyes_whoever_started_the_run_may_not_approve_it(alias: dict[str, Any]) -> None:
    airflow = FakeAirflow("reviewer")
    assert read(airflow, FOUR_EYES).approved
    airflow.run["triggering_user_name"] = "reviewer"
    with pytest.raises(WeaverError, match="reviewer started this run and may not approve it too"):
        read(airflow, FOUR_EYES)
    assert read(airflow).approved, "without four_eyes they may"
    reject = FakeAirflow("reviewer", "Reject")
    reject.run["triggering_user_name"] = "reviewer"
    assert not read(reject, FOUR_EYES).approved, "they may say no"


def test_with_four_eyes_the_alias_in_mlflow_is_no_approval(alias: dict[str, Any]) -> None:
    alias["version"] = 4
    with pytest.raises(WeaverError, match="MLflow, which does not record by whom"):
        read(FakeAirflow(), FOUR_EYES)


def test_with_four_eyes_a_run_that_an_event_started_must_be_drifts() -> None:
    airflow = FakeAirflow("reviewer")
    airflow.run = {"triggering_user_name": None, "run_type": "asset_triggered"}
    airflow.events = [{"source_task_id": "emit_drift_event"}]
    assert read(airflow, FOUR_EYES).approved
    airflow.events.append({"source_task_id": None})
    with pytest.raises(WeaverError, match="an asset event that a person sent"):
        read(airflow, FOUR_EYES)
