"""Records that are pasted as data: JSON and what looks like it, XML, tables."""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from pipelines.text.field_names import NAMES
from pipelines.text.record_lines import (
    MAX_VALUE,
    NAME_KEYS,
    NAME_PARTS,
    YEAR,
    Fields,
    PastedRecords,
    lay_out_all,
    lay_out_fields,
    lay_out_parts,
    normal_key,
    pasted,
)

ELEMENT = re.compile(r"<([A-Za-z][\w-]*)((?:\s+[\w-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*)\s*/?>([^<>]*)")
ATTRIBUTE = re.compile(r"([\w-]+)\s*=\s*([\"'])(.*?)\2")
ROW, CELL = re.compile(r"<tr[^>]*>(.*?)</tr>", re.DOTALL), re.compile(r"<(t[hd])[^>]*>([^<]*)</t[hd]>")
SQL = re.compile(r"\(([^()]+)\)\s*VALUES\s*\(([^()]+)\)\s*;?", re.IGNORECASE)
LAYOUT_LINE = re.compile(
    r"^(?:layout|columns?|format|header|fields?|order)\s*:\s*([\w ()-]+(?:[|,;\t][\w ()-]+){2,})\.?(.*)$", re.I | re.M
)
ANCHOR = re.compile(r"[&*]\w")  # of YAML: references could grow without end
MARKDOWN_RULE = re.compile(r"^[\s|:+-]+$")


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
        value = yaml.load(re.sub(r"\(([^()]*)\)", r"[\1]", re.sub(r'"\s*:', '": ', text)), Loader=yaml.BaseLoader)
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
        own = {key: some for key, some in value.items() if not isinstance(some, dict | list)}
        inner = {key: some for key, some in value.items() if isinstance(some, dict | list)}
        fields: Fields = list(own.items())
        for key, some in list(inner.items()):  # {"name": …, "values": {…}} is one record
            if isinstance(some, dict) and not YEAR.search(key) and is_part(own, some):
                fields += flatten(key, some)
                del inner[key]
        if fields:
            yield title, fields
        for key, some in inner.items():
            yield from walk(some, key if isinstance(some, dict) else title, depth + 1)


def is_part(own: dict[str, Any], inner: dict[str, Any]) -> bool:
    """Whether a mapping within another holds fields of the same record: that of a whole record would have a name."""
    keys = {normal_key(key) for key in inner}
    named = keys & NAME_KEYS or len(keys & set(NAME_PARTS)) > 1
    return bool(own or keys & set(NAME_PARTS)) and not (named and {normal_key(key) for key in own} & NAME_KEYS)


def flatten(parent: str, value: dict[str, Any], depth: int = 0) -> Iterator[tuple[str, str]]:
    """The fields of nested mappings; a key that says nothing alone is told with the one above it."""
    for key, some in value.items():
        if isinstance(some, dict) and depth < 4:
            yield from flatten(key, some, depth + 1)
        elif isinstance(some, str):
            label, above = normal_key(key), normal_key(parent)
            together = f"{above} {label}"
            if together in NAMES or (label in ("type", "kind", "value", "desc") and above in NAMES):
                label = together if together in NAMES else above
            yield label if label in NAMES else key, some


def read_tags(message: str) -> PastedRecords | None:
    """XML and HTML: a tag, an attribute or a row of a table is a field."""
    rows = [CELL.findall(row) for row in ROW.findall(message)]
    if rows and all(rows):
        records = read_rows(rows)
        rest = [message[: message.find("<")], message[message.rfind(">") + 1 :]]
        return pasted(rest, records)
    matches = [tag for tag in ELEMENT.finditer(message) if tag[2].strip() or tag[3].strip()]
    fields: Fields = []
    for tag in matches:
        fields += flatten(tag[1], {key: value for key, _, value in ATTRIBUTE.findall(tag[2]) if key != "unit"})
        fields += [(tag[1], tag[3].strip())] if tag[3].strip() and f"</{tag[1]}>" in message else []
    if len(fields) < 2:
        return None
    rest = [message[: message.find("<")], message[message.rfind(">") + 1 :]]
    return pasted(rest, list(lay_out_all(fields)))


def read_rows(rows: list[list[tuple[str, str]]]) -> list[str]:
    """The records of a table's rows of cells, each a tag and its text."""
    texts = [[" ".join(text.split()) for _, text in row] for row in rows]
    if all(len(row) == 2 and row[0][0] == "th" for row in rows):
        return list(lay_out_all([(row[0], row[1]) for row in texts]))
    if all(tag == "th" for tag, _ in rows[0]) and len(rows) > 1:
        return [lay_out_fields("", list(zip(texts[0], row, strict=False))) for row in texts[1:]]
    return [lay_out_parts(row) for row in texts]


def read_table(message: str) -> PastedRecords | None:
    """Lines of cells below a header, separated by |, tabs, semicolons or commas; or a table of fields and values."""
    lines = move_header(message).split("\n")
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


def move_header(message: str) -> str:
    """The message with the header of a table above its rows: SQL has it in brackets, people below them."""
    message = SQL.sub(
        lambda sql: "\n" + "\n".join(re.sub(r"\s*,\s*", ",", part) for part in sql.groups()) + "\n", message
    )
    header = LAYOUT_LINE.search(message)
    if not header:
        return message
    mark = next(mark for mark in "|,;\t" if mark in header[1])
    lines = message.replace(header[0], header[2]).split("\n")
    first = next((n for n, line in enumerate(lines) if line.count(mark) == header[1].count(mark)), len(lines))
    return "\n".join([*lines[:first], header[1], *lines[first:]])


def split_cells(line: str, mark: str) -> list[str]:
    """The cells of a line; a frame of marks is none."""
    if mark == "\t":
        line = re.sub(r"(?<=\S) {2,}(?=\S)", "\t", line)  # columns of spaces
    if mark not in line:
        return []
    text = line.strip() if mark != "\t" else line
    if mark == "|":
        text = text.strip("|")
    return [cell.strip(" \"'") for cell in text.split(mark)]


def is_header(row: list[str]) -> bool:
    """Whether a row of two cells names its columns."""
    return {cell.casefold() for cell in row} <= {"field", "value", "key", "name", "column", "item", "data", "entry"}
