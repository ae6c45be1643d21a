"""Read CSV in the dialects that programs write.

The dialect is the one that splits most rows of a sample into as many cells as the header has. Each row has its line
number, so that a faulty row is set aside by its line and the others are used; pandas and pyarrow read CSV without.
"""

import csv
import re
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.core.errors import WeaverError
from pipelines.readers.encodings import MAX_LINE_CHARS, read_lines
from pipelines.readers.header import SAMPLE_ROWS, count_known_names, filled, find_header
from pipelines.readers.quote_repair import repair_line
from pipelines.readers.source import Rejected, Row, Source, fit_to_header, name_columns

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", "~": "tilde", "^": "caret", "\x1f": "unit"}
SEPARATOR_LINE = re.compile(r'"?sep=(.|\\t)"?[\s,;]*$', re.IGNORECASE)  # Excel's own
TEXT_FORMULA = re.compile(r'="((?:[^"]|"")*)"')  # ="00123", which keeps Excel from dropping the zeros
WHOLE_LINE = re.compile(r'"((?:[^"]|"")*)"')
MAX_ROW_LINES = 1000  # that a quoted text may have
LAST: tuple[int, Rejected] = (-1, Rejected("", ""))  # stands for what follows the last row: that may be cut off
LineReader = Callable[[], Iterator[str]]


class Dialect(NamedTuple):
    """How cells are separated and quoted."""

    separator: str
    quoting: str  # standard, spaced (blanks behind a closing quote), backslash, apostrophe or none

    def describe(self) -> str:
        """As people say it."""
        names = {"backslash": ", quotes escaped by backslash", "apostrophe": ", quoted by apostrophes"}
        return f"CSV, separated by {SEPARATORS.get(self.separator, self.separator)}{names.get(self.quoting, '')}"

    def options(self) -> dict[str, Any]:
        """As the module csv names them."""
        quoting: dict[str, dict[str, Any]] = {
            "standard": {},
            "spaced": {},
            "backslash": {"escapechar": "\\", "doublequote": True},
            "apostrophe": {"quotechar": "'"},
            "none": {"quoting": csv.QUOTE_NONE},
        }
        return {"delimiter": self.separator, "skipinitialspace": True, "strict": True} | quoting[self.quoting]


class LineFeed:
    """Lines for a csv.reader; those of an unfinished row can be read again."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines, self.again, self.taken = lines, deque[str](), list[str]()
        self.number = 0  # lines before those of the current row

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= MAX_ROW_LINES:
            raise csv.Error(f"a quoted text has more than {MAX_ROW_LINES} lines")
        line = self.again.popleft() if self.again else next(self.lines)
        self.taken.append(line)
        return line

    def next_row(self) -> None:
        """The lines that were taken are a row."""
        self.number += len(self.taken)
        self.taken.clear()

    def skip_line(self) -> str:
        """Skip the first line that was taken; the others are given again."""
        first, *others = self.taken
        self.again.extendleft(reversed(others))
        self.taken = [first]
        self.next_row()
        return first


def read_csv(path: Path, name: str, encoding: str, notes: list[str]) -> Source:
    """A CSV file, in whatever dialect; lines above its header are skipped."""
    csv.field_size_limit(MAX_LINE_CHARS)
    sample = list(islice(read_lines(path, name, encoding), SAMPLE_ROWS + 1))
    read: LineReader = partial(read_lines, path, name, encoding)
    if whole_lines_are_quoted(sample):
        notes.append("each line is quoted as a whole: these quotes are left out")
        read = partial(unquote_lines, read)
        sample = list(islice(read(), SAMPLE_ROWS + 1))
    declared = SEPARATOR_LINE.match(sample[0]) if sample else None
    separator = declared[1].replace("\\t", "\t") if declared else ""
    first_line = 1 if declared else 0
    dialect = find_dialect(sample[first_line:], separator)

    def records(repairs: Repairs | None = None) -> Iterator[tuple[int, list[str] | Rejected]]:
        lines = islice(read(), first_line, None)
        return read_records(lines, dialect, first_line, repairs)

    head = [(number, cells) for number, cells in islice(records(), SAMPLE_ROWS) if not isinstance(cells, Rejected)]
    if not head:
        raise WeaverError(f"{name} has no rows", "Write the names of the columns in the first row.")
    header_index = find_header([cells for _, cells in head])
    header_line, cells = head[header_index or 0]
    if header_index is None:
        header_line = 0
        cells = [f"column {number}" for number in range(1, max(len(row) for _, row in head) + 1)]
        notes.append("it has no header: its columns are numbered")
    elif header_index:
        skipped = "; ".join(", ".join(filled(row)) for _, row in head[:header_index])
        notes.append(f"the header is in line {header_line}; above it: {skipped[:80]}")
    repairs = Repairs(dialect, len(cells), notes)
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    header = name_columns(cells, name, notes)

    def rows() -> Iterator[Row]:
        table = (record for record in records(repairs) if record[0] > header_line)
        before = 0  # cells of the row above, if it is short
        for (number, cells), (after_number, following) in pairwise(chain(table, [LAST])):
            if isinstance(cells, Rejected):
                yield number, cells
                before = 0
                continue
            short = len(cells) if len(cells) < len(header) else 0
            after = 0 if isinstance(following, Rejected) or len(following) >= len(header) else len(following)
            cut_off = after_number == LAST[0]
            if short and (cut_off or is_broken(short, before, after, len(header))):
                detail = f"{short} cells, the header has {len(header)}: {', '.join(cells[:4])}"
                values = dict(zip(header, cells, strict=False))
                yield number, Rejected("number of cells differs from the header", detail, values)
            else:
                row = fit_to_header([*cells, *[""] * (len(header) - len(cells))], header)
                if isinstance(row, Rejected):
                    row = row._replace(reason="number of cells differs from the header")
                yield number, row
            before = short

    return Source(dialect.describe(), encoding, header, "line", rows, notes, is_table=True)


class Repairs:
    """Repairs lines in which a quote was not doubled, and says so in a note.

    Args:
        width: how many cells a row has.
        notes: gets one note for all lines that are repaired.
    """

    def __init__(self, dialect: Dialect, width: int, notes: list[str]) -> None:
        self.dialect, self.width, self.notes = dialect, width, notes
        self.lines: dict[int, list[str]] = {}  # number of a repaired line → its cells
        self.note = ""

    def repair(self, line: str, number: int) -> list[str] | None:
        """The cells of a line, if there is but one way to read it; else None."""
        if self.dialect.quoting not in ("standard", "spaced"):
            return None
        cells = repair_line(line, self.dialect.separator, self.width)
        if cells is not None and number not in self.lines:
            self.lines[number] = cells
            if self.note:
                self.notes.remove(self.note)
            first, read = next(iter(self.lines.items()))
            others = f", and {len(self.lines) - 1} others like it" if len(self.lines) > 1 else ""
            self.note = f"line {first} has a quote that is not doubled{others}; it is read as: {' | '.join(read)[:80]}"
            self.notes.append(self.note)
        return cells


def is_broken(cells: int, before: int, after: int, width: int) -> bool:
    """Whether a short row is part of one that a line break has broken: with its short neighbour it makes up a row.

    Another short row ends early because its last cells are blank: Excel leaves out their separators.

    Args:
        cells: of the row.
        before: cells of the row above, 0 if it is not short.
        after: cells of the row below, 0 if it is not short.
        width: cells of the header.
    """
    return cells < 2 or any(neighbour and cells + neighbour <= width + 1 for neighbour in (before, after))


def whole_lines_are_quoted(sample: list[str]) -> bool:
    """Whether each line is one quoted text that holds the cells, as of a table that was pasted into one column."""
    lines = [line.strip() for line in sample if line.strip()]
    cells = [text[1] for line in lines if (text := WHOLE_LINE.fullmatch(line))]
    counts = [cell.replace('""', "").count(mark) for mark in ",;\t" for cell in cells[:1]]
    return len(lines) > 1 and len(cells) == len(lines) and max(counts) > 0


def unquote_lines(read: LineReader) -> Iterator[str]:
    """The lines without the quotes around each; doubled quotes within are single ones."""
    for line in read():
        text = WHOLE_LINE.fullmatch(line.strip())
        yield text[1].replace('""', '"') + "\n" if text else line


def read_records(
    lines: Iterator[str], dialect: Dialect, skipped: int, repairs: Repairs | None = None
) -> Iterator[tuple[int, list[str] | Rejected]]:
    """The rows of a CSV file with the numbers of their first lines, without blank ones.

    A line in which a quote is not closed or not doubled is repaired or set aside, and the next line is a row of its own
    again.

    Args:
        skipped: how many lines there are before these.
        repairs: what repairs lines; without it all of these are set aside.
    """
    if dialect.quoting == "backslash":  # MySQL writes \N where there is no value
        edge = re.escape(dialect.separator)
        no_value = re.compile(rf"(^|{edge})\\N(?={edge}|\r?\n|$)")
        lines = (no_value.sub(r"\1", line) for line in lines)
    if dialect.quoting == "spaced":
        edge = re.escape(dialect.separator)
        blanks = re.compile(rf'((?:^|{edge})[ \t]*"(?:[^"]|"")*")[ \t]+(?={edge}|\r?\n|$)')
        lines = (blanks.sub(r"\1", line) for line in lines)
    feed = LineFeed(lines)
    reader = csv.reader(feed, **dialect.options())
    while True:
        number = skipped + feed.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            line = feed.skip_line()
            detail = f"{error}: '{line.strip()[:60]}'; double a quote within a quoted text, and close each"
            yield (
                number,
                (repairs and repairs.repair(line, number))
                or Rejected("a quote that is not closed or not doubled", detail),
            )
            reader = csv.reader(feed, **dialect.options())
            continue
        if repairs and len(feed.taken) == 1 and any(cell.strip() for cell in cells[repairs.width :]):
            cells = repairs.repair(feed.taken[0], number) or cells  # 5", within a text looks like its end
        feed.next_row()
        if any(cell.strip() for cell in cells):
            yield number, [text[1].replace('""', '"') if (text := TEXT_FORMULA.fullmatch(c)) else c for c in cells]


def find_dialect(sample: list[str], separator: str = "") -> Dialect:
    """The dialect that reads a sample best; the earlier of two that read it equally well.

    Args:
        sample: the first lines.
        separator: if the file says it.
    """
    text = "".join(sample)
    separators = [separator] if separator else [mark for mark in SEPARATORS if mark in text] or [","]
    spaced = ["spaced"] if re.search(r'"[ \t]+([,;|~^\t]|$)', text, re.MULTILINE) else []
    quotings = [
        "standard",
        *spaced,
        *(["backslash"] if "\\" in text else []),
        *(["apostrophe"] if "'" in text else []),
        "none",
    ]
    candidates = [Dialect(mark, q) for q in quotings for mark in separators if q != "none" or mark not in ",;"]
    return max(candidates, key=lambda dialect: rate_dialect(sample, dialect))


def rate_dialect(sample: list[str], dialect: Dialect) -> tuple[int, float, float, int]:
    """How well a dialect reads a sample: names of fields in a row; share of rows as wide as the header, and clean."""
    records = [cells for _, cells in read_records(iter(sample), dialect, 0)]
    rows = [cells for cells in records if not isinstance(cells, Rejected)]
    if len(sample) > SAMPLE_ROWS and records and isinstance(records[-1], Rejected):
        records.pop()  # the sample ends within it
    if not rows:
        return 0, 0.0, 0.0, 0
    widths = [len(filled(cells)) for cells in rows]
    field_names = max(map(count_known_names, rows[:40]))
    header = rows[find_header(rows) or 0]
    width = len(header)
    while width > 1 and not header[width - 1].strip():
        width -= 1
    same = sum(fits(cells, width) for cells in rows)
    clean = sum(not cell.startswith(('"', "'")) or not cell.endswith(('"', "'")) for cells in rows for cell in cells)
    cells_read = sum(map(len, rows))
    share = same / max(1, len(records)) if max(widths) > 1 else 0.0
    return min(field_names, 3), round(share, 3), round(clean / cells_read, 3), width


def fits(cells: list[str], width: int) -> bool:
    """Whether a row has as many cells as the header; blank ones may follow."""
    return len(cells) >= width > 1 and not any(cell.strip() for cell in cells[width:])
