"""Records that are pasted as tables: a header above its rows, below them or elsewhere; a vehicle a row or a column."""

import re
from itertools import groupby

from pipelines.text.field_names import find_field
from pipelines.text.record_lines import (
    MAX_VALUE,
    NAME_KEYS,
    NAME_PARTS,
    YEAR,
    PastedRecords,
    lay_out_all,
    lay_out_fields,
    normal_key,
    pasted,
)

MARKS = ("|", "\t", ";", ",")
SQL = re.compile(r"\(([^()]+)\)\s*VALUES\s*\(([^()]+)\)\s*;?", re.IGNORECASE)
HEADER = re.compile(
    r"^\W*(?:(?:layout|columns?|cols?|format|headers?|fields?|order|keys?)\s*(?::|are|=)|#)\s*([^\n]*)$", re.I | re.M
)
END_OF_HEADER = re.compile(r"\.(?=\s|$)|\)")
MARKDOWN_RULE = re.compile(r"^[\s|:+-]+$")
MIN_HEADS = 3  # of a header that stands apart from its rows


def read_table(message: str) -> PastedRecords | None:
    """Lines of cells below a header, separated by |, tabs, semicolons or commas; or a table of fields and values."""
    message = SQL.sub(lambda sql: "\n" + "\n".join(trim_cells(part) for part in sql.groups()) + "\n", message)
    if records := read_headed(message):
        return records
    lines = message.split("\n")
    for mark in MARKS:
        rows = [split_cells(line, mark) for line in lines]
        for width, run in groupby(range(len(lines)), key=lambda n: len(rows[n])):
            numbers = list(run)
            cells = [rows[n] for n in numbers if not MARKDOWN_RULE.match(lines[n])]
            if width < 2 or len(cells) < 2 or any(len(cell) > MAX_VALUE for row in cells for cell in row):
                continue
            if records_of_table := read_cells(cells):
                rest = ["\n".join(lines[: numbers[0]]), "\n".join(lines[numbers[-1] + 1 :])]
                return pasted(rest, records_of_table)
    return None


def read_cells(cells: list[list[str]]) -> list[str]:
    """The records of rows of equally many cells; none if they are no table."""
    head, *rows = cells
    width = len(head)
    if "?" in "".join(head):
        return []
    if sum(bool(YEAR.search(cell)) for cell in head[1:]) == width - 1 > 1:  # a vehicle a column
        return [lay_out_fields(head[column], [(row[0], row[column]) for row in rows]) for column in range(1, width)]
    if any(re.search(r"\d", cell) for cell in head):
        return []
    if width == 2 and len(cells) > 2:
        return list(lay_out_all([(row[0], row[1]) for row in cells if not is_header(row)]))
    if width > 2 and any(re.search(r"\d", cell) for row in rows for cell in row):
        heads = [cell if cell or place else "name" for place, cell in enumerate(head)]
        return [lay_out_fields("", list(zip(heads, row, strict=True))) for row in rows]
    return []


def read_headed(message: str) -> PastedRecords | None:
    """Rows whose header stands elsewhere: `cols: model, year, litres`, below them and with other marks."""
    for line in HEADER.finditer(message):
        header, *after = END_OF_HEADER.split(line[1])
        heads = next((cells for mark in MARKS if len(cells := split_cells(header, mark)) >= MIN_HEADS), [])
        if sum(map(is_head, heads)) < MIN_HEADS:
            continue
        records, rest = [], []
        for text in message.replace(line[0], "".join(after)).split("\n"):
            cells = next((row for mark in MARKS if (row := fit_row(text, mark, len(heads)))), [])
            if cells:
                records.append(lay_out_fields("", list(zip(heads, cells, strict=True))))
            else:
                rest.append(text)
        if records:
            return pasted(rest, records)
    return None


def is_head(cell: str) -> bool:
    """Whether a cell names a field or a part of a vehicle's name."""
    key = normal_key(cell)
    return bool(find_field(key)) or key in NAME_KEYS or key in NAME_PARTS


def fit_row(line: str, mark: str, width: int) -> list[str]:
    """The cells of a line for so many columns, where it may have a number more before them or an empty cell less behind
    them; empty if it does not fit."""
    cells = split_cells(line, mark)
    if len(cells) == width + 1 and not cells[-1]:
        return cells[:-1]
    if len(cells) == width + 1 and len(cells[0].split()) <= 2:
        return cells[1:]
    return cells if len(cells) == width else [*cells, ""] if len(cells) == width - 1 > MIN_HEADS else []


def trim_cells(text: str) -> str:
    """Values of SQL without spaces between them."""
    return re.sub(r"\s*,\s*", ",", text)


def split_cells(line: str, mark: str) -> list[str]:
    """The cells of a line; a frame of marks is none."""
    if mark == "\t":
        line = re.sub(r"^ {2,}(?=\S.* {2,}\S)|(?<=\S) {2,}(?=\S)", "\t", line)  # columns of spaces
    if mark not in line:
        return []
    text = line.strip() if mark != "\t" else line
    if mark == "|":
        text = text.strip("|")
    return [cell.strip(" \"'") for cell in text.split(mark)]


def is_header(row: list[str]) -> bool:
    """Whether a row of two cells names its columns."""
    return {cell.casefold() for cell in row} <= {"field", "value", "key", "name", "column", "item", "data", "entry"}
