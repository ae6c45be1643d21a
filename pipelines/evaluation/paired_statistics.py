"""Whether the challenger answers the same questions better than another arm, or was only lucky.

Questions about one vehicle or trouble code share facts, so they are right or wrong together: whole clusters are
resampled, never single questions. The interval is the bootstrap's percentiles, taken at the wider level that Student's
t asks for so few clusters (the "expanded percentile interval" of Hesterberg, "What Teachers Should Know about the
Bootstrap", The American Statistician 69(4), 2015). For as many clusters count as would tell as much if all were of one
size (Kish's effective number), so one vehicle with half of the questions weighs as what it is: one vehicle.

Of challengers that are truly no better than the champion, such an interval at 95% lies above 0 in 3 or 4 of a hundred
from ten clusters to two hundred (2.5 would be perfect); of ten clusters, plain percentiles do so in 6 and BCa in 7,
for neither knows how few there are. `make bench B=gate` measures the three.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.core.artifacts import Arm, Comparison
from pipelines.core.errors import WeaverError
from pipelines.core.plan import Evaluate

POWER = 0.8  # a detectable gain is seen in four of five cases
MAX_BATCH_ENTRIES = 1_000_000  # of the resampling's arrays, so that memory stays in the tens of MB
ROUNDING = 1e-6  # a perfect BLEU is 1.0000000000000004
QUESTION_KEYS = ("instruction", "input", "cluster", "parts")  # what makes two arms' rows the same question

Shares = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Interval:
    """The mean paired difference of two shares, and between what it may truly lie; all in -1..1."""

    gain: float
    low: float
    high: float
    questions: int
    clusters: int
    detectable: float  # the smallest gain that such an interval would hold above 0 in four of five cases; at most 1


def bootstrap_interval(
    challenger: Shares,
    other: Shares,
    clusters: Sequence[str],
    confidence: float,
    resamples: int,
    seed: int = 17,
) -> Interval:
    """The challenger's mean gain, with its paired, clustered bootstrap interval.

    Clusters so few that even a sign test over unanimous ones would not reach `confidence` (five, at 95%) prove nothing:
    the interval is the whole possible range. Where all clusters differ alike, resampling knows no doubt, and what it
    has not seen takes its place: as many clusters as `confidence` allows may be at the worst, or best, there is
    (Clopper and Pearson's bound for none seen).

    Args:
        challenger, other: a share from 0 to 1 a question, the same questions in the same order.
        clusters: what each question is about.

    Raises:
        WeaverError: there is no question, the three differ in length, or a value is no share.
    """
    from scipy import special, stats

    if not len(challenger) == len(other) == len(clusters) > 0:
        lengths = f"{len(challenger)}, {len(other)} and {len(clusters)}"
        raise WeaverError(
            f"{lengths} values of challenger, other and clusters are nothing to compare",
            "Ask both the same questions, at least one.",
        )
    differences = validate_shares(challenger, "challenger") - validate_shares(other, "other")
    names, members = np.unique(np.asarray(clusters), return_inverse=True)
    sums, sizes = np.bincount(members, weights=differences), np.bincount(members)
    gain, count = float(differences.mean()), float(sizes.sum() ** 2 / (sizes**2).sum())
    tail = (1 - confidence) / 2
    if 0.5**count > tail:
        return Interval(gain, -1.0, 1.0, len(differences), len(names), 1.0)

    wide = float(special.stdtrit(count - 1, 1 - tail))
    if np.ptp(sums / sizes) < ROUNDING:
        unseen = 1 - tail ** (1 / count)
        low, high = gain - unseen * (1 + gain), gain + unseen * (1 - gain)
        error = (high - low) / 2 / wide
    else:
        resampled = stats.bootstrap(
            (sums, sizes),
            ratio_of_sums,
            paired=True,
            vectorized=True,
            method="percentile",
            confidence_level=1 - 2 * special.ndtr(-wide * math.sqrt(count / (count - 1))),
            n_resamples=resamples,
            batch=max(1, MAX_BATCH_ENTRIES // len(names)),
            rng=seed,
        )
        low, high = map(float, resampled.confidence_interval)
        error = math.sqrt((((sums - gain * sizes) ** 2).sum() / sizes.sum() ** 2) * count / (count - 1))
    detectable = min(1.0, error * (wide + float(special.stdtrit(count - 1, POWER))))
    return Interval(gain, low, high, len(differences), len(names), detectable)


def ratio_of_sums(sums: np.ndarray, sizes: np.ndarray, axis: int = -1) -> np.ndarray:
    return sums.sum(axis) / sizes.sum(axis)


def compare_arms(answers: dict[Arm, list[dict[str, Any]]], metric: str, settings: Evaluate) -> list[Comparison]:
    """The challenger against every other arm, over all questions and in each slice.

    The interval over all has the plan's confidence. Those of the slices have it together: with twelve slices, each
    one's miss is allowed a twelfth (Bonferroni), or looking at many would find a bad one by luck alone.

    Args:
        answers: rows of each arm, of the same questions in the same order: `metric` (a share from 0 to 1, or None where
            the question has no say in it), `parts` (the slices it counts under, "all" among them) and `cluster`.

    Raises:
        WeaverError: arms were asked different questions, no question has the metric, or a value is no share; names
            arm and row.
    """
    rows = answers["challenger"]
    columns = {arm: metric_column(answers[arm], rows, metric, arm) for arm in answers}
    parts: dict[str, list[int]] = {"all": []}
    for number, row in enumerate(rows):
        for part in row["parts"] if row.get(metric) is not None else ():
            parts.setdefault(part, []).append(number)
    if not parts["all"]:
        raise WeaverError(
            f"none of {len(rows)} held-out questions has a {metric}", "Choose another gate.metric, or add such rows."
        )
    miss = 1 - settings.confidence
    found = []
    for arm in (arm for arm in answers if arm != "challenger"):
        for part, numbers in parts.items():
            confidence = 1 - (miss if part == "all" else miss / (len(parts) - 1))
            one = bootstrap_interval(
                columns["challenger"][numbers],
                columns[arm][numbers],
                [rows[number]["cluster"] for number in numbers],
                confidence,
                settings.resamples,
            )
            found.append(Comparison(against=arm, metric=metric, part=part, confidence=confidence, **vars(one)))
    return found


def metric_column(rows: list[dict[str, Any]], challenger: list[dict[str, Any]], metric: str, arm: str) -> np.ndarray:
    """An arm's metric, a value a row; 0 stands in where the challenger's question has no say either."""
    if len(rows) != len(challenger):
        raise WeaverError(f"{arm} answered {len(rows)} questions, challenger {len(challenger)}", "Evaluate again.")
    for number, (row, other) in enumerate(zip(rows, challenger, strict=True), start=1):
        if any(row.get(key) != other.get(key) for key in QUESTION_KEYS):
            raise WeaverError(f"row {number} of {arm} is another question than challenger's", "Evaluate again.")
        if (row.get(metric) is None) != (other.get(metric) is None):
            raise WeaverError(
                f"row {number} has {metric} {row.get(metric)} of {arm}, and {other.get(metric)} of challenger",
                "Whether a question has a say must not hang on its answer: correct how it is scored.",
            )
    return validate_shares([0.0 if row.get(metric) is None else row[metric] for row in rows], f"{metric} of {arm}")


def validate_shares(values: Shares, what: str) -> np.ndarray:
    """The values as an array.

    Raises:
        WeaverError: one is no share from 0 to 1; names the first by its row, from 1.
    """
    array = np.asarray(values, dtype=float)
    wrong = np.flatnonzero(~((array >= -ROUNDING) & (array <= 1 + ROUNDING)))
    if wrong.size:
        raise WeaverError(
            f"{what}, row {wrong[0] + 1}: {array[wrong[0]]} is no share from 0 to 1",
            "Look at that answer in answers.jsonl, and correct how it is scored.",
        )
    return array
