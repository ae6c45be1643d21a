"""Paired, clustered bootstrap: is one thing better than another on the same questions, beyond chance?

Questions about one vehicle or trouble code share facts, so they are right or wrong together: whole clusters are
resampled, never single questions. The interval is the bootstrap's percentiles, taken at the wider level that Student's
t requires for few clusters (the "expanded percentile interval" of Hesterberg, "What Teachers Should Know about the
Bootstrap", The American Statistician 69(4), 2015). The number of clusters is Kish's
effective number, so one vehicle with half of the questions counts as one vehicle.

For challengers that are truly no better than the champion, such a 95% interval lies above 0 in 3% to 4% of cases, from
ten clusters to two hundred (2.5% would be perfect); with ten clusters, plain percentiles do so in 6% and BCa in 7%.
`make bench B=gate` measures all three.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.core.errors import WeaverError

POWER = 0.8  # a detectable gain is detected in four of five cases
MAX_BATCH_ENTRIES = 1_000_000  # of the resampling's arrays: keeps memory in the tens of MB
ROUNDING = 1e-6  # a perfect BLEU is 1.0000000000000004

Shares = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Interval:
    """The mean paired difference of two shares with its confidence interval; all from -1 to 1."""

    gain: float
    low: float
    high: float
    questions: int
    clusters: int
    detectable: float  # the smallest gain whose interval would lie above 0 in four of five cases; at most 1


def bootstrap_interval(
    challenger: Shares,
    other: Shares,
    clusters: Sequence[str],
    confidence: float,
    resamples: int,
    seed: int = 17,
) -> Interval:
    """Return the challenger's mean gain with its paired, clustered bootstrap interval.

    With so few clusters that even a sign test over unanimous ones would not reach `confidence` (five, at 95%), the
    interval is the whole possible range. If all clusters have the same difference, resampling has no variance, and the
    interval is Clopper and Pearson's bound for zero observed cases: as many unseen clusters as `confidence` allows may
    be at the worst, or best, possible value.

    Args:
        challenger, other: shares from 0 to 1, one per question, for the same questions in the same order.
        clusters: what each question is about, one per question.
        confidence: of the interval, 0 to 1.
        resamples: of the bootstrap.

    Raises:
        WeaverError: there is no question, the three differ in length, or a value is not a share.
    """
    from scipy import special, stats

    if not len(challenger) == len(other) == len(clusters) > 0:
        lengths = f"{len(challenger)}, {len(other)} and {len(clusters)}"
        raise WeaverError(
            f"There are {lengths} values of challenger, other and clusters.",
            "Give the same number of values for each, at least one.",
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
    """The mean over all questions of resampled clusters, along the axis of clusters."""
    ratio: np.ndarray = sums.sum(axis) / sizes.sum(axis)
    return ratio


def validate_shares(values: Shares, name: str) -> np.ndarray:
    """The values as an array.

    Raises:
        WeaverError: a value is not from 0 to 1; names the first one's row, counted from 1.
    """
    array = np.asarray(values, dtype=float)
    wrong = np.flatnonzero(~((array >= -ROUNDING) & (array <= 1 + ROUNDING)))
    if wrong.size:
        raise WeaverError(
            f"{name}, row {wrong[0] + 1}: {array[wrong[0]]} is not between 0 and 1.",
            "Look at that answer in answers.jsonl, and correct the scorer.",
        )
    return array
