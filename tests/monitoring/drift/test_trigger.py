"""What an event says is checked before a run rests on it; several at once are one occasion."""

from typing import Any

import pytest

from pipelines.core.errors import WeaverError
from pipelines.monitoring.drift.trigger import merge_events

T = "service_advisor"


def test_nothing_started_it() -> None:
    assert merge_events(T, []) is None


def test_several_events_are_one_occasion() -> None:
    first = {"reason": "requests changed", "signals": ["topics"], "since": "2026-11-01", "until": "2026-11-03"}
    later = {"reason": "answers got worse", "signals": ["failed", "topics"], "config": {"train.epochs": 3}}
    again = first | {"config": {"train.epochs": 2, "refine.rows": 100}, "since": "2026-10-30"}
    asked = merge_events(T, [again, later, first])
    assert asked and asked.reason == "requests changed; answers got worse"
    assert asked.signals == ["topics", "failed"]
    assert asked.config == {"train.epochs": 3, "refine.rows": 100}
    assert (asked.since, asked.until) == ("2026-10-30", "2026-11-03")


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ({}, "event 1 of drift_service_advisor .* reason: Field required"),
        ({"reason": "r", "because": "s"}, "because: Extra inputs are not permitted"),
        ({"reason": "r", "config": "all"}, "config: Input should be a valid dictionary"),
        ({"reason": "r", "config": {"train.epoch": 3}}, "did you mean 'train.epochs'"),
        ({"reason": "r", "config": {"train.epochs": -1}}, "train.epochs: Input should be greater than 0"),
        ({"reason": "r", "config": {"budget.training_hours": 99}}, "budget.training_hours is a safeguard"),
        ({"reason": "r", "template": "parts_inventory"}, "is about parts_inventory"),
    ],
)
def test_an_event_that_is_none_is_refused(extra: dict[str, Any], told: str) -> None:
    with pytest.raises(WeaverError, match=told):
        merge_events(T, [extra])
