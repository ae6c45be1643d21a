"""Read a line of CSV in which a quote within a quoted text was not doubled, where only one reading is possible.

    What was done?,"Replaced 5" hose, refilled coolant",code_check

A quoted text ends at a quote with a separator or the end of the line behind it. Where a line can be split into as many
cells as the header has in one way only, and each quote within a text is an inch sign, a quotation or a stray one at
its end, that is how the line was meant.
"""

import re
from collections.abc import Iterator
from itertools import islice

MAX_QUOTES = 24  # in a line that is repaired: the readings of more are too many
OPENING = re.compile(r"(?:^|[\s(\[/-])$")  # what stands before a quotation
SIGN = re.compile(r"\d$")  # what stands before an inch sign; a second is written so, too


def repair_line(line: str, separator: str, width: int) -> list[str] | None:
    """The cells of a line that a strict reader refuses; None if there is no reading, or more than one.

    Args:
        width: how many cells the header has.
    """
    line = line.rstrip("\r\n")
    if not 0 < line.count('"') <= MAX_QUOTES:
        return None
    readings = list(islice(read_cells(line, separator, width), 2))
    return readings[0] if len(readings) == 1 else None


def read_cells(line: str, separator: str, width: int) -> Iterator[list[str]]:
    """All ways to split a line into so many cells."""
    for text, rest in read_cell(line.lstrip(" "), separator):
        if rest is None:
            if width == 1:
                yield [text]
        elif width > 1:
            yield from ([text, *cells] for cells in read_cells(rest, separator, width - 1))


def read_cell(line: str, separator: str) -> Iterator[tuple[str, str | None]]:
    """All readings of a line's first cell: its text, and the line behind its separator (None if it is the last)."""
    if not line.startswith('"'):
        text, mark, rest = line.partition(separator)
        yield text, rest if mark else None
        return
    for end in re.finditer(rf'"[ \t]*(?:{re.escape(separator)}|$)', line[1:]):
        if (restored := restore_text(line[1 : 1 + end.start()])) is not None:
            yield restored, line[1 + end.end() :] if end[0].endswith(separator) else None


def restore_text(content: str) -> str | None:
    """A quoted text from what stands between its quotes; None if one of the quotes within it makes no sense.

    Doubled quotes are quotes. A single one is an inch sign behind a digit, or begins or ends a quotation; one at the
    end of the text that is neither is left out.
    """
    pieces = re.split(r'""|(")', content)  # None for a doubled quote, '"' for a single one
    marks = list(zip(pieces[1::2], pieces[2::2], strict=True))
    text, open_quotation = pieces[0], False
    for number, (mark, piece) in enumerate(marks, 1):
        if mark is None or open_quotation or SIGN.search(text):
            open_quotation = open_quotation and mark is None
            text += '"'
        elif OPENING.search(text) and piece[:1].strip():
            open_quotation = True
            text += '"'
        elif piece or number < len(marks):
            return None
        text += piece
    return None if open_quotation else text
