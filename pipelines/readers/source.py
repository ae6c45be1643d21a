"""What every reader gives: a file that was opened, its columns and its rows."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pipelines.core.errors import WeaverError


class Rejected(NamedTuple):
    """Why a row cannot be used."""

    reason: str  # the same text for all rows with this fault
    detail: str  # about this row
    values: dict[str, Any] | None = None  # column → value, if the row could be read


Row = tuple[int, dict[str, Any] | Rejected]


class Speaker(NamedTuple):
    """Who writes in a chat, and the field that its messages become."""

    name: str
    field: str  # output: it answers for the dealership; instruction: it asks; empty: it is left out
    how: str  # why
    examples: str  # of its messages


class Source(NamedTuple):
    """A file that was opened."""

    format: str
    encoding: str
    columns: list[str]
    unit: str  # what the numbers of rows count: line or row
    rows: Callable[[], Iterator[Row]]  # streams (number from 1, as an editor shows it; column → value, or Rejected)
    notes: list[str]
    is_table: bool = False  # cells of text, in which numbers may stand for texts, and formulas may be hidden
    sheet: str = ""  # of a workbook with several sheets, for messages
    speakers: tuple[Speaker, ...] = ()  # of a chat, who wrote most first


def name_columns(cells: list[str], name: str, notes: list[str]) -> list[str]:
    """The columns of a header: a blank name becomes `column 3`, a repeated one gets a number, `Notes (2)`.

    Args:
        name: of the file, for messages.
        notes: gets a note of each repeated name.

    Raises:
        WeaverError: there is no column.
    """
    if not any(cell.strip() for cell in cells):
        raise WeaverError(f"{name} has no rows", "Write the names of the columns in the first row.")
    columns: list[str] = []
    for number, cell in enumerate(cells, 1):
        column = " ".join(cell.split()) or f"column {number}"
        same = 1
        while column in columns:
            same += 1
            column = f"{' '.join(cell.split()) or f'column {number}'} ({same})"
        if same > 1:
            notes.append(
                f"another column is named {' '.join(cell.split())}: the one at position {number} is '{column}'"
            )
        columns.append(column)
    return columns


def fit_to_header(cells: list[Any], header: list[str]) -> dict[str, Any] | Rejected:
    """Column → value of a row of cells. Blank cells beyond the header are ignored, as spreadsheets write them."""
    extra = [str(cell) for cell in cells[len(header) :] if cell is not None and str(cell).strip()]
    if extra:
        values = dict(zip(header, cells, strict=False)) | {f"column {len(header) + 1}": ", ".join(extra)}
        detail = f"{len(cells)} cells, the header has {len(header)}; beyond it: {', '.join(extra)[:60]}"
        return Rejected("more cells than the header", detail, values)
    return dict(zip(header, cells, strict=False))
