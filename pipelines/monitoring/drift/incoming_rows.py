"""New rows against those the champion learnt from: is it the same table, and does it say the same things?"""

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipelines.core.artifacts import Signal
from pipelines.core.plan import Drift
from pipelines.monitoring.drift import request_features, signals
from pipelines.monitoring.drift.schema_drift import comparable, schema

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

ADDED = {"relevance", "quality"}  # by refinement: a collected row does not have them
SEED = 17
PLACES = {"source", "key", "group"}  # where a row is from; a new upload is another place, and no drift


def tables(reference: "pd.DataFrame", current: "pd.DataFrame", policy: Drift) -> list[Signal]:
    """Two tables: what changed in their schema, and in the distributions of the columns that can still be compared."""
    changes = schema(reference, current)
    return changes + signals.columns(reference[comparable(reference, changes)], current, policy)


def rows(reference: Sequence[Row], current: Sequence[Row], policy: Drift) -> list[Signal]:
    """Two lists of dataset rows: their columns, their facts as columns, and their questions as texts.

    Half of the reference is what is known: a row among the known ones would be its own neighbour.
    """
    found = tables(flat(reference), flat(current), policy)
    asked, new = ([{"question": question(row), "topic": row["topic"]} for row in side] for side in (reference, current))
    learnt, usual = halves(asked)
    known = request_features.Known.of(learnt)
    texts = request_features.compare(
        request_features.measure(usual, known), request_features.measure(new, known), policy
    )
    return found + [signal for signal in texts if signal.name != "topics"]  # they are columns, and true ones


def flat(side: Sequence[Row]) -> "pd.DataFrame":
    """A column a key and a fact; facts that are all numbers are numbers. Texts are for `requests.measure`."""
    import pandas as pd

    left_out = ADDED | PLACES | {"instruction", "input", "output", "facts"}
    table = pd.DataFrame([{key: value for key, value in row.items() if key not in left_out} for row in side])
    facts = pd.DataFrame([row.get("facts") or {} for row in side])
    for name in facts.columns:
        as_numbers = pd.to_numeric(facts[name], errors="coerce")
        if as_numbers.notna().sum() == facts[name].notna().sum():
            facts[name] = as_numbers
    return table.join(facts.add_prefix("fact "))


def drawn(rows: list[Row], most: int) -> list[Row]:
    """At most so many of the rows, the same ones every time; not every n-th, for builders write topics in turn."""
    return random.Random(SEED).sample(rows, most) if len(rows) > most else rows


def halves(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    mixed = random.Random(SEED).sample(rows, len(rows))
    return mixed[::2], mixed[1::2]


def question(row: Row) -> str:
    return "\n".join(part for part in (row["instruction"], row.get("input")) if part)
