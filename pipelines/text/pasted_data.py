"""Records that are pasted as data: JSON and what looks like it, XML, tables."""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from pipelines.text.record_lines import MAX_VALUE, YEAR, Fields, PastedRecords, lay_out_all, lay_out_fields, pasted

TAGS = re.compile(r"<([A-Za-z][\w-]*)>([^<>]*)</\1>")
OUTER_TAGS = re.compile(r"</?[A-Za-z][\w-]*>")
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
        value = yaml.load(re.sub(r'"\s*:', '": ', text), Loader=yaml.BaseLoader)
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
