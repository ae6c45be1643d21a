"""The statistical rules of the gate: what the challenger's paired intervals must show."""

import math

from pipelines.core.artifacts import Comparison, Rule
from pipelines.core.errors import WeaverError
from pipelines.core.plan import Gate

WRONG_CONFIDENT = "wrong_confident"  # the metric that is compared beside the gate's
NO_LIMIT = -1.0  # no gain can be below this limit: nothing is required, so nothing need be proven
POINTS, PERCENT, SECONDS, COUNT, SCORE = "percentage points", "%", "seconds", "", "of 5"  # units; others are currencies
ARMS = {
    "base": "the base model",
    "base_retrieval": "the base model with retrieval",
    "few_shot": "the base model with examples",
    "champion": "the champion",
    "challenger": "the challenger",
}


def gain_rules(comparisons: list[Comparison], gate: Gate) -> list[Rule]:
    """One rule for every arm: the lower end of the interval of the gain, over all questions, is above its limit.

    All of them must pass, so that more arms make a false promotion rarer, and nothing is corrected for.

    Raises:
        WeaverError: no arm was compared by the gate's metric.
    """
    limits = {
        "base": gate.gain_over_base,
        "base_retrieval": gate.gain_over_retrieval,
        "few_shot": gate.gain_over_few_shot,
        "champion": gate.gain_over_champion,
    }
    overall = [c for c in comparisons if c.slice == "all" and c.metric == gate.metric]
    if not overall:
        raise WeaverError(
            f"the evaluation compares no arm by {gate.metric}, which is the metric of the gate",
            f"Evaluate again with gate.metric: {gate.metric}.",
        )
    return [
        Rule(
            name=f"The gain over {ARMS[c.against]} must be more than {100 * limits[c.against]:.1f} {POINTS}, at the "
            f"lower end of its {100 * c.confidence:.3g}% interval",
            figure=c.low,
            limit=limits[c.against],
            unit=POINTS,
            passed=c.low > limits[c.against] or limits[c.against] <= NO_LIMIT,
            evidence=describe_comparison(c, "gains"),
        )
        for c in overall
    ]


def slice_rules(comparisons: list[Comparison], gate: Gate) -> list[Rule]:
    """One rule for every slice with questions enough: it is not proven worse than the champion's by more than allowed.

    Proven: its whole interval lies below 0. A slice's interval is so wide that in 95 of 100 evaluations none of the
    slices misses (`paired_statistics`): looking at a dozen refuses no more good challengers than looking at one.
    """
    return [
        Rule(
            name=f"It must not be proven worse than the champion on '{c.slice}' by more than "
            f"{100 * gate.max_slice_drop:.1f} {POINTS}",
            figure=c.gain,
            limit=-gate.max_slice_drop,
            unit=POINTS,
            passed=c.high >= 0 or c.gain >= -gate.max_slice_drop,
            evidence=describe_comparison(c, "drops"),
        )
        for c in comparisons
        if c.against == "champion"
        and c.slice != "all"
        and c.metric == gate.metric
        and c.questions >= gate.min_slice_questions
    ]


def wrong_confident_rules(comparisons: list[Comparison], gate: Gate) -> list[Rule]:
    """That answers are not proven wrong and confident more often than the champion's; no rule without a champion.

    Proven: the whole interval of the paired difference lies above 0.
    """
    return [
        Rule(
            name="Answers must not be proven wrong and confident more often than the champion's by more than "
            f"{100 * gate.max_wrong_confident_rise:.1f} {POINTS}",
            figure=c.gain,
            limit=gate.max_wrong_confident_rise,
            unit=POINTS,
            passed=c.low <= 0 or c.gain <= gate.max_wrong_confident_rise,
            evidence=describe_comparison(c, "rises"),
        )
        for c in comparisons
        if c.against == "champion" and c.slice == "all" and c.metric == WRONG_CONFIDENT
    ]


def describe_comparison(comparison: Comparison, effect: str) -> str:
    """A comparison in words; `effect` is what it was made to find: gains or drops."""
    c = comparison
    gain = f"{format_quantity(c.gain, POINTS)} over {ARMS[c.against]}"
    sample = f"{c.questions} questions about {c.clusters} vehicles or codes"
    if (c.low, c.high) == (-1, 1):
        return f"{gain} ({sample}: too few to prove anything)"
    interval = f"{100 * c.confidence:.3g}% interval {100 * c.low:+.1f} to {100 * c.high:+.1f}"
    return f"{gain} ({interval}; {sample}; {effect} smaller than {100 * c.detectable:.1f} points would go unseen)"


def format_quantity(value: float, unit: str) -> str:
    """A figure with its unit, as people read it: `+4.1 percentage points`, `96.0%`, `1.5 seconds`, `0.04 USD`."""
    if not math.isfinite(value):
        return "not measured"
    if unit == POINTS:
        return f"{100 * value:+.1f} {POINTS}"
    if unit == PERCENT:
        return f"{100 * value:.1f}%"
    if unit == COUNT:
        return f"{value:.0f}"
    return f"{value:.3g} {unit}" if unit in (SECONDS, SCORE) else f"{value:.4g} {unit}"
