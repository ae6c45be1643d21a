"""Read tables: every row is a record, whose columns stand beside their names."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.core.errors import WeaverError
from pipelines.knowledge.reading.blocks import Block
from pipelines.readers.column_names import readable_name
from pipelines.readers.csv_reader import read_csv
from pipelines.readers.encodings import detect_encoding
from pipelines.readers.source import Rejected, Source
from pipelines.readers.workbook_reader import Workbook, read_workbook
from pipelines.text.counts import format_count

SEPARATOR = " | "
VISIBLE = "visible"


def read_csv_rows(path: Path, name: str, notes: list[str]) -> Iterator[Block]:
    """The rows of a CSV file, in whatever dialect.

    Raises:
        WeaverError: it has no row.
    """
    yield from read_rows(read_csv(path, name, detect_encoding(path, name, notes), notes), name, "", notes)


def read_sheets(path: Path, name: str, notes: list[str]) -> Iterator[Block]:
    """The rows of all visible sheets of a workbook; an empty sheet is noted.

    Raises:
        WeaverError: the workbook is damaged or a zip bomb, or all its sheets are empty.
    """
    book = Workbook(path, name)
    titles = [title for title, sheet in book.sheets.items() if sheet.sheet_state == VISIBLE]
    has_rows = False
    for title in titles:
        if next(book.rows(title), None) is None:
            notes.append(f"sheet {title} is empty")
            continue
        try:
            for block in read_rows(read_workbook(path, name, title, []), name, title if len(titles) > 1 else "", notes):
                has_rows = True
                yield block
        except WeaverError as error:
            notes.append(f"sheet {title} is left out: {error.what}")
    if not has_rows:
        raise WeaverError(f"{name} has no rows", "Write the names of the columns in the first row, and rows below it.")


def read_rows(source: Source, name: str, sheet: str, notes: list[str]) -> Iterator[Block]:
    """The rows of a table as records: `HX-2041 | description Radiator hose | price 12.50`.

    Raises:
        WeaverError: the table has only a header.
    """
    rejected, count = 0, 0
    for number, row in source.rows():
        if isinstance(row, Rejected):
            rejected += 1
            continue
        texts = {column: plain_text(value) for column, value in row.items()}
        filled = {column: text for column, text in texts.items() if text}
        if not filled:
            continue
        (first, label), *others = filled.items()
        parts = [label if not label.isdigit() else f"{readable_name(first)} {label}"]
        parts += [f"{readable_name(column)} {text}" for column, text in others]
        place = f"{source.unit} {number}"
        count += 1
        yield Block(SEPARATOR.join(parts), tuple(filter(None, (sheet, label or place))), kind="record")
    if rejected:
        notes.append(f"left out, since not as wide as the header: {format_count(rejected, 'row')} of {sheet or name}")
    if not count:
        raise WeaverError(f"{sheet or name} has no rows below its header", "Add rows to it.")


def plain_text(value: Any) -> str:
    """A value as one line, without the sign between the parts of a record."""
    return "" if value is None else " ".join(str(value).replace("|", "/").split())
