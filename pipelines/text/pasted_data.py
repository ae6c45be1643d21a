"""Records that are pasted as data: JSON and what looks like it, XML, HTML."""

import re
from collections.abc import Iterator
from typing import Any

from pipelines.text.field_names import find_field
from pipelines.text.record_lines import (
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
PAIR_KEYS, PAIR_VALUES = (
    {"k", "key", "name", "label", "field", "attr", "spec"},
    {"v", "value", "val", "text", "content"},
)
ROW, CELL = re.compile(r"<tr[^>]*>(.*?)</tr>", re.DOTALL), re.compile(r"<(t[hd])[^>]*>([^<]*)</t[hd]>")
ANCHOR = re.compile(r"[&*]\w")  # of YAML: references could grow without end


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
        named = [pair for item in value if (pair := read_pair(item))]
        if len(named) == len(value) > 1:
            yield title, named
            return
        for item in value:
            yield from walk(item, title, depth + 1)
    elif isinstance(value, dict):
        own = {key: some for key, some in value.items() if not isinstance(some, dict | list)}
        inner = {key: some for key, some in value.items() if isinstance(some, dict | list)}
        fields: Fields = list(own.items())
        if not own and len(inner) > 1 and sum(map(is_named, inner.values())) == 1:  # one part of a record names it
            yield title, list(flatten("", inner))
            return
        for key, some in list(inner.items()):  # {"name": …, "values": {…}} is one record
            if are_alike(inner):
                break
            if isinstance(some, dict) and not YEAR.search(key) and is_part(own, some):
                fields += flatten(key, some)
                del inner[key]
        if fields:
            yield title, fields
        for key, some in inner.items():
            yield from walk(some, key if isinstance(some, dict) else title, depth + 1)


def read_pair(value: Any) -> tuple[str, str] | None:
    """The name and the value of {"k": "mpg_city", "v": "30"}; None if it is something else."""
    if not isinstance(value, dict) or len(value) != 2:
        return None
    (first, name), (second, content) = value.items()
    is_pair = first.casefold() in PAIR_KEYS and second.casefold() in PAIR_VALUES
    return (name, content) if is_pair and isinstance(name, str) and isinstance(content, str) else None


def is_named(value: Any) -> bool:
    """Whether a mapping names a vehicle."""
    keys = {normal_key(key) for key in value} if isinstance(value, dict) else set()
    return bool(keys & NAME_KEYS) or len(keys & set(NAME_PARTS)) > 1


def are_alike(inner: dict[str, Any]) -> bool:
    """Whether mappings have two keys in common that a vehicle's record has: each is a record."""
    keys = [{normal_key(key) for key in value} for value in inner.values() if isinstance(value, dict)]
    common = set[str].intersection(*keys) if len(keys) > 1 else set[str]()
    return sum(bool(find_field(key)) or key in NAME_PARTS or key in NAME_KEYS for key in common) > 1


def is_part(own: dict[str, Any], inner: dict[str, Any]) -> bool:
    """Whether a mapping within another holds fields of the same record: that of a whole record would have a name."""
    keys = {normal_key(key) for key in inner}
    own_name = {normal_key(key) for key in own} & NAME_KEYS
    return bool(own or keys & set(NAME_PARTS)) and not (is_named(inner) and own_name)


def flatten(parent: str, value: dict[str, Any], depth: int = 0) -> Iterator[tuple[str, str]]:
    """The fields of nested mappings; a key that says nothing alone is told with the one above it."""
    for key, some in value.items():
        if isinstance(some, dict) and depth < 4:
            yield from flatten(key, some, depth + 1)
        elif isinstance(some, str):
            label, above = normal_key(key), normal_key(parent)
            together = f"{above} {label}"
            if not find_field(label) and find_field(together):
                label = together
            yield label if find_field(label) else key, some


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
        attributes = {key: value for key, _, value in ATTRIBUTE.findall(tag[2])}
        name = next((value for key, value in attributes.items() if key.casefold() in PAIR_KEYS), "")
        if name and find_field(normal_key(name)) and tag[3].strip():
            fields.append((name, tag[3].strip()))
            continue
        fields += flatten(tag[1], {key: value for key, value in attributes.items() if key != "unit"})
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
