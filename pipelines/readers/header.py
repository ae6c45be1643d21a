"""Find the row with the names of the columns: exports often have a title, a date or a filter above it."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pipelines.readers.column_names import field_of

SAMPLE_ROWS = 200  # rows among which the header is looked for, and the separator of a CSV file
MAX_HEADER_ROW = 40  # the header is among so many rows
MIN_HEADER_SHARE = 0.6  # of the table's usual width, that a header has at least
MAX_NAME_CHARS = 60  # of a column's name
NUMBER = re.compile(r"[-+(]?[$€£]?\s?\d[\d.,:/\s-]*%?\)?$")


def find_header(rows: Sequence[Sequence[Any]]) -> int | None:
    """The index of the header among the first rows of a table; None if it has none.

    The header is the first row with the most names that fields have; without such names, the first row that is as wide
    as the table and has only short texts.

    Args:
        rows: of cells; None or blank is an empty cell.
    """
    field_counts = [len({field_of(cell) for cell in filled(row)} - {""}) for row in rows[:MAX_HEADER_ROW]]
    widths = Counter(len(filled(row)) for row in rows)
    width = max(widths, key=lambda count: (widths[count], count)) if widths else 0
    if field_counts and max(field_counts) >= 2:
        return field_counts.index(max(field_counts))
    for index, row in enumerate(rows[:MAX_HEADER_ROW]):
        cells = filled(row)
        names = [cell for cell in cells if is_name(cell)]
        if len(cells) < MIN_HEADER_SHARE * width:
            continue  # a title, or names of groups of columns
        return index if len(names) == len(cells) and len(set(names)) >= len(names) - 1 else None
    return None


def count_known_names(row: Sequence[Any]) -> int:
    """How many fields a row has names of."""
    return len({field_of(cell) for cell in filled(row)} - {""})


def filled(row: Sequence[Any]) -> list[Any]:
    """The cells that are not empty."""
    return [cell for cell in row if cell is not None and str(cell).strip()]


def is_name(cell: Any) -> bool:
    """Whether a cell may be the name of a column: a short text that is neither a number, a date nor a question."""
    if not isinstance(cell, str):
        return False
    text = cell.strip()
    return len(text) <= MAX_NAME_CHARS and not NUMBER.match(text) and not text.endswith((".", "?", "!"))
