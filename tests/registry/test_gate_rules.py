"""A gain counts as far as it is proven, and a slice is worse only where that is proven."""

import pytest

from pipelines.core.artifacts import Arm, Comparison
from pipelines.core.errors import WeaverError
from pipelines.core.plan import Gate
from pipelines.registry.gate_rules import gain_rules, slice_rules

GATE = Gate(gain_over_base=0.05, gain_over_few_shot=0.0, gain_over_champion=0.0, max_slice_drop=0.05)


def compared(against: Arm, low: float, high: float, part: str = "all", **given: float | str) -> Comparison:
    figures = {"gain": (low + high) / 2, "questions": 218, "clusters": 61, "detectable": 0.039, "metric": "score"}
    return Comparison.model_validate({"against": against, "slice": part, "low": low, "high": high} | figures | given)


@pytest.mark.parametrize(
    ("against", "low", "passed"),
    [
        ("base", 0.051, True),
        ("base", 0.05, False),  # on the limit is not above it
        ("base_retrieval", 0.001, True),
        ("base_retrieval", 0.0, False),
        ("few_shot", 0.001, True),
        ("few_shot", 0.0, False),
        ("champion", 0.001, True),
        ("champion", -0.001, False),
    ],
)
def test_the_lower_end_of_a_gain_must_be_above_its_limit(against: Arm, low: float, passed: bool) -> None:
    (rule,) = gain_rules([compared(against, low, 0.3)], GATE)
    assert rule.passed == passed
    assert rule.figure == low
    assert rule.limit == (0.05 if against == "base" else 0)


def test_every_arm_that_was_asked_has_a_rule_and_no_other() -> None:
    arms: list[Arm] = ["base", "base_retrieval", "few_shot", "champion"]
    rules = gain_rules([compared(arm, 0.1, 0.3, part) for arm in arms for part in ("all", "engine")], GATE)
    assert [rule.name.partition(" must")[0] for rule in rules] == [
        "The gain over the base model",
        "The gain over the base model with retrieval",
        "The gain over the base model with examples",
        "The gain over the champion",
    ]
    (rule,) = gain_rules([compared("base", 0.1, 0.3)], GATE)
    assert rule.name == (
        "The gain over the base model must be more than 5.0 percentage points, at the lower end of its 95% interval"
    )


def test_a_limit_of_minus_one_asks_for_no_proof() -> None:
    gate = Gate(gain_over_champion=-1)
    assert gain_rules([compared("champion", -1, 1)], gate)[0].passed
    assert not gain_rules([compared("champion", -1, 1)], GATE)[0].passed


def test_an_evaluation_by_another_metric_is_no_proof() -> None:
    with pytest.raises(WeaverError, match="compares no arm by score"):
        gain_rules([compared("champion", 0.1, 0.3, metric="bleu")], GATE)
    with pytest.raises(WeaverError, match="compares no arm by score"):
        gain_rules([], GATE)


@pytest.mark.parametrize(
    ("low", "high", "questions", "passed"),
    [
        (-0.30, -0.02, 40, False),  # proven worse, and by too much
        (-0.30, 0.00, 40, True),  # not proven
        (-0.06, -0.02, 40, True),  # proven worse, but by less than is allowed
        (0.10, 0.20, 40, True),
        (-0.30, -0.02, 10, False),
    ],
)
def test_a_slice_fails_where_it_is_proven_worse_by_more_than_allowed(
    low: float, high: float, questions: int, passed: bool
) -> None:
    (rule,) = slice_rules([compared("champion", low, high, "engine", questions=questions)], GATE)
    assert rule.passed == passed
    assert rule.figure == pytest.approx((low + high) / 2)
    assert "engine" in rule.name


def test_small_slices_other_arms_and_the_whole_say_nothing_of_slices() -> None:
    bad = (-0.9, -0.5)
    assert not slice_rules(
        [
            compared("champion", *bad, "engine", questions=9),
            compared("base", *bad, "engine"),
            compared("champion", *bad),
            compared("champion", *bad, "engine", metric="bleu"),
        ],
        GATE,
    )


def test_the_evidence_is_a_sentence_in_points() -> None:
    (rule,) = gain_rules([compared("champion", 0.012, 0.07, gain=0.041)], GATE)
    assert rule.evidence == (
        "+4.1 percentage points over the champion (95% interval +1.2 to +7.0; 218 questions about 61 vehicles or "
        "codes; gains smaller than 3.9 points would go unseen)"
    )
    (rule,) = slice_rules([compared("champion", -0.3, 0.1, "engine", gain=-0.1, confidence=0.9958)], GATE)
    assert rule.evidence == (
        "-10.0 percentage points over the champion (99.6% interval -30.0 to +10.0; 218 questions about 61 vehicles or "
        "codes; drops smaller than 3.9 points would go unseen)"
    )
    (rule,) = gain_rules([compared("few_shot", -1, 1, gain=0.5, questions=8, clusters=4)], GATE)
    assert rule.evidence == (
        "+50.0 percentage points over the base model with examples (8 questions about 4 vehicles or codes: too few to "
        "prove anything)"
    )
