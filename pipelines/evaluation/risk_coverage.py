"""Risk and coverage: if only confident answers are given, how many questions are answered, and how many wrongly.

Coverage is the share of questions that are answered, risk the share of wrong ones among the answers (El-Yaniv and
Wiener, "On the Foundations of Noise-free Selective Classification", JMLR 11, 2010). An answer that declines answers
nothing, at any confidence.
"""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, TypedDict

NEVER = 2.0  # a threshold that no confidence reaches
RISK_COVERAGE = "risk_coverage.json"  # in the folder of an evaluation, and in its MLflow run: every arm's curve
Point = dict[str, float]


class Curves(TypedDict):
    """What RISK_COVERAGE holds."""

    target_risk: float
    min_confidence: float  # below which the challenger's own answers are not sent
    arms: dict[str, list[Point]]


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


def find_threshold(points: Sequence[Point], target: float) -> Point | None:
    """The point with the most coverage whose risk is at most the target; None if no threshold reaches it."""
    return max(
        (point for point in points if point["risk"] <= target), key=lambda point: point["coverage"], default=None
    )


def calibrate(answers: Sequence[Mapping[str, Any]], target: float) -> float:
    """The confidence below which a model's answer is not sent; 0 where it is not known of any that it is wrong.

    Args:
        answers: with `outcome`, `confidence`, and `from_record`: such answers are not the model's alone, and are sent
            whatever its confidence.
        target: highest share of wrong ones among the answers that are sent; 1: all are.
    """
    own = [row for row in answers if not row["from_record"]]
    if target >= 1 or not any(row["outcome"] == "wrong_confident" for row in own):
        return 0.0
    point = find_threshold(trace_risk_coverage(own), target)
    return point["threshold"] if point else NEVER


def find_unsure(answers: Sequence[Mapping[str, Any]], target: float) -> list[bool]:
    """Of each answer whether it would be declined as unsure, by a threshold that was calibrated without it.

    The answers are halved by `cluster`, so that one vehicle is in one half; each half is judged by the other one's
    threshold. By a threshold of its own the risk would look lower than it is.
    """
    half = [int(hashlib.sha256(str(row["cluster"]).encode()).hexdigest(), 16) % 2 for row in answers]
    thresholds = [
        calibrate([row for row, side in zip(answers, half, strict=True) if side != mine], target) for mine in (0, 1)
    ]
    return [
        not row["from_record"] and row["confidence"] < thresholds[side] for row, side in zip(answers, half, strict=True)
    ]


def thin_out(points: Sequence[Point], count: int = 20) -> list[Point]:
    """At most `count` of the points, evenly over the curve; its last one is among them."""
    step = -(-len(points) // count) or 1
    return list(points[::-1][::step][::-1])
