"""Records that somebody pastes into a question, in one layout: training rows and prompts use the same function.

People paste JSON, tables, `key=value`, lines of `field: value`, lists with all kinds of separators, above the question
or below it. A small model reads one layout better than twenty, so what is recognised is laid out as the kits' records
are: the question first, then a record a line, its name first and ` | ` between its fields. What is not recognised stays
as it is, to the last character.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from pipelines.text.field_names import lay_out_field, lay_out_phrase

SEPARATOR = " | "
MAX_CHARS = 6000  # a longer message is a document, and no pasted record
MAX_VALUE = 60  # characters of a field's value
NAME_KEYS = frozenset({"vehicle", "name", "car", "part", "title", "item", "auto", "description", "v"})
QUESTION_KEYS = frozenset({"q", "question", "ask", "asked"})
NAME_PARTS = ("year", "model year", "my", "make", "brand", "model", "trim")
PLAIN_SEPARATORS = (SEPARATOR, " || ", "\t", " / ", " // ", " > ", " -- ", " - ", " * ", "; ", ", ")
YEAR = re.compile(r"\b(?:19|20)\d\d\b")
ASKS = re.compile(
    r"\?|^(?:what|which|how|is|does|do|can|could|has|where|when|who|tell|give|need|please|pls|just|only)\b|"
    r"\b(?:pls|plz|please|thanks|thx)\b",
    re.IGNORECASE,
)
ASKS_IN_FIELDS = re.compile(r"\?|\b(?:pls|plz|please)\b", re.IGNORECASE)
PAIR_LINE = re.compile(
    r"^[\s*\u2022#-]*\[?([A-Za-z][\w ()/&'-]{0,30}?)\]?(?:\s*(?::|=>|->|=|\.{2,}|\t)|(?<=_[a-z]{2})\s|(?<=_[a-z]{3})\s"
    r"|(?<=_[a-z]{5})\s)\s*(\S.*?)[\s,;]*$"
)
PAIRS = re.compile(r"""([A-Za-z]\w*)\s*=\s*("[^"]*"|'[^']*'|[^=;,|]*?)(?=\s*(?:[;,|]\s*|\s+)[A-Za-z]\w*\s*=|\s*[;,|]?\s*$)""")
TAGS = re.compile(r"<([A-Za-z][\w-]*)>([^<>]*)</\1>")
OUTER_TAGS = re.compile(r"</?[A-Za-z][\w-]*>")
ANCHOR = re.compile(r"[&*]\w")  # of YAML: references could grow without end
CODE_LINE = re.compile(r"[PBCU]\d[0-9A-F]{3}: ")  # a passage on a trouble code
TURN = re.compile(r"^\s*(?:customer|caller|client|advisor|agent|user|assistant|sales\w*)\s*:", re.IGNORECASE | re.MULTILINE)
MARKDOWN_RULE = re.compile(r"^[\s|:+-]+$")
ARROWS = re.compile(r"^[\s:>,;-]*(?:<-|->|=>|<=)?[\s:>,;]*|[\s]*(?:<-|->|=>|<=|--)\s*$")

Fields = list[tuple[str, str]]


class PastedRecords(NamedTuple):
    """A message, taken apart."""

    question: str
    records: list[str]

    @property
    def message(self) -> str:
        """The question, and below it a record a line."""
        return "\n".join(part for part in (self.question, *self.records) if part)


def find_pasted_records(message: str) -> PastedRecords | None:
    """The question and the records of a message; None if no record is recognised in it.

    >>> find_pasted_records('{"name": "2021 Kia Rio", "city_mpg": 33, "no_gears": 6} how many gears').message
    'how many gears\\n2021 Kia Rio | city 33 mpg | gears 6'
    """
    if len(message) > MAX_CHARS or TURN.search(message):  # a conversation stays as it is
        return None
    if "{" in message:
        return read_braces(message)
    for read in (read_tags, read_table, read_pair_lines, read_pairs, read_lists, read_stack):
        if found := read(message):
            return found
    return None


def lay_out_pasted(message: str) -> str:
    """The message with its records in the common layout; the message itself if it has none that is recognised."""
    found = find_pasted_records(message)
    return found.message if found and found.question else message


def read_braces(message: str) -> PastedRecords | None:
    """JSON, or what looks like it: quotes may be missing or single."""
    import yaml

    opening = min((at for at in (message.find("{"), message.find("[{")) if at >= 0), default=-1)
    closing = max(message.rfind("}"), message.rfind("}]") + 1)
    if opening < 0 or closing <= opening:
        return None
    text = message[opening : closing + 1].replace("\t", " ")
    if ANCHOR.search(text):
        return None
    try:
        value = yaml.load(re.sub(r'"\s*:', '": ', text), Loader=yaml.BaseLoader)  # noqa: S506 - it makes texts alone
    except (yaml.YAMLError, RecursionError):
        return None
    before, after = message[:opening], message[closing + 1 :]
    line = before.rpartition("\n")[2]
    title = ""
    if line.rstrip().endswith((":", "=")) and YEAR.search(line):
        title, before = line.rstrip(" :="), before.removesuffix(line)
    records = [record for name, fields in walk(value, title) if (record := lay_out_fields(name, fields))]
    return pasted([before, after], records)


def walk(value: Any, title: str = "", depth: int = 0) -> Iterator[tuple[str, Fields]]:
    """The records of nested mappings and lists: their names, if known, and their fields."""
    if depth > 4:
        return
    if isinstance(value, list):
        for item in value:
            yield from walk(item, title, depth + 1)
    elif isinstance(value, dict):
        fields: Fields = [(key, text) for key, text in value.items() if isinstance(text, str)]
        inner = {key: some for key, some in value.items() if isinstance(some, dict | list)}
        for key, some in list(inner.items()):  # {"name": …, "values": {…}} is one record
            if isinstance(some, dict) and fields and not YEAR.search(key):
                fields += [(name, text) for name, text in some.items() if isinstance(text, str)]
                del inner[key]
        if fields:
            yield title, fields
        for key, some in inner.items():
            yield from walk(some, key if isinstance(some, dict) else title, depth + 1)


def read_tags(message: str) -> PastedRecords | None:
    """XML without attributes: a tag a field."""
    matches = list(TAGS.finditer(message))
    if len(matches) < 2:
        return None
    fields = [(match[1], match[2]) for match in matches]
    rest = [message[: matches[0].start()], message[matches[-1].end() :]]
    return pasted([OUTER_TAGS.sub("", part) for part in rest], list(lay_out_all(fields)))


def read_table(message: str) -> PastedRecords | None:
    """Lines of cells below a header, separated by |, tabs, semicolons or commas; or a table of fields and values."""
    lines = message.split("\n")
    for mark in ("|", "\t", ";", ","):
        rows = [split_cells(line, mark) for line in lines]
        for width, run in groupby(range(len(lines)), key=lambda n: len(rows[n])):
            numbers = list(run)
            cells = [rows[n] for n in numbers if not MARKDOWN_RULE.match(lines[n])]
            if width < 2 or len(cells) < 2 or any(re.search(r"\d", cell) for cell in cells[0]):
                continue
            if any(len(cell) > MAX_VALUE for row in cells for cell in row) or "?" in "".join(cells[0]):
                continue
            if width == 2 and len(cells) > 2:
                records = list(lay_out_all([(row[0], row[1]) for row in cells if not is_header(row)]))
            elif width > 2 and any(re.search(r"\d", cell) for row in cells[1:] for cell in row):
                heads = [head if head or place else "name" for place, head in enumerate(cells[0])]
                records = [lay_out_fields("", list(zip(heads, row, strict=True))) for row in cells[1:]]
            else:
                continue
            return pasted(["\n".join(lines[: numbers[0]]), "\n".join(lines[numbers[-1] + 1 :])], records)
    return None


def split_cells(line: str, mark: str) -> list[str]:
    """The cells of a line; a frame of marks is none."""
    if mark not in line:
        return []
    text = line.strip() if mark != "\t" else line
    if mark == "|":
        text = text.strip("|")
    return [cell.strip(" \"'") for cell in text.split(mark)]


def is_header(row: list[str]) -> bool:
    """Whether a row of two cells names its columns."""
    return {cell.casefold() for cell in row} <= {"field", "value", "key", "name", "column", "item", "data", "entry"}


def read_pair_lines(message: str) -> PastedRecords | None:
    """Two or more lines of `field: value`, `field = value` or `field....value`; a line above them may be the name."""
    lines = message.split("\n")
    pairs = [PAIR_LINE.match(line) if len(line) <= MAX_VALUE + 40 else None for line in lines]
    fitting = {n: (pair[1], pair[2]) for n, pair in enumerate(pairs) if pair and is_field(pair)}
    asked = {n: value for n, (key, value) in fitting.items() if key.casefold() in QUESTION_KEYS}
    if len(fitting) - len(asked) < 2:
        return None
    records: list[str] = []
    fields: Fields = []
    rest = []
    for n, line in enumerate(lines):
        if n in asked:
            rest.append(asked[n])
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
    if ASKS.search(line) or len(line) > MAX_VALUE:
        return False
    return bool(YEAR.search(line)) or (above_fields and line.strip(" *#-")[:1].isupper() and 1 < len(line.split()) <= 5)


def is_field(pair: re.Match[str]) -> bool:
    """Whether a line is one field, and neither a question nor several fields."""
    if ASKS.search(pair[2]) or len(pair[1].split()) > 4 or CODE_LINE.match(pair[0]):
        return False
    return "?" not in pair[0] and len(pair[2]) <= MAX_VALUE and pair[2].count(", ") < 2 and pair[0].count("=") < 2


def read_pairs(message: str) -> PastedRecords | None:
    """Lines that hold two or more `key=value`."""
    rest, records = [], []
    for line in message.split("\n"):
        matches = list(PAIRS.finditer(line)) if line.count("=") > 1 else []
        if len(matches) < 2:
            rest.append(line)
            continue
        title, tail = line[: matches[0].start()], line[matches[-1].end() :]
        name, asked = "", title
        if YEAR.search(title):
            asked, mark, name = title.rpartition("? ") if "? " in title else ("", "", title)
            asked += mark
        records.append(lay_out_fields(name.strip(" ,;:"), [(match[1], match[2]) for match in matches]))
        rest += [asked, tail]
    return pasted(rest, records) if records else None


def read_lists(message: str) -> PastedRecords | None:
    """Lines of three or more short parts with one separator; a part that asks belongs to the question."""
    rest, records = [], []
    for line in message.split("\n"):
        text = re.sub(r"\]\s*\[", SEPARATOR, line.strip()).strip("[]") if line.count("[") > 1 else line.strip()
        text = re.sub(r" {2,}", "\t", text)
        if (SEPARATOR in text and not ASKS_IN_FIELDS.search(text)) or CODE_LINE.match(text):
            records.append(text if CODE_LINE.match(text) else lay_out_parts(text.split(SEPARATOR)))
            continue
        parts = next((parts for mark in PLAIN_SEPARATORS if is_list(parts := text.split(mark), mark)), [])
        if not parts:
            rest.append(line)
            continue
        asked, fields = part_question([part.strip(" '\"*,;") for part in parts])
        rest += asked
        records.append(lay_out_parts([part.replace("_", " ") for part in fields if part]))
    return pasted(rest, records) if records else None


def read_stack(message: str) -> PastedRecords | None:
    """Short lines below a line with a name and a year, a field each: `2.4 L`, `22 city`."""
    lines = message.split("\n")
    for n, line in enumerate(lines):
        if not (YEAR.search(line) and len(line) <= MAX_VALUE and not ASKS.search(line)):
            continue
        end = n + 1
        while end < len(lines) and 0 < len(lines[end].split()) <= 6 and re.search(r"\d|-", lines[end]) and not ASKS.search(lines[end]):
            end += 1
        if end - n > 2:
            fields = [field.strip(" *-\u2022") for other in lines[n:end] for field in other.split(", ")]
            return pasted(["\n".join(lines[:n]), "\n".join(lines[end:])], [lay_out_parts(fields)])
    return None


def part_question(parts: list[str]) -> tuple[list[str], list[str]]:
    """What asks of a list's parts, before its first, behind its last or one of them; and the others, its fields."""
    asked, first = [], parts[0]
    if "->" in first:
        head, _, first = first.rpartition("->")
        asked.append(head.strip())
    year = YEAR.search(first)
    before = first[: year.start()] if year and year.start() else ""
    if len(before.split()) > 3 and re.match(r"\S+ [A-Za-z]", first[year.start() :] if year else ""):  # it asks before the name
        asked.append(before.rstrip(" :(\"'"))
        first = first.removeprefix(before)
    name, _, field = first.partition(": ") if ": " in first else first.partition(" (") if first.count("(") > first.count(")") else (first, "", "")
    last, mark, tail = parts[-1].partition(". ")
    if mark and (ASKS.search(tail) or len(tail.split()) > 3):
        parts = [*parts[:-1], last]
        asked.append(tail)
    fields = [name.strip(), field.strip(), *parts[1:]]
    if fields[-1].count(")") > fields[-1].count("("):
        fields[-1] = fields[-1].rstrip(").")
    return [*asked, *(part for part in fields if ASKS.search(part))], [part for part in fields if not ASKS.search(part)]


def is_list(parts: list[str], mark: str) -> bool:
    """Whether the parts of a line are a record's fields: short, and several of them."""
    if len(parts) < 3 or any(len(part.split(". ")[0].split()) > (5 if mark in (", ", "; ") else 9) for part in parts[1:]):
        return False
    if mark == SEPARATOR:
        return True  # whatever its fields are
    return bool(YEAR.search(parts[0]) or YEAR.search(parts[1])) and sum(bool(re.search(r"\d", p)) for p in parts) >= 2


def lay_out_parts(parts: list[str]) -> str:
    """One record of fields that are written without a sign between name and value; the first part is its name."""
    return SEPARATOR.join([parts[0], *map(lay_out_phrase, parts[1:])])


def lay_out_all(fields: Fields) -> Iterator[str]:
    """Records of fields that follow one another; a key that comes again begins the next record."""
    current: Fields = []
    for key, value in fields:
        if normal_key(key) in {normal_key(other) for other, _ in current}:
            yield lay_out_fields("", current)
            current = []
        current.append((key, value))
    if current:
        yield lay_out_fields("", current)


def lay_out_fields(name: str, fields: Iterable[tuple[str, str]]) -> str:
    """One record: its name, then its fields, each key before its value."""
    rest: list[str] = []
    parts: dict[str, str] = {}
    for key, value in fields:
        label, text = normal_key(key), " ".join(value.split()).strip("\"'")
        if not text:
            continue
        if label in NAME_PARTS:
            parts[label] = text
        elif label in NAME_KEYS and not name:
            name = text
        else:
            rest.append(lay_out_field(label, text))
    spelled = " ".join(parts[part] for part in NAME_PARTS if part in parts)
    if parts and not (name and spelled in name):
        if len(parts) == 1 and name and "model" in parts:
            rest.insert(0, f"model {spelled}")
        else:
            name = f"{name} {spelled}".strip()
    return SEPARATOR.join(part for part in (name, *rest) if part)


def normal_key(key: str) -> str:
    """A field's name in lower case, with spaces for underscores."""
    return " ".join(re.sub(r"[_\s]+", " ", key.strip(" \"'*")).casefold().split())


def pasted(rest: list[str], records: list[str]) -> PastedRecords | None:
    """What is left of a message is its question; None if there is no record of two fields."""
    records = [record for record in records if record]
    if not any(SEPARATOR in record for record in records):
        return None
    lines = [line for part in rest for line in part.split("\n")]
    return PastedRecords(" ".join(text for line in lines if (text := ARROWS.sub("", line).strip())), records)
