"""No answer to an approval is a no: nobody signs it, the champion stays, and the next run asks again."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.artifacts import NOBODY
from pipelines.core.plan import Approval
from pipelines.core.settings import REPOSITORY
from pipelines.core.templates import load_template
from pipelines.registry import approval, ledger
from pipelines.registry.approval import Question, read_decision
from pipelines.registry.promote import find_decision

from ..models import Home

TIMEOUT = {"error": "The response timeout has passed without a response.", "error_type": "timeout"}  # of the scheduler


class SilentAirflow:
    """A question that nobody answered."""

    def __init__(self, body: str) -> None:
        self.body = body

    def request(self, method: str, path: str) -> Any:
        if not path.endswith("/hitlDetails"):
            return {"triggering_user_name": None, "run_type": "scheduled"}
        asked = {"subject": "Promote?", "body": self.body, "options": ["Approve", "Reject"], "assigned_users": []}
        asked |= {"created_at": datetime(2026, 11, 26, tzinfo=UTC).isoformat(), "response_received": False}
        return asked | dict.fromkeys(("responded_by_user", "responded_at", "chosen_options", "params_input"))


def test_the_task_ends_well_with_a_no(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("dags", "plugins"):
        monkeypatch.syspath_prepend(str(REPOSITORY / folder))
    from weaver_dags.approval import approval_task

    task = approval_task(load_template("service_advisor"))
    assert task.defaults is None, "Airflow has no answer of its own to fall back on"
    result = task.execute_complete({}, TIMEOUT)
    assert result["chosen_options"] == ["Reject"] and result["responded_by_user"] == {"name": NOBODY}


def test_the_champion_stays_and_the_next_run_asks_again(models: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    models.promoted(1)
    train = models.plan.train.model_copy(update={"seed": 18})
    models.plan = models.plan.model_copy(update={"train": train})  # version 1 is decided, with another plan
    candidate = models.challenger(2, champion=1)
    monkeypatch.setattr(approval, "alias_version", lambda name, alias: None)
    evidence = candidate["collect_evidence"].digest
    airflow: Any = SilentAirflow(evidence)
    question = Question("retrain_advisor", "scheduled__2026-11-26", "approve")
    decision = read_decision(airflow, question, Approval(hours=1), evidence, candidate["register"])
    assert (decision.approved, decision.by) == (False, NOBODY)

    models.run("reject", candidate, by=decision.by, why=decision.why, record=decision.record)
    assert models.champions() == (1, 0)
    entry = ledger.read_entries()[-1]
    assert (entry.event, entry.by) == ("rejected", NOBODY) and entry.record["question"]["responded_by_user"] is None
    assert find_decision(models.dataset, models.plan) == "", "it is no decision about this data and plan"
