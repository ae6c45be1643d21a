"""Read a sheet of an Excel workbook as Excel shows it: formats, merged cells, results of formulas."""

import re
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.core.errors import WeaverError, did_you_mean
from pipelines.readers.archives import open_zip
from pipelines.readers.header import SAMPLE_ROWS, count_known_names, filled, find_header
from pipelines.readers.number_formats import format_value
from pipelines.readers.source import Row, Source, fit_to_header, name_columns

FORMULA_TAG = re.compile(rb"<(?:\w+:)?f[ >/]")
MERGE_TAG = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]+\d+:[A-Z]+\d+)"')
SCAN_BYTES, TAG_BYTES = 1 << 20, 256  # of a sheet at a time; longest tag of a merged range


class Markup(NamedTuple):
    """What a sheet's XML has, other than values."""

    merged: dict[tuple[int, int], int]  # (row, column) of the first cell of a merged range → its last row
    formulas: bool


class Workbook:
    """A workbook whose cells are read as texts.

    Raises:
        WeaverError: it is broken.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        with open_zip(path, name):
            pass
        self.shown = self.load(data_only=True)
        self.sheets = {sheet.title: sheet for sheet in self.shown.worksheets}
        if not self.sheets:
            raise WeaverError(
                f"{name} has no sheet that can be read; it may be a Strict Open XML workbook",
                "Save it in Excel as 'Excel Workbook (.xlsx)', and add that file.",
            )
        self.stored: Any = None  # with the text of formulas; loaded if a sheet has formulas

    def load(self, data_only: bool) -> Any:
        """The workbook with the results of formulas, or with their texts."""
        import openpyxl

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return openpyxl.load_workbook(self.path, read_only=True, data_only=data_only)
        except Exception as error:  # openpyxl's parsers raise various errors on a broken workbook
            raise WeaverError(
                f"{self.name} cannot be read as a workbook: {error}", "Save it again as .xlsx."
            ) from error

    def rows(self, title: str) -> Iterator[tuple[int, list[str | None]]]:
        """The rows of a sheet that are not empty, with their numbers; a formula without a result is its text."""
        sheet, number = self.sheets[title], 0
        try:
            markup = scan_markup(sheet)
            sheet.reset_dimensions()  # the size that the file states may be wrong
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                formulas: Iterator[tuple[Any, ...]] | None = None
                if markup.formulas:
                    self.stored = self.stored or self.load(data_only=False)
                    self.stored[title].reset_dimensions()
                    formulas = self.stored[title].iter_rows(values_only=True)
                active: dict[int, tuple[int, str | None]] = {}  # column → last row and text of a merged range
                for number, cells in enumerate(sheet.iter_rows(), 1):
                    texts = [None if cell.value is None else show_cell(cell) for cell in cells]
                    if formulas:
                        stored = next(formulas)
                        for at, text in enumerate(texts):
                            missing = text is None and cells[at].data_type != "str"  # str: its result is empty
                            if missing and at < len(stored) and stored[at] is not None:
                                texts[at] = str(getattr(stored[at], "text", stored[at]))
                    if not any(texts):
                        continue
                    fill_merged(number, texts, markup.merged, active)
                    yield number, texts
        except WeaverError:
            raise
        except Exception as error:
            raise WeaverError(f"{self.name}, after row {number}: {error}", "Save it again as .xlsx.") from error


def show_cell(cell: Any) -> str:
    """The text that Excel shows for a cell."""
    return str(cell.value) if cell.data_type == "e" else format_value(cell.value, cell.number_format)


def fill_merged(
    number: int,
    texts: list[str | None],
    merged: dict[tuple[int, int], int],
    active: dict[int, tuple[int, str | None]],
) -> None:
    """Give the cells of a merged range, of which only the first has a value, that value."""
    for column, (last, text) in list(active.items()):
        if number > last:
            del active[column]
        elif column <= len(texts):
            texts[column - 1] = texts[column - 1] or text
        else:
            texts += [None] * (column - len(texts) - 1) + [text]
    for column, text in enumerate(texts, 1):
        if (number, column) in merged:
            active[column] = (merged[number, column], text)


def scan_markup(sheet: Any) -> Markup:
    """The merged ranges of more than one row of a sheet, and whether it has formulas.

    openpyxl's streaming reader leaves them out; its other reader needs fifty times the file's size in memory.
    """
    from openpyxl.utils.cell import range_boundaries

    merged, formulas, rest = {}, False, b""
    with sheet._get_source() as stream:
        while chunk := stream.read(SCAN_BYTES):
            part = rest + chunk
            formulas = formulas or FORMULA_TAG.search(part) is not None
            for match in MERGE_TAG.finditer(part):
                left, top, _, bottom = range_boundaries(match[1].decode())
                if bottom > top:
                    merged[top, left] = bottom
            rest = part[-TAG_BYTES:]
    return Markup(merged, formulas)


def choose_sheet(book: Workbook, sheet: str) -> str:
    """The sheet that is asked for; else that with the most columns that fields are named after, if possible visible.

    Raises:
        WeaverError: there is no such sheet, or none with cells.
    """
    if sheet:
        same: list[str] = [title for title in book.sheets if title.strip().casefold() == sheet.strip().casefold()]
        if sheet not in book.sheets and len(same) == 1:
            return same[0]
        if sheet not in book.sheets:
            near = did_you_mean(sheet, book.sheets)
            raise WeaverError(f"{book.name} has no sheet '{sheet}'{near}", f"Choose one of: {', '.join(book.sheets)}.")
        return sheet
    ratings: dict[str, tuple[int, bool, int, bool]] = {}
    for title, candidate in book.sheets.items():
        rows = [cells for _, cells in islice(book.rows(title), SAMPLE_ROWS)]
        field_names = max(map(count_known_names, rows[:40]), default=0)
        width = max((len(filled(cells)) for cells in rows), default=0)
        visible = candidate.sheet_state == "visible"
        ratings[title] = (field_names if field_names > 1 else 0, visible, min(width, 3), len(rows) > 1)
    return max(ratings, key=lambda title: ratings[title])


def read_workbook(path: Path, name: str, sheet: str, notes: list[str]) -> Source:
    """A sheet of an .xlsx or .xlsm workbook; rows above its header are skipped."""
    book = Workbook(path, name)
    title = choose_sheet(book, sheet)
    if others := [other for other in book.sheets if other != title]:
        listed = ", ".join(other + hidden(book, other) for other in others)
        notes.append(f"sheets that are not read: {listed}; --sheet NAME reads another one")
        if not sheet and title != next(iter(book.sheets)):
            notes.append(f"sheet {title}{hidden(book, title)} is read, because it has the columns")
    head = list(islice(book.rows(title), SAMPLE_ROWS))
    header_index = find_header([cells for _, cells in head])
    header_row, cells = head[header_index or 0] if head else (0, [])
    if header_index is None and head:
        header_row, cells = 0, [f"column {number}" for number in range(1, max(len(row) for _, row in head) + 1)]
        notes.append("it has no header: its columns are numbered")
    elif header_index:
        skipped = "; ".join(", ".join(filled(row)) for _, row in head[:header_index])
        notes.append(f"the header is in row {header_row}; above it: {skipped[:80]}")
    names = [cell or "" for cell in cells]
    while names and not names[-1].strip():
        names.pop()
    header = name_columns(names, name, notes)

    def rows() -> Iterator[Row]:
        for number, cells in book.rows(title):
            if number > header_row:
                yield number, fit_to_header([*cells, *[None] * (len(header) - len(cells))], header)

    shown = title if len(book.sheets) > 1 else ""
    return Source(f"workbook, sheet {title}", "utf-8", header, "row", rows, notes, is_table=True, sheet=shown)


def hidden(book: Workbook, title: str) -> str:
    """The end of a sheet's name in a note."""
    return "" if book.sheets[title].sheet_state == "visible" else " (hidden)"
