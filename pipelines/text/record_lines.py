"""One line of a record: its name, and its fields between ` | `, each with its name before its value."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pipelines.text.field_names import LAYOUTS, VALUES, find_field, is_value, lay_out_field, lay_out_phrase
from pipelines.text.specifications import FORMS, SPELLED, Specification, find_specifications

Fields = list[tuple[str, str]]  # name and value

SEPARATOR = " | "
NAME_KEYS = frozenset(
    {
        "vehicle",
        "name",
        "car",
        "part",
        "title",
        "item",
        "auto",
        "description",
        "v",
        "veh",
        "n",
        "unit name",
        "fahrzeug",
        "car name",
    }
)
NAME_PARTS = {  # key → the part of a vehicle's name that it holds, in their order
    **dict.fromkeys(("year", "yr", "jahr", "vyr", "model year", "bj", "baujahr", "y", "mod year"), "year"),
    **dict.fromkeys(("my",), "model year"),
    **dict.fromkeys(("make", "mk", "marke", "make name", "manufacturer", "mfr", "vmk"), "make"),
    **dict.fromkeys(("brand",), "brand"),
    **dict.fromkeys(("model", "mdl", "md", "modell", "model name", "vmd", "make model", "make/model"), "model"),
    "trim": "trim",
}
PARTS_IN_ORDER = ("year", "model year", "make", "brand", "model", "trim")
ARROWS = re.compile(r"^[\s:>,;-]*(?:<-|->|=>|<=)?[\s:>,;]*|[\s]*(?:<-|->|=>|<=|--)\s*$")
MAX_VALUE = 60  # characters of a field's value
MIN_READ = 0.6  # share of a part's letters and digits from which it holds nothing but specifications
YEAR = re.compile(r"\b(?:19|20)\d\d\b")
YES_NO = {"y": "turbocharged", "yes": "turbocharged", "true": "turbocharged"} | dict.fromkeys(
    ("n", "no", "false"), "naturally aspirated"
)
CODES = {"na", "a", "m", "at", "mt", "t"}  # of values, in files
SPECIFIED = {*FORMS, "city", "highway", "combined"}
SEVERAL = {
    "mpg",
    "fuel economy",
    "economy",
    "mileage",
    "powertrain",
    "specs",
    "gas mileage",
    "epa",
    "epa mpg",
    "consumption",
}
KNOWN = tuple(f"{name} " for name in LAYOUTS)


class PastedRecords(NamedTuple):
    """A message, taken apart."""

    question: str
    records: list[str]
    asking: str = ""  # the question without the sentences that state the records, where they do

    @property
    def message(self) -> str:
        """The question, and below it a record a line."""
        return "\n".join(part for part in (self.question, *self.records) if part)


def lay_out_parts(parts: list[str]) -> str:
    """One record of fields that are written without a sign between name and value; the first part is its name."""
    return SEPARATOR.join([parts[0], *(field for part in parts[1:] for field in lay_out_part(part))])


def lay_out_part(part: str) -> list[str]:
    """The field or fields that a part of a list holds: `6-spd manual` holds two."""
    laid_out = lay_out_phrase(part)
    if laid_out != part or is_laid_out(part) or len(part) > MAX_VALUE:
        return [laid_out]
    readings = find_specifications(part)
    read = {place for each in readings for place in range(each.start, each.end) if part[place].isalnum()}
    if not readings or ": " in part or len(read) < MIN_READ * sum(map(str.isalnum, part)):
        return [part]
    return list(dict.fromkeys(map(lay_out, readings)))


def lay_out_value(key: str, value: str) -> list[str]:
    """The field or fields of a key and its value: `engine: 5.3 L V8` are two.

    Args:
        key: in lower case, with spaces between words.
    """
    if key == "turbo" and value.casefold() in YES_NO:
        return [f"aspiration {YES_NO[value.casefold()]}"]
    name = find_field(key)
    if name in ("aspiration", "transmission") and value.casefold() in CODES:
        return [f"{name} {SPELLED[value.casefold()]}"]
    marked = f"trans:{value}" if name == "transmission" else f"{key}: {value}"
    readings = find_specifications(marked) if re.search(r"\d", value) else []
    plain = name in VALUES and is_value(name, value)
    if (name in SPECIFIED or key in SEVERAL) and readings and not plain:
        return list(dict.fromkeys(map(lay_out, readings)))
    return [lay_out_field(key, value)]


def lay_out(each: Specification) -> str:
    """A specification as a record shows it."""
    return LAYOUTS[each.field].format(each.value)


def is_laid_out(field: str) -> bool:
    """Whether a field of a record has a name that is known."""
    return field.startswith(KNOWN)


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
            parts[NAME_PARTS[label]] = text
        elif label in NAME_KEYS and not name:
            name = text
        else:
            rest += lay_out_value(label, text)
    spelled = " ".join(parts[part] for part in PARTS_IN_ORDER if part in parts)
    if parts and not (name and spelled in name):
        if len(parts) == 1 and name and "model" in parts:
            rest.insert(0, f"model {spelled}")
        else:
            name = f"{name} {spelled}".strip()
    return SEPARATOR.join(part for part in (name, *rest) if part)


def normal_key(key: str) -> str:
    """A field's name in lower case, with spaces for underscores."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_\s]+", " ", key.strip(" \"'*"))
    return " ".join(spaced.casefold().split())


def pasted(rest: list[str], records: list[str]) -> PastedRecords | None:
    """What is left of a message is its question; None if there is no record of two fields."""
    records = [record for record in records if record]
    if not any(SEPARATOR in record for record in records):
        return None
    lines = [line for part in rest for line in part.split("\n")]
    return PastedRecords(" ".join(text for line in lines if (text := ARROWS.sub("", line).strip())), records)
