"""A million rows as Great Expectations reads them best: columns of Arrow strings, and nothing copied for nothing."""

from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from pipelines.core.files import canonical_json

if TYPE_CHECKING:
    import pandas as pd

TEXT_COLUMNS = ("instruction", "input", "output", "topic", "source", "key", "kind", "group")
COLUMNS = (*TEXT_COLUMNS, "facts")
BATCH_ROWS = 50_000  # rows turned to Arrow at a time


def read_frame(path: Path) -> "pd.DataFrame":
    """The rows as the suite sees them, held by Arrow where Python's objects would take five times the memory.

    A column of texts is one of strings, any other one of values as they are; facts are JSON text. `attrs["keys"]` has
    every key that any row has. Two columns are added:

    answer: "one", or which rows (from 1) answer the same question differently;
    asked: "once", or in which row for the first time.
    """
    import pandas as pd

    batches: list[dict[str, Any]] = []
    keys: set[str] = set()
    with path.open("rb") as stream:
        while rows := [from_json(line, cache_strings="keys") for line in islice(stream, BATCH_ROWS)]:
            keys.update(*rows)
            for row in rows:
                if row.get("facts") is not None:
                    row["facts"] = to_json(row["facts"]).decode()
            batches.append(to_arrow_columns(rows))
    present = [c for c in COLUMNS if c in keys or not keys]
    frame = without_full_copies(pd.DataFrame({c: concat_column([batch[c] for batch in batches]) for c in present}))
    frame["answer"], frame["asked"] = find_repeated_questions(frame)
    frame.attrs["keys"] = sorted(keys)
    return frame


def to_arrow_columns(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Column → Arrow array, or the list of its values if one of them is no text."""
    import pyarrow as pa

    try:
        arrays = pa.array(rows, pa.struct([(c, pa.large_string()) for c in COLUMNS])).flatten()
        return dict(zip(COLUMNS, arrays, strict=True))
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return {c: [row.get(c) for row in rows] for c in COLUMNS}


def concat_column(batches: list[Any]) -> "pd.Series":
    import pandas as pd
    import pyarrow as pa

    if all(isinstance(batch, pa.Array) for batch in batches):
        return pd.Series(pd.arrays.ArrowStringArray(pa.chunked_array(batches, pa.large_string())))
    values = (batch.to_pylist() if isinstance(batch, pa.Array) else batch for batch in batches)
    return pd.Series([*chain.from_iterable(values)], dtype=object)


def find_repeated_questions(frame: "pd.DataFrame") -> tuple[Any, Any]:
    """The columns answer and asked; of a column that is missing the suite tells by itself."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    answer, asked = np.full(len(frame), "one", object), np.full(len(frame), "once", object)
    if not {"instruction", "input", "output"} <= {*frame}:
        return answer, asked
    texts = {c: pa.array(as_texts(frame[c]), pa.large_string()) for c in ("instruction", "input", "output")}
    rows = pa.table(texts | {"row": np.arange(len(frame))})
    questions = rows.group_by(["instruction", "input"]).aggregate([("row", "list")])["row_list"]
    for numbers in map(sorted, questions.filter(pc.greater(pc.list_value_length(questions), 1)).to_pylist()):
        first: dict[str | None, int] = {}
        for number in numbers:
            first.setdefault(texts["output"][number].as_py(), number + 1)
        asked[numbers[1:]] = f"first in row {numbers[0] + 1}"
        if len(first) > 1:
            answer[numbers] = f"given differently in rows {', '.join(map(str, first.values()))}"
    return answer, asked


def as_texts(values: "pd.Series") -> "pd.Series":
    return values.map(canonical_json) if values.dtype == object else values


def without_full_copies(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The frame, but choosing all its rows gives itself: GX does so up to six times an expectation, and copies all."""
    import pandas as pd

    class Uncopied(pd.DataFrame):
        def __getitem__(self, key: Any) -> Any:
            every = isinstance(key, pd.Series) and key.dtype == bool and len(key) == len(self) and key.all()
            return self if every else super().__getitem__(key)

    return Uncopied(frame)
