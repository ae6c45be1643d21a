"""Rows as the data frame that Great Expectations validates: Arrow strings, with as few copies as possible."""

from itertools import chain, combinations, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from pipelines.core.files import canonical_json
from pipelines.text.importance import find_importance_fault
from pipelines.text.same_text import Text, facts_conflict

if TYPE_CHECKING:
    import pandas as pd

TEXT_COLUMNS = ("instruction", "input", "output", "topic", "source", "key", "kind", "group")
COLUMNS = (*TEXT_COLUMNS, "facts")
VALID = "valid"  # of an importance
MOST_PAIRS = 1_000  # of answers to one question that are compared
BATCH_ROWS = 50_000  # rows that are converted to Arrow at a time


def read_frame(path: Path) -> "pd.DataFrame":
    """The rows of a records.jsonl as the suite validates them; Arrow strings take a fifth of the memory of Python's.

    A column is of strings if all its values are; otherwise its values stay as they are. Facts are JSON text.
    `attrs["keys"]` lists every key that any row has. Three columns are added:

    answer: "one", or which rows answer the same question with different facts; other words are no fault;
    question: "once", or in which row the same question was asked first;
    importance: "valid", or what is wrong with the row's importance.
    """
    import pandas as pd

    batches: list[dict[str, Any]] = []
    keys: set[str] = set()
    importance: list[str] = []
    with path.open("rb") as stream:
        while rows := [from_json(line, cache_strings="keys") for line in islice(stream, BATCH_ROWS)]:
            keys.update(*rows)
            for row in rows:
                importance.append(find_importance_fault(row.get("importance"), row.get("facts")) or VALID)
                if row.get("facts") is not None:
                    row["facts"] = to_json(row["facts"]).decode()
            batches.append(to_arrow_columns(rows))
    present = [c for c in COLUMNS if c in keys or not keys]
    frame = without_full_copies(pd.DataFrame({c: concat_column([batch[c] for batch in batches]) for c in present}))
    frame["answer"], frame["question"] = find_repeated_questions(frame)
    frame["importance"] = importance
    frame.attrs["keys"] = sorted(keys)
    return frame


def to_arrow_columns(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Column → Arrow array of strings; if any value is not a string, column → list of values instead."""
    import pyarrow as pa

    try:
        arrays = pa.array(rows, pa.struct([(c, pa.large_string()) for c in COLUMNS])).flatten()
        return dict(zip(COLUMNS, arrays, strict=True))
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return {c: [row.get(c) for row in rows] for c in COLUMNS}


def concat_column(batches: list[Any]) -> "pd.Series[Any]":
    """One column of all batches: strings in Arrow if every batch is an Arrow array, otherwise Python objects."""
    import pandas as pd
    import pyarrow as pa

    if all(isinstance(batch, pa.Array) for batch in batches):
        return pd.Series(pd.arrays.ArrowStringArray(pa.chunked_array(batches, pa.large_string())))
    values = (batch.to_pylist() if isinstance(batch, pa.Array) else batch for batch in batches)
    return pd.Series([*chain.from_iterable(values)], dtype=object)


def find_repeated_questions(frame: "pd.DataFrame") -> tuple[Any, Any]:
    """The columns `answer` and `question`; no fault is reported if a column is missing: the suite reports that."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    answer, question = np.full(len(frame), "one", object), np.full(len(frame), "once", object)
    if not {"instruction", "input", "output"} <= {*frame}:
        return answer, question
    texts = {c: pa.array(as_texts(frame[c]), pa.large_string()) for c in ("instruction", "input", "output")}
    rows = pa.table(texts | {"row": np.arange(len(frame))})
    groups = rows.group_by(["instruction", "input"]).aggregate([("row", "list")])["row_list"]
    for numbers in map(sorted, groups.filter(pc.greater(pc.list_value_length(groups), 1)).to_pylist()):
        first_rows: dict[str | None, int] = {}  # answer → the first row that gives it
        for number in numbers:
            first_rows.setdefault(texts["output"][number].as_py(), number)
        question[numbers[1:]] = f"first in row {numbers[0] + 1}"
        if conflict := find_conflict(first_rows):
            answer[numbers] = f"given differently in rows {', '.join(map(str, conflict))}"
    return answer, question


def find_conflict(first_rows: dict[str | None, int]) -> list[int]:
    """The first two rows, from 1, whose answers state different facts; none if they differ in words only.

    Args:
        first_rows: answer → the first row that gives it.
    """
    for (one, number), (other, later) in islice(combinations(first_rows.items(), 2), MOST_PAIRS):
        if one is not None and other is not None and facts_conflict(Text(one), Text(other)):
            return [number + 1, later + 1]
    return []


def as_texts(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """The values as texts: those of a column of mixed types as JSON."""
    return values.map(canonical_json) if values.dtype == object else values


def without_full_copies(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The frame, but selecting all its rows returns the frame itself.

    Great Expectations selects all rows up to six times per expectation, and pandas would copy them each time.
    """
    import pandas as pd

    class Uncopied(pd.DataFrame):  # type: ignore[misc]  # pandas has no types
        def __getitem__(self, key: Any) -> Any:
            selects_all = isinstance(key, pd.Series) and key.dtype == bool and len(key) == len(self) and key.all()
            return self if selects_all else super().__getitem__(key)

        def __reduce_ex__(self, protocol: Any) -> Any:  # GX hashes a frame with unhashable values by pickling it
            return pd.DataFrame, (pd.DataFrame(self),)

    return Uncopied(frame)
