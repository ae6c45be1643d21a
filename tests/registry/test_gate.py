"""The gate lets through what beats its base by the plan's margin, and says why it does not."""

import pytest

from pipelines.artifacts import Candidate, Evaluation
from pipelines.plan import Gate
from pipelines.registry import gate as room
from pipelines.templates import make_plan

CANDIDATE = Candidate(name="service_advisor", version=4, run_id="r")


def evaluation(facts: float, loss: float) -> Evaluation:
    def arm(facts: float, loss: float) -> dict:
        return {"grounded": {"facts": facts}, "all": {"loss": loss}}

    return Evaluation(uri="", run_id="r", figures={"base": arm(0.3, 2.0), "challenger": arm(facts, loss)})


@pytest.mark.parametrize(
    ("facts", "loss", "broken"),
    [
        (0.75, 0.4, []),
        (0.50, 1.0, []),  # on both limits
        (0.49, 0.4, ["gain in exact facts"]),
        (0.75, 1.1, ["held-out loss"]),
        (0.20, 3.0, ["gain in exact facts", "held-out loss"]),
    ],
)
def test_every_rule_is_held_and_told(
    facts: float, loss: float, broken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[tuple[str, str]] = []
    monkeypatch.setattr(room, "decide", lambda candidate, decision, by, why: recorded.append((decision, why)))
    plan = make_plan("service_advisor").model_copy(update={"gate": Gate(min_fact_gain=0.2, max_loss_ratio=0.5)})
    verdict = room.gate(CANDIDATE, evaluation(facts, loss), plan)
    assert verdict.passed == (not broken)
    assert all(rule in verdict.reason for rule in broken)
    assert [decision for decision, _ in recorded] == (["gate_failed"] if broken else [])
