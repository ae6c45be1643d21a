"""Whether a table is still the same table: its columns, their types, and the labels of its categories.

When one label replaces another ("Ford Division", then "Ford"), the data has not drifted: somebody writes it
otherwise. That is for a person to correct. A retraining would only learn the new spelling, and a comparison of the old
labels with the new ones would measure nothing: such columns are not compared.
"""

from typing import Any

from pipelines.core.artifacts import Signal
from pipelines.monitoring.drift.signals import MIN_VALUES, is_categorical, is_numeric

RENAMED_SHARE = (
    0.05  # share of rows with labels that are gone, and of rows with new ones: from here on, labels were renamed
)
MISSING_SHARE = 0.1  # rise or fall of the share of empty values


def compare_schemas(reference: Any, current: Any) -> list[Signal]:
    """What changed in the schema between two data frames; empty if nothing did."""
    changes = []

    def add_change(column: str, value: float, threshold: float, note: str) -> None:
        sides = {"reference": len(reference), "current": len(current)}
        values = {"value": round(value, 4), "threshold": threshold, "note": note}
        changes.append(Signal(name=f"schema of {column}", kind="schema", statistic="schema", **sides, **values))

    for column in (*reference.columns, *(name for name in current.columns if name not in reference.columns)):
        if column not in current.columns:
            add_change(column, 1.0, 0.0, "the column is gone")
            continue
        if column not in reference.columns:
            add_change(column, 1.0, 0.0, "the column is new")
            continue
        empty = [float(side[column].isna().mean()) if len(side) else 0.0 for side in (reference, current)]
        before, now = (side[column].dropna() for side in (reference, current))
        if abs(empty[1] - empty[0]) >= MISSING_SHARE:
            add_change(
                column,
                abs(empty[1] - empty[0]),
                MISSING_SHARE,
                f"{empty[0]:.0%} → {empty[1]:.0%} of its rows are empty",
            )
        if min(len(before), len(now)) < MIN_VALUES:
            continue
        if is_numeric(before) != is_numeric(now):
            add_change(column, 1.0, 0.0, f"numbers are {'texts' if is_numeric(before) else 'numbers'} now")
        elif is_categorical(before) and (share := renamed_share(before, now)) >= RENAMED_SHARE:
            gone, new = sorted({*before} - {*now}, key=str)[:3], sorted({*now} - {*before}, key=str)[:3]
            labels = f"{', '.join(map(str, gone))} are gone, {', '.join(map(str, new))} are new"
            add_change(column, share, RENAMED_SHARE, f"{share:.0%} of its rows have other labels: {labels}")
    return changes


def renamed_share(before: Any, now: Any) -> float:
    """The lesser of two shares: of old rows whose label is gone, and of new rows whose label was not there."""
    gone, new = (float((~rows.isin(set(others))).mean()) for rows, others in ((before, now), (now, before)))
    return min(gone, new)


def comparable_columns(reference: Any, changes: list[Signal]) -> list[str]:
    """The columns whose distributions can still be compared."""
    touched = {signal.name.removeprefix("schema of ") for signal in changes}
    return [column for column in reference.columns if column not in touched]
