"""Does the challenger answer the same questions better than another arm, beyond chance? See `paired_bootstrap`."""

from typing import Any

import numpy as np

from pipelines.core.artifacts import Arm, Comparison
from pipelines.core.errors import WeaverError
from pipelines.core.plan import Evaluate
from pipelines.statistics.paired_bootstrap import bootstrap_interval, validate_shares

QUESTION_KEYS = ("instruction", "input", "cluster", "slices")  # two arms' rows with equal values are the same question


def compare_arms(
    answers: dict[Arm, list[dict[str, Any]]], metric: str, settings: Evaluate, by_slice: bool = True
) -> list[Comparison]:
    """Compare the challenger with every other arm, over all questions and in each slice.

    The interval over all questions has the plan's confidence. The intervals of the slices have it jointly (Bonferroni):
    with twelve slices, each one's error rate is a twelfth, or one of many would look worse by chance.

    Args:
        answers: scored rows of each arm, for the same questions in the same order: `metric` (a share from 0 to 1, or
            None if it does not apply to the question), `slices` (among them "all") and `cluster`.
        metric: the gate's metric, or another one that each row has.
        by_slice: whether the slices are compared too.

    Raises:
        WeaverError: arms were asked different questions, no question has the metric, or a value is not a share; names
            arm and row.
    """
    rows = answers["challenger"]
    columns = {arm: metric_column(answers[arm], rows, metric, arm) for arm in answers}
    slices: dict[str, list[int]] = {"all": []}
    for number, row in enumerate(rows):
        for name in row["slices"] if row.get(metric) is not None else ():
            if by_slice or name == "all":
                slices.setdefault(name, []).append(number)
    if not slices["all"]:
        raise WeaverError(
            f"None of the {len(rows)} held-out questions has a value for {metric}.",
            "Choose another gate.metric, or add rows that have it.",
        )
    error_rate = 1 - settings.confidence
    comparisons = []
    for arm in (arm for arm in answers if arm != "challenger"):
        for name, numbers in slices.items():
            confidence = 1 - (error_rate if name == "all" else error_rate / (len(slices) - 1))
            interval = bootstrap_interval(
                columns["challenger"][numbers],
                columns[arm][numbers],
                [rows[number]["cluster"] for number in numbers],
                confidence,
                settings.resamples,
            )
            comparisons.append(
                Comparison(against=arm, metric=metric, slice=name, confidence=confidence, **vars(interval))
            )
    return comparisons


def metric_column(rows: list[dict[str, Any]], challenger: list[dict[str, Any]], metric: str, arm: str) -> np.ndarray:
    """An arm's metric, one value per row; 0 where it does not apply to the question.

    Raises:
        WeaverError: the rows are of other questions than the challenger's, or a value is not a share.
    """
    if len(rows) != len(challenger):
        raise WeaverError(
            f"The arm {arm} answered {len(rows)} questions, the challenger {len(challenger)}.", "Evaluate again."
        )
    for number, (row, other) in enumerate(zip(rows, challenger, strict=True), start=1):
        if any(row.get(key) != other.get(key) for key in QUESTION_KEYS):
            raise WeaverError(
                f"Row {number} of the arm {arm} is not the same question as the challenger's.", "Evaluate again."
            )
        if (row.get(metric) is None) != (other.get(metric) is None):
            raise WeaverError(
                f"Row {number}: {metric} is {row.get(metric)} for {arm} and {other.get(metric)} for the challenger.",
                "A metric must apply to a question for all arms or for none: correct the scorer.",
            )
    return validate_shares([0.0 if row.get(metric) is None else row[metric] for row in rows], f"{metric} of {arm}")
