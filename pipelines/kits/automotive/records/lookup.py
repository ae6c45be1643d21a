"""A vehicle's record, and the row that asks for one of its fields."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Field(NamedTuple):
    """A column of a record: how a record shows it, and how it is asked for and answered. Shown and answered alike,
    name before value: a small model then learns to look a field up instead of guessing among numbers."""

    topic: str
    shown: str
    answer: str
    questions: tuple[str, ...]


class Vehicle(NamedTuple):
    """Or whatever else has a name and columns: a price list's trim, a kind of crash."""

    source: str
    key: str  # finds the record in its source again
    name: str  # 2021 Honda Civic
    group: str  # Honda Civic, whatever its year, body or trim
    values: dict[str, str]  # column → value as a record shows it


def make_lookup_row(
    vehicle: Vehicle,
    asked_column: str,
    shown: Iterable[str],
    fields: Mapping[str, Field],
    question: str,
    topic: str = "",
    group: str = "",
) -> dict[str, Any]:
    """One row of kind grounded: the record shows the columns `shown`, one of them `asked`.

    Args:
        topic, group: if not the field's and the vehicle's.
    """
    field, value = fields[asked_column], vehicle.values[asked_column]
    return {
        "instruction": question,
        "input": " | ".join([vehicle.name, *(fields[c].shown.format(vehicle.values[c]) for c in shown)]),
        "output": field.answer.format(value),
        "topic": topic or field.topic,
        "source": vehicle.source,
        "key": vehicle.key,
        "kind": "grounded",
        "facts": {asked_column: value},
        "group": group or vehicle.group,
    }
