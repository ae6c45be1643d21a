"""New rows compared with the champion's dataset: the schema, the columns, and the questions as texts."""

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipelines.core.artifacts import Signal
from pipelines.core.plan import Drift
from pipelines.monitoring.drift import request_features, signals
from pipelines.monitoring.drift.schema_drift import comparable_columns, compare_schemas

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

REFINEMENT_COLUMNS = {"relevance", "quality"}  # added by refinement: a collected row does not have them
SEED = 17
RARE_SHARE = 0.02  # of the rows
ORIGIN_COLUMNS = {"source", "key", "group"}  # where a row is from; a new upload is another origin, and no drift


def compare_tables(reference: "pd.DataFrame", current: "pd.DataFrame", policy: Drift) -> list[Signal]:
    """Two tables: what changed in their schema, and in the distributions of the columns that can still be compared."""
    changes = compare_schemas(reference, current)
    return changes + signals.compare_columns(reference[comparable_columns(reference, changes)], current, policy)


def compare_rows(reference: Sequence[Row], current: Sequence[Row], policy: Drift) -> list[Signal]:
    """Two lists of dataset rows: their columns, their facts as columns, and their questions as texts.

    Half of the reference stands for the training questions: a row among them would be its own nearest neighbour.
    """
    tables = rows_to_frame(reference), rows_to_frame(current)
    rare = [name for name in tables[0].columns.union(tables[1].columns) if is_rare_fact(name, tables)]
    old_table, new_table = (table.drop(columns=rare, errors="ignore") for table in tables)
    compared = compare_tables(old_table, new_table, policy)
    old, new = (
        [{"question": question_text(row), "topic": row["topic"]} for row in side] for side in (reference, current)
    )
    trained_on, usual = split_in_halves(old)
    training = request_features.TrainingQuestions.from_rows(trained_on)
    texts = request_features.compare_requests(
        request_features.measure_requests(usual, training), request_features.measure_requests(new, training), policy
    )
    return compared + [
        signal for signal in texts if signal.name != "topics"
    ]  # a column of its own, with the true topics


def is_rare_fact(name: str, tables: "Sequence[pd.DataFrame]") -> bool:
    """Whether hardly a row has this fact: a sample may lack it by chance, and it is no column that came or went."""
    if not name.startswith("fact "):
        return False
    return max(float(table[name].notna().mean()) if name in table else 0.0 for table in tables) < RARE_SHARE


def rows_to_frame(side: Sequence[Row]) -> "pd.DataFrame":
    """A column per key and per fact; facts that are all numbers become numbers. Texts are left out."""
    import pandas as pd

    left_out = REFINEMENT_COLUMNS | ORIGIN_COLUMNS | {"instruction", "input", "output", "facts", "importance"}
    table = pd.DataFrame([{key: value for key, value in row.items() if key not in left_out} for row in side])
    facts = pd.DataFrame([row.get("facts") or {} for row in side])
    for name in facts.columns:
        as_numbers = pd.to_numeric(facts[name], errors="coerce")
        if as_numbers.notna().sum() == facts[name].notna().sum():
            facts[name] = as_numbers
    return table.join(facts.add_prefix("fact "))


def sample_rows(rows: list[Row], most: int) -> list[Row]:
    """At most `most` of the rows, the same ones every time; at random, because builders write topics in turn."""
    return random.Random(SEED).sample(rows, most) if len(rows) > most else rows


def split_in_halves(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Two halves at random, the same ones every time."""
    mixed = random.Random(SEED).sample(rows, len(rows))
    return mixed[::2], mixed[1::2]


def question_text(row: Row) -> str:
    """The question of a dataset row as a user types it: instruction and input."""
    return "\n".join(part for part in (row["instruction"], row.get("input")) if part)
