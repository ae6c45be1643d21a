"""Passages: what a knowledge base consists of, and the exact keys by which one is found."""

import re
from typing import NamedTuple

from pipelines.core.files import digest

TROUBLE_CODE = re.compile(r"\b([pbcu])[\s-]?(o|\d)([0-9a-f]{3})\b", re.IGNORECASE)  # P0420, p 0420, P-0420, po420
VIN = re.compile(r"\b[A-HJ-NPR-Z0-9]{17}\b", re.IGNORECASE)
PART_NUMBER = re.compile(r"\b(?=(?:[A-Z-]*\d){3})[A-Z0-9]+(?:-[A-Z0-9]+)+\b", re.IGNORECASE)  # 11-0042-A, FL-500S
SHORT_NUMBERS = re.compile(r"\d{1,4}(?:-\d{1,4})+")  # a date, a range or a telephone number, and no part number
SAFETY = re.compile(
    r"\b(stop driving|do not drive|don't drive|not be driven|unsafe to drive|recall(ed|s)?|brak(e|es|ing)|oil pressure|"
    r"overheat(s|ed|ing)?|steering (fails?|loss|lost)|fuel leak|fire|airbags?|high voltage|danger|warning:)\b",
    re.IGNORECASE,
)
TITLE_JOINT = " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "  # between a document's name and its headings


class Passage(NamedTuple):
    """A text that an answer can cite; it stands for itself, with the name of what it is about."""

    id: str  # stable while the text is corrected or its document replaced: code_guide:P0420, manual.pdf#brakes:2
    text: str
    title: str  # of a document: its name and the headings above the text
    source: str  # elm327obd:dtc_guide.toml, or the document's name
    page: int = 0  # of a document with pages, from 1
    keys: tuple[str, ...] = ()  # code:P0420, vehicle:2021:honda:civic, vin:…, part:110042A
    safety_critical: bool = False  # it may only be quoted, never put into other words
    since: str = ""  # the day from which it holds, ISO 8601: of two that contradict each other the newer counts

    @property
    def headings(self) -> str:
        """What a document's passage stands below, without the document's name; empty if it has no headings."""
        return self.title.partition(TITLE_JOINT)[2]

    @property
    def digest(self) -> str:
        """SHA-256 of all that it says; 64 hex digits."""
        return digest(list(self))


def is_safety_critical(text: str) -> bool:
    """Whether a text speaks of what can hurt somebody: brakes, oil pressure, overheating, recalls, not to drive."""
    return SAFETY.search(text) is not None


def text_keys(text: str) -> tuple[str, ...]:
    """The exact keys that stand in a text, of a passage or of a question: trouble codes, VINs, part numbers."""
    codes = [code_key(match[1] + match[2] + match[3]) for match in TROUBLE_CODE.finditer(text)]
    vins = [vin_key(vin) for vin in VIN.findall(text) if re.search(r"\d", vin) and re.search(r"[A-Za-z]", vin)]
    parts = [
        part_key(part) for part in PART_NUMBER.findall(text) if not SHORT_NUMBERS.fullmatch(part) and len(part) >= 6
    ]
    codes_as_parts = {f"part:{code.removeprefix('code:')}" for code in codes}  # P-0420
    return tuple(dict.fromkeys(key for key in [*codes, *vins, *parts] if key not in codes_as_parts))


def code_key(code: str) -> str:
    """code:P0420; the letter o as the second character is a zero."""
    code = code.upper()
    return f"code:{code[0]}{code[1].replace('O', '0')}{code[2:]}"


def vin_key(vin: str) -> str:
    """The pattern of a VIN: maker, vehicle and model year, without check digit, plant and serial number."""
    return f"vin:{vin[:8].upper()}{vin[9].upper()}"


def part_key(number: str) -> str:
    """A part number without its hyphens."""
    return f"part:{re.sub('[^A-Za-z0-9]', '', number).upper()}"


def vehicle_key(year: int | str, make: str, family: str) -> str:
    """vehicle:2021:honda:civic; make and family as one word each, F-150 as f150."""
    return f"vehicle:{year}:{as_word(make)}:{as_word(family)}"


def as_word(name: str) -> str:
    """A name in lower case, letters and digits alone: Mercedes-Benz → mercedesbenz."""
    return re.sub(r"[\W_]+", "", name.casefold())
