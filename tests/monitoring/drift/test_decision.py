"""The decision is a pure function: what violates, what fires, what is too old, what has to wait."""

import pytest

from pipelines.core.artifacts import Signal
from pipelines.core.plan import Drift
from pipelines.monitoring.drift.decision import (
    DAY,
    HOUR,
    find_firing_signals,
    is_cooling_down,
    is_model_decay,
    is_training_too_old,
    mark_violations,
)

POLICY = Drift()


def signal(name: str = "a", value: float = 1.0, p_value: float | None = 1e-6, **other: object) -> Signal:
    told = {"kind": "text", "statistic": "psi", "threshold": 0.1, "reference": 500, "current": 500}
    return Signal(**{"name": name, "value": value, "p_value": p_value} | told | other)


def windows(*violated: str) -> list[list[Signal]]:
    """A window a text: the names of the signals that violate in it."""
    return [[signal(name, violated=name in one.split()) for name in ("a", "b")] for one in violated]


@pytest.mark.parametrize(
    ("value", "p_value", "violates"),
    [
        (0.2, 1e-6, True),
        (0.05, 1e-6, False),  # sure, and too small to matter
        (0.2, 0.04, False),  # large, and perhaps chance
        (0.2, None, True),  # counted, not inferred
        (-0.2, 1e-6, False),  # a share that fell
        (0.1, 1e-6, True),
    ],
)
def test_a_signal_needs_an_effect_and_to_be_sure(value: float, p_value: float | None, violates: bool) -> None:
    assert [one.violated for one in mark_violations([signal(value=value, p_value=p_value)], POLICY)] == [violates]


def test_many_signals_of_a_window_share_its_false_alarms() -> None:
    """One in a hundred at 0.008 is what chance gives; alone it would count."""
    chance = [signal(f"n{number}", p_value=0.5) for number in range(19)]
    assert mark_violations([signal(p_value=0.008)], POLICY)[0].violated
    assert not any(one.violated for one in mark_violations([signal(p_value=0.008), *chance], POLICY))
    assert sum(one.violated for one in mark_violations([signal(p_value=0.0004), *chance], POLICY)) == 1
    assert mark_violations([], POLICY) == []


@pytest.mark.parametrize(
    ("history", "fires"),
    [
        (("a", "a"), ["a"]),
        (("a", "", "a"), ["a"]),
        (("a", "a", ""), []),  # it is over
        (("", "", "a"), []),  # once
        (("a", "b"), []),  # never the same one twice
        (("a", "", "", "a"), []),  # too long ago
        (("a b", "a b"), ["a", "b"]),
        ((), []),
    ],
)
def test_it_takes_two_of_the_last_three_windows_and_the_newest(history: tuple[str, ...], fires: list[str]) -> None:
    assert find_firing_signals(windows(*history), POLICY) == fires


def test_how_many_windows_it_takes_is_the_templates_to_say() -> None:
    assert find_firing_signals(windows("a"), Drift(violations=1)) == ["a"]
    assert find_firing_signals(windows("a", "", "", "a"), Drift(windows=4)) == ["a"]


def test_another_schema_is_for_a_person_to_mend() -> None:
    changed = signal("schema of division", kind="schema", p_value=None, violated=True)
    assert find_firing_signals([[changed], [changed]], POLICY) == []


def test_answers_that_get_worse_alone_are_decay() -> None:
    some = [signal("failed", kind="quality"), signal("declines", kind="answers"), signal("topics")]
    assert is_model_decay(some, ["failed"]) and is_model_decay(some, ["failed", "declines"])
    assert not is_model_decay(some, ["failed", "topics"]) and not is_model_decay(some, [])


def test_a_training_grows_old() -> None:
    now = 100 * DAY
    assert is_training_too_old(now - 31 * DAY, now, POLICY) and not is_training_too_old(now - 29 * DAY, now, POLICY)
    assert not is_training_too_old(0, now, POLICY), "nothing was ever trained"
    assert not is_training_too_old(now - 99 * DAY, now, Drift(max_age_days=0))


def test_the_cooldown_runs_from_the_last_event() -> None:
    now = 100 * DAY
    assert is_cooling_down(now - 23 * HOUR, now, POLICY) and not is_cooling_down(now - 24 * HOUR, now, POLICY)
    assert not is_cooling_down(0.0, now, POLICY)
