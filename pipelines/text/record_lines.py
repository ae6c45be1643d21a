"""One line of a record: its name, and its fields between ` | `, each with its name before its value."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pipelines.text.field_names import lay_out_field, lay_out_phrase

Fields = list[tuple[str, str]]  # name and value

SEPARATOR = " | "
NAME_KEYS = frozenset({"vehicle", "name", "car", "part", "title", "item", "auto", "description", "v"})
NAME_PARTS = ("year", "model year", "my", "make", "brand", "model", "trim")

ARROWS = re.compile(r"^[\s:>,;-]*(?:<-|->|=>|<=)?[\s:>,;]*|[\s]*(?:<-|->|=>|<=|--)\s*$")
MAX_VALUE = 60  # characters of a field's value
YEAR = re.compile(r"\b(?:19|20)\d\d\b")


class PastedRecords(NamedTuple):
    """A message, taken apart."""

    question: str
    records: list[str]

    @property
    def message(self) -> str:
        """The question, and below it a record a line."""
        return "\n".join(part for part in (self.question, *self.records) if part)


def lay_out_parts(parts: list[str]) -> str:
    """One record of fields that are written without a sign between name and value; the first part is its name."""
    return SEPARATOR.join([parts[0], *map(lay_out_phrase, parts[1:])])


def lay_out_all(fields: Fields) -> Iterator[str]:
    """Records of fields that follow one another; a key that comes again begins the next record."""
    current: Fields = []
    seen: set[str] = set()
    for key, value in fields:
        label = normal_key(key)
        label = "name" if label in NAME_KEYS else label  # whichever of them begins a record
        if label in seen:
            yield lay_out_fields("", current)
            current, seen = [], set()
        seen.add(label)
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
