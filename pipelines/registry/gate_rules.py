"""The statistical rules of the gate: what the challenger's paired intervals must show."""

from pipelines.core.artifacts import Comparison, Rule
from pipelines.core.errors import WeaverError
from pipelines.core.plan import Gate

ANYTHING = -1.0  # a limit that no gain can miss: nothing is asked, so nothing need be proven


def gains(comparisons: list[Comparison], gate: Gate) -> list[Rule]:
    """One rule for every arm that was asked: the lower end of the gain over it, over all questions, is above its limit.

    All of them must pass, so that to ask for three proofs makes a false promotion rarer, and nothing is corrected for.

    Raises:
        WeaverError: no arm was compared by the gate's metric.
    """
    limits = {"base": gate.gain_over_base, "few_shot": gate.gain_over_few_shot, "champion": gate.gain_over_champion}
    over_all = [one for one in comparisons if one.part == "all" and one.metric == gate.metric]
    if not over_all:
        raise WeaverError(
            f"the evaluation compares no arm by {gate.metric}, which the gate goes by",
            "Evaluate again with this gate.metric.",
        )
    return [
        Rule(
            name=f"lower end of the gain over {named(one)} above",
            figure=one.low,
            limit=limits[one.against],
            passed=one.low > limits[one.against] or limits[one.against] <= ANYTHING,
            evidence=told(one, "gains"),
        )
        for one in over_all
    ]


def slices(comparisons: list[Comparison], gate: Gate) -> list[Rule]:
    """One rule for every slice with questions enough: it is not proven worse than the champion's by more than allowed.

    Proven: its whole interval lies below 0. A slice's interval is so wide that in 95 of 100 evaluations none of the
    slices misses (`compare.comparisons`): looking at a dozen refuses no more good challengers than looking at one.
    """
    return [
        Rule(
            name=f"gain over champion in {one.part}, where proven, at least",
            figure=one.gain,
            limit=-gate.max_slice_drop,
            passed=one.high >= 0 or one.gain >= -gate.max_slice_drop,
            evidence=told(one, "drops"),
        )
        for one in comparisons
        if one.against == "champion"
        and one.part != "all"
        and one.metric == gate.metric
        and one.questions >= gate.min_slice_questions
    ]


def told(one: Comparison, sought: str) -> str:
    """A comparison as a sentence, in points of a hundred; `sought` is what it was made to find: gains, or drops."""
    gain = f"{points(one.gain)} points over {named(one)}"
    asked = f"{one.questions} questions about {one.clusters} vehicles or codes"
    if (one.low, one.high) == (-1, 1):
        return f"{gain} ({asked}: too few to prove anything)"
    interval = f"{100 * one.confidence:.3g}% interval {points(one.low)} to {points(one.high)}"
    return f"{gain} ({interval}; {asked}; smaller {sought} than {100 * one.detectable:.1f} would go unseen)"


def named(one: Comparison) -> str:
    return "base with examples" if one.against == "few_shot" else one.against


def points(share: float) -> str:
    return f"{100 * share:+.1f}"
