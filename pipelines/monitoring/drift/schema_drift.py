"""Whether a table is still the same table: its columns, their types, and the words that its categories are told in.

When a label takes another's place ("Ford Division", then "Ford"), nothing in the world has moved: somebody writes it
otherwise. That is for a person to mend. A retraining would only learn the new spelling, and the comparison of the old
labels with the new would be no measure of anything: such columns are kept out of it.
"""

from typing import Any

from pipelines.core.artifacts import Signal
from pipelines.monitoring.drift.signals import LEAST, is_category, is_number

RECODED = 0.05  # share of rows with labels that are gone, and of rows with new ones: from here on, labels were renamed
MISSING = 0.1  # rise or fall of the share of empty values


def schema(reference: Any, current: Any) -> list[Signal]:
    """What changed in the schema between two data frames; nothing where nothing did."""
    found = []

    def changed(column: str, value: float, threshold: float, note: str) -> None:
        sides = {"reference": len(reference), "current": len(current)}
        told = {"value": round(value, 4), "threshold": threshold, "note": note}
        found.append(Signal(name=f"schema of {column}", kind="schema", statistic="schema", **sides, **told))

    for column in (*reference.columns, *(name for name in current.columns if name not in reference.columns)):
        if column not in current.columns:
            changed(column, 1.0, 0.0, "the column is gone")
            continue
        if column not in reference.columns:
            changed(column, 1.0, 0.0, "the column is new")
            continue
        empty = [float(side[column].isna().mean()) if len(side) else 0.0 for side in (reference, current)]
        before, now = (side[column].dropna() for side in (reference, current))
        if abs(empty[1] - empty[0]) >= MISSING:
            changed(column, abs(empty[1] - empty[0]), MISSING, f"{empty[0]:.0%} → {empty[1]:.0%} of its rows are empty")
        if min(len(before), len(now)) < LEAST:
            continue
        if is_number(before) != is_number(now):
            changed(column, 1.0, 0.0, f"numbers are {'texts' if is_number(before) else 'numbers'} now")
        elif is_category(before) and (share := renamed(before, now)) >= RECODED:
            gone, new = sorted({*before} - {*now}, key=str)[:3], sorted({*now} - {*before}, key=str)[:3]
            labels = f"{', '.join(map(str, gone))} are gone, {', '.join(map(str, new))} are new"
            changed(column, share, RECODED, f"{share:.0%} of its rows have other labels: {labels}")
    return found


def renamed(before: Any, now: Any) -> float:
    """The lesser of two shares: of old rows whose label is gone, and of new rows whose label was not there."""
    gone, new = (float((~rows.isin(set(others))).mean()) for rows, others in ((before, now), (now, before)))
    return min(gone, new)


def comparable(reference: Any, changes: list[Signal]) -> list[str]:
    """The columns whose distributions can still be compared."""
    touched = {signal.name.removeprefix("schema of ") for signal in changes}
    return [column for column in reference.columns if column not in touched]
