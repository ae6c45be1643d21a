"""Risk and coverage: if only confident answers are given, how many questions are answered, and how many wrongly.

Coverage is the share of questions that are answered, risk the share of wrong ones among the answers (El-Yaniv and
Wiener, "On the Foundations of Noise-free Selective Classification", JMLR 11, 2010). An answer that declines answers
nothing, at any confidence.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

TARGET_RISK = 0.02
RISK_COVERAGE = "risk_coverage.json"  # in the folder of an evaluation, and in its MLflow run: every arm's curve
Point = dict[str, float]


def trace_risk_coverage(answers: Sequence[Mapping[str, Any]]) -> list[Point]:
    """The points of the curve, from the highest threshold to the lowest; empty if no answer was judged.

    Args:
        answers: `outcome` (None: not judged, it does not count) and `confidence` (0 to 1) of each.

    Returns:
        threshold: the lowest confidence that is answered; coverage and risk, from 0 to 1.
    """
    judged = [row for row in answers if row["outcome"]]
    answers_given = [row for row in judged if row["outcome"] in ("right", "wrong_confident")]
    points, answered, wrong = [], 0, 0
    for confidence, rows in groupby(
        sorted(answers_given, key=lambda row: -row["confidence"]), lambda row: row["confidence"]
    ):
        for row in rows:
            answered, wrong = answered + 1, wrong + (row["outcome"] == "wrong_confident")
        points.append({"threshold": confidence, "coverage": answered / len(judged), "risk": wrong / answered})
    return points


def find_threshold(points: Sequence[Point], target: float = TARGET_RISK) -> Point | None:
    """The point with the most coverage whose risk is at most the target; None if no threshold reaches it."""
    return max(
        (point for point in points if point["risk"] <= target), key=lambda point: point["coverage"], default=None
    )


def thin_out(points: Sequence[Point], count: int = 20) -> list[Point]:
    """At most `count` of the points, evenly over the curve; its last one is among them."""
    step = -(-len(points) // count) or 1
    return list(points[::-1][::step][::-1])
