"""Records that somebody pastes into a question, in one layout: training rows and prompts use the same function.

People paste JSON, tables, `key=value`, lines of `field: value`, lists with all kinds of separators, above the question
or below it. A small model reads one layout better than twenty, so what is recognised is laid out as the kits' records
are: the question first, then a record a line, its name first and ` | ` between its fields. What is not recognised stays
as it is, to the last character.
"""

import re
from collections.abc import Callable

from pipelines.text.pasted_data import read_braces, read_tags
from pipelines.text.pasted_lists import ASKS, ASKS_IN_FIELDS, CODE_LINE, read_lists, read_stack
from pipelines.text.pasted_tables import read_table
from pipelines.text.record_lines import (
    MAX_VALUE,
    SEPARATOR,
    YEAR,
    Fields,
    PastedRecords,
    is_laid_out,
    lay_out_all,
    lay_out_fields,
    pasted,
)
from pipelines.text.specifications import find_specifications, spell_numbers
from pipelines.text.stated_fields import MAX_CHARS, drop_statements, find_statements

QUESTION_KEYS = frozenset({"q", "question", "ask", "asked"})
PAIR_LINE = re.compile(
    r"^[\s*\u2022#-]*\[?([A-Za-z][\w ()/&'-]{0,30}?)\]?"
    r"(?:\s*(?::|=>|->|\u2192|=|\.{2,}|\t|\s[-\u2013\u2014]\s)|(?<=_[a-z]{2})\s|(?<=_[a-z]{3})\s|(?<=_[a-z]{5})\s)"
    r"\s*(\S.*?)[\s,;]*$"
)
PAIR_CELL = re.compile(r"([A-Za-z][\w .()-]{0,20}?)\s?[:=]\s?([^:=?]{1,40})")
PAIRS = re.compile(
    r"""([A-Za-z][\w()]*)\s*=\s*("[^"]*"|'[^']*'|[^=;,|&]*?)"""
    r"""(?=\s*(?:[;,|&]\s*|\s+)[A-Za-z][\w()]*\s*=|\s*[;,|&]?\s*$|\s+(?:is|what|which|how|does|do|can|please)\b[^=]*$)"""
)
TAG_FRAME = re.compile(r"^<\w+\s+(?=\w+=)|\s*/?>$")  # <car name="2021 Kia Rio" gears="6"/>
ADDRESS = re.compile(r"\S*/[\w.-]*\?(?=\w+=)")  # /quote?yr=2012
TAG = re.compile(
    r"</?(?:div|p|li|ul|ol|h\d|tr|td|th|table|br|a|b|i|section|article)\b[^>]*>|</?(?:sup|sub|span|em|strong)\b[^>]*>"
)
TURN = re.compile(
    r"^\s*(?:customer|caller|client|advisor|agent|user|assistant|sales\w*)\s*:", re.IGNORECASE | re.MULTILINE
)


def find_pasted_records(message: str) -> PastedRecords | None:
    """The question and the records of a message; None if no record is recognised in it.

    >>> find_pasted_records('{"name": "2021 Kia Rio", "city_mpg": 33, "no_gears": 6} how many gears').message
    'how many gears\\n2021 Kia Rio | city 33 mpg | gears 6'
    """
    if len(message) > MAX_CHARS or TURN.search(message):  # a conversation stays as it is
        return None
    readings = [records for read in READERS["{" in message] if (records := read(message))]
    return max(readings, key=count_known, default=None)  # the first of equal ones


def find_records(message: str) -> PastedRecords | None:
    """The question of a message and its records: those that are pasted into it, or those that its sentences and lists
    state, whichever have more fields that are known; None if there are none, or nothing else."""
    pasted_records = find_pasted_records(message)
    laid_out = any(SEPARATOR in line and not ASKS_IN_FIELDS.search(line) for line in message.split("\n"))
    if laid_out and pasted_records and pasted_records.question:  # a row is stored with what its sentences state below
        stated = find_stated("\n".join(line for line in message.split("\n") if SEPARATOR not in line))
        repeated = stated is not None and set(stated.records) <= set(pasted_records.records)
        return pasted_records._replace(asking=stated.asking) if stated and repeated else pasted_records
    stated = None if TURN.search(message) else find_stated(message)
    if stated and (not pasted_records or is_better(stated, pasted_records)):
        return join_records(stated, pasted_records) if pasted_records else stated
    return pasted_records if pasted_records and pasted_records.question else None


def find_stated(message: str) -> PastedRecords | None:
    """The records that a message states, and what it asks."""
    message = spell_numbers(TAG.sub("\n", message) if "</" in message else message)
    statements = find_statements(message)
    if not statements:
        return None
    asking = drop_statements(message, statements)
    return PastedRecords(" ".join(message.split()), [statement.record for statement in statements], asking)


def join_records(stated: PastedRecords, pasted_records: PastedRecords) -> PastedRecords:
    """Stated records with what else was pasted of the same ones."""
    if len(stated.records) != len(pasted_records.records):
        return stated
    records = []
    for record, other in zip(stated.records, pasted_records.records, strict=True):
        more = [
            field for field in other.split(SEPARATOR)[1:] if not is_laid_out(field) and not find_specifications(field)
        ]
        records.append(SEPARATOR.join([record, *more]))
    return stated._replace(records=records)


def is_better(stated: PastedRecords, pasted_records: PastedRecords) -> bool:
    """Whether stated records hold more of what a message says than pasted ones, or as much and its question too."""
    more = count_known(stated) - count_known(pasted_records)
    return more > 0 or (more == 0 and not pasted_records.question)


def count_known(records: PastedRecords) -> int:
    """How many fields of records have a name that is known."""
    return sum(is_laid_out(field) for record in records.records for field in record.split(SEPARATOR)[1:])


def lay_out_pasted(message: str) -> str:
    """The message with its records in the common layout, or those that it states below it; itself without records."""
    pasted_records = find_records(message)
    return pasted_records.message if pasted_records else message


def read_pair_lines(message: str) -> PastedRecords | None:
    """Two or more lines of `field: value`, `field = value` or `field....value`; a line above them may be the name."""
    lines = message.split("\n")
    pairs = [PAIR_LINE.match(line) if len(line) <= MAX_VALUE + 40 else None for line in lines]
    fitting = {n: (pair[1], pair[2]) for n, pair in enumerate(pairs) if pair and is_field(pair)}
    questions = {n: value for n, (key, value) in fitting.items() if key.casefold() in QUESTION_KEYS}
    if len(fitting) - len(questions) < 2:
        return None
    records: list[str] = []
    fields: Fields = []
    rest = []
    for n, line in enumerate(lines):
        if n in questions:
            rest.append(questions[n])
        elif n in fitting:
            fields.append(fitting[n])
        elif is_name(line, n + 1 in fitting and not fields):
            records += lay_out_all(fields)
            fields = [("name", line.strip(" *#-:\u2022"))]
        else:
            rest.append(line)
    records += lay_out_all(fields)
    return pasted(rest, records)


def is_name(line: str, above_fields: bool) -> bool:
    """Whether a line names what the fields below it are of: it has a year, or begins like a name just above them."""
    if (
        ASKS.search(line)
        or len(line) > MAX_VALUE
        or ": " in line
        or line.rstrip().endswith(".")
        or len(line.split()) > 8
    ):
        return False
    return bool(YEAR.search(line)) or (above_fields and line.strip(" *#-")[:1].isupper() and 1 < len(line.split()) <= 5)


def is_field(pair: re.Match[str]) -> bool:
    """Whether a line is one field, and neither a question nor several fields."""
    if ASKS.search(pair[2]) or len(pair[1].split()) > 4 or len(pair[2].split()) > 6 or CODE_LINE.match(pair[0]):
        return False
    return "?" not in pair[0] and len(pair[2]) <= MAX_VALUE and pair[2].count(", ") < 2 and pair[0].count("=") < 2


def read_pairs(message: str) -> PastedRecords | None:
    """Lines that hold two or more `key=value`."""
    rest, records = [], []
    for line in message.split("\n"):
        line = ADDRESS.sub(" ", TAG_FRAME.sub("", line.strip()))
        cells = [PAIR_CELL.fullmatch(cell.strip()) for cell in re.split(r"[|~;]|\t", line)]
        if len(cells) > 2 and all(cells) and not CODE_LINE.match(line):  # YR:12|MK:PORS|CTY:20
            records.append(lay_out_fields("", [(cell[1], cell[2]) for cell in cells if cell]))
            continue
        matches = list(PAIRS.finditer(line)) if line.count("=") > 1 else []
        if len(matches) < 2:
            rest.append(line)
            continue
        title, tail = line[: matches[0].start()], line[matches[-1].end() :]
        name, questions = "", title
        if YEAR.search(title):
            questions, mark, name = title.rpartition("? ") if "? " in title else ("", "", title)
            questions += mark
        records.append(lay_out_fields(name.strip(" ,;:"), [(match[1], match[2]) for match in matches]))
        rest += [questions, tail]
    return pasted(rest, records) if records else None


READERS: dict[bool, tuple[Callable[[str], PastedRecords | None], ...]] = {  # whether there are braces → what reads it
    False: (read_tags, read_table, read_pair_lines, read_pairs, read_lists, read_stack),
    True: (read_braces, read_pair_lines),
}
