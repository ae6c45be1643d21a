"""Specifications of a vehicle, read by their form wherever they stand: `22/29/25`, `6-spd manual`, `2.0T 4cyl`.

People copy window stickers, listings and notes in which no field has a name, so that a value tells by its form what it
is. Which field a number beside `city` or `hwy` belongs to follows from the whole text: who writes `22 city` does so for
all of its numbers.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

COUNTS = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "ten": "10", "twelve": "12",
}  # fmt: skip
COUNT = rf"(?:\d{{1,2}}|{'|'.join(COUNTS)})"
DIGITS = {
    "zero": "0", "oh": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9",
}  # fmt: skip
NUMBERS = {
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
}  # fmt: skip
POINT = re.compile(rf"\b({'|'.join(DIGITS)}) point ({'|'.join(DIGITS)})\b", re.IGNORECASE)
TENS = re.compile(
    rf"\b({'|'.join(NUMBERS)})(?:[ -]({'|'.join(DIGITS)}))?\b(?![ -]?(?:bucks|dollars|minutes|years?))", re.IGNORECASE
)
ECONOMY_LABELS = {
    "city": r"(?:in[- ]|around )?(?:city|cty|town|twn|urban)|stadt|ville|ciudad|innerorts",
    "highway": r"highway|hwy|hiway|hiwy|freeway|motorway|interstate|(?:open )?road|country|autobahn|route|carretera"
    r"|au(?:ss|\u00df)erorts",
    "combined": r"combined|comb|cmb|combi|combo|overall|averages?|avg|mixed|mix|mixte|kombi(?:niert)?|gesamt|combinado",
}
ECONOMY_LABEL = re.compile(
    "|".join(rf"(?P<{name}>(?<![a-z])(?:{words})\b\.?)" for name, words in ECONOMY_LABELS.items()), re.IGNORECASE
)
ECONOMY_NUMBER = re.compile(
    r"(?<![\w.,$#-])(?<!\d/)\d{1,3}(?=mpg\b|(?!\w|\s?/\s?\d|-\d|[.,]\d| ?(?:k|mi|miles(?! (?:per|to|a)\b)|hp|kwh|cyl"
    r"|gears?|speed)\b))",
    re.IGNORECASE,
)
AFTER_LABEL = re.compile(
    r"(?:\s|[:=]|\.{2,}|\u2192|->|\bmpg|mileage|rating|rated|economy|fuel|miles per gallon|is|was|of|at|about|gets"
    r"|figure|number)*",
    re.IGNORECASE,
)
BEFORE_LABEL = re.compile(
    r"(?:\s|-|\(|mpg|m\.p\.g\.?|miles|\w+ per gallon|to the gallon|a gallon|in|on|for|the|works? out to|driving)*",
    re.IGNORECASE,
)
SLASHED = re.compile(
    r"(?<![\w./$-])(?P<city>\d{1,2})\s?[/|]\s?(?P<highway>\d{1,2})(?:\s?[/|]\s?(?P<combined>\d{1,2}))?"
    r"(?![\w]|\s?[/|]\s?\d|-\d|\.\d)"
)
LISTED = re.compile(r"[(\[]\s?(?P<city>\d\d), ?(?P<highway>\d\d), ?(?P<combined>\d\d)\s?[)\]]")
DASHED = re.compile(r"(?<![\w./,$-])(?P<city>\d\d)-(?P<highway>\d\d)-(?P<combined>\d\d)(?![\w/-]|[.,]\d)")
IN_ORDER = re.compile(
    r"(?<![\w./,$-])(?P<city>\d\d)(?P<mark>[ ,;-]+)(?P<highway>\d\d)(?:(?P=mark)(?P<combined>\d\d))?(?![\w/,.-]*\d|\w)"
)  # where the text says the order
ORDER = re.compile(
    r"\b(?:city|cty|town|c)\W{1,3}(?:hwy|highway|road|h)(?:\W{1,3}(?:comb\w*|cmb|mixe?d?|both|avg|average|m|x)\b)?",
    re.IGNORECASE,
)
SUFFIXED = re.compile(
    r"(?<![\w.])(?P<city>\d\d)c[ ,/]+(?P<highway>\d\d)h\b(?:[ ,/]+(?P<combined>\d\d) ?"
    r"(?:comb|cmb|avg|mix|cb|m|x|a)?\b)?",
    re.IGNORECASE,
)
LETTERED = re.compile(
    r"\bc\s?(?P<city>\d\d)[ ,/]+h\s?(?P<highway>\d\d)\b(?:[ ,/]+(?:x|cb|cmb|comb)\s?(?P<combined>\d\d)\b)?",
    re.IGNORECASE,
)
AUTOMATIC = r"automatic|automatik|autom?|pdk|dct|dsg"
MANUAL = r"manual|stick(?:[ -]shift)?|man|schaltgetriebe|handschaltung"
AFTER_MARK = r"(?:(?<=[,|/(;\t] )|(?<=trans )|(?<=trans[:=])|(?<=[,|;\t~:]))"  # M6 is a gearbox there, no BMW
FORMS = {  # field → forms of its value; the first group that matches is the value
    "displacement": (
        r"(?<![\w.,$/])(\d[.,]\d)(?:\s?-?\s?(?:l|lt|liters?|litres?|ltr)\b)",
        r"(?<![\w.,$/])(\d)\s?-?(?:l|liters?|litres?)\b",
        r"(?<![\w.,$/-])(\d\.\d)(?:t|td|tdi)?\b(?![.,]?\d|\s?(?:mi|mpg|k|in|inch|hours?|percent|stars?|out)\b|%)",
        r"\b(?:displ?|displacement|engine size|hubraum)[\s:=]+(\d[.,]\d)\b",
    ),
    "cylinders": (
        r"(?<![\w-])[vwi]-?(\d\d?)\b",
        r"\b(?:inline|straight|flat|boxer|v)[ -](\d\d?|four|six|eight|ten|twelve)\b(?! ?-?(?:speed|spd|wheel|door))",
        rf"(?<![\w.])({COUNT})[\s-]*(?:cyls?|cylinders?|cilindros|zylinder)\b",
        r"\b(?:cyls?|cylinders?|zylinder)\.?[\s:=]+(\d\d?)\b(?!\.\d)",
        r"\b(?:turbo(?:charged)?|liters?|litres?|\d\.\d(?: ?l)?) (three|four|five|six|eight)\b"
        r"(?!-? ?(?:wheel|speed|door|gear))",
    ),
    "gears": (
        rf"(?<![\w.])({COUNT})[\s-]*(?:forward )?(?:gears?|speeds?|spd|sp|velocidades|g\u00e4nge|gang)\b",
        r"(?<![\w.])([4-9]|10)(?:mt|at|m|a)\b(?! ?\d(?!wd|x4))",
        rf"\b(?:{AUTOMATIC}|{MANUAL}|cvt)(?:,| ?\(| w/| with|-|/)? ?([4-9]|10)\b\)?"
        r"(?![./\d-]|,\d| ?(?:mpg|cyl|l\b|liters?|doors?|k\b|mi))",
        rf"{AFTER_MARK}[am]([4-9]|10)\b",
        r"\b(?:gears?|speeds|grs|no gears)[\s:=]+(\d\d?)\b(?![./]\d| (?:mpg|city|hwy))",
    ),
    "transmission": (
        rf"(?<!owner's )(?<!owners )\b({AUTOMATIC}|{MANUAL}|cvt|continuously[ -]variable|stepless|dual[ -]clutch)"
        r"(?=\d?\b)(?! (?:says|states|lists))",
        r"(?<![\w.])(?:[4-9]|10)(mt|at|m|a)\b(?! ?\d(?!wd|x4))",
        rf"{AFTER_MARK}([am])(?:[4-9]|10)\b",
    ),
    "drive": (
        r"\b((?:part[- ]time )?(?:front|rear|all|four|two|4|2)[- ]?wheel)s?\b",
        r"\b([fra4]wd|2wd|4x4|4x2|(?:front|rear|all-?wheel)(?= drive\b)|allrad|frontantrieb|heckantrieb)\b",
        r"\b(?:drive|traction|drivetrain|antrieb)[\s:=]+(front|rear|all|four)\b",
    ),
    "aspiration": (
        r"\b(naturally[ -]aspirated|non-turbo|(?:no|without an?|not) (?:turbo(?:charger)?|blower|supercharger)\w*)\b",
        r"\b((?:(?:twin|bi|single)[ -]?)?turbo(?:charged|charger)?|super-?charge[dr]|blower|saugmotor|tt)\b",
        r"(?<![\w.,])\d\.\d(t|td|tdi)\b",
        r"(?-i:(?<=[,|/;] )(NA)\b)|(?-i:(?<=CYL )(NA)\b)|(?-i:(?<=cyl )(NA)\b)",
    ),
}  # fmt: skip
PATTERNS = [(name, re.compile(form, re.IGNORECASE)) for name, forms in FORMS.items() for form in forms]
SPELLED = {  # how a value is shown
    **dict.fromkeys(
        ("auto", "autom", "automatik", "at", "a", "pdk", "dct", "dsg", "dual clutch", "dual-clutch"), "automatic"
    ),
    **dict.fromkeys(
        ("stick", "stick shift", "stick-shift", "man", "mt", "m", "schaltgetriebe", "handschaltung"), "manual"
    ),
    **dict.fromkeys(("cvt", "stepless", "continuously-variable"), "continuously variable"),
    **dict.fromkeys(("fwd", "front", "front wheel", "frontantrieb"), "front-wheel"),
    **dict.fromkeys(("rwd", "rear", "rear wheel", "heckantrieb"), "rear-wheel"),
    **dict.fromkeys(("awd", "all", "all wheel", "allrad"), "all-wheel"),
    **dict.fromkeys(("4wd", "4x4", "four", "four wheel", "4", "4 wheel", "4-wheel"), "four-wheel"),
    **dict.fromkeys(("2wd", "4x2", "two wheel", "2 wheel", "2-wheel"), "two-wheel"),
    **dict.fromkeys(("turbo", "t", "td", "tdi", "turbocharger"), "turbocharged"),
    **dict.fromkeys(("supercharger", "super-charged", "blower"), "supercharged"),
    **dict.fromkeys(("na", "saugmotor", "non-turbo", "naturally-aspirated"), "naturally aspirated"),
}  # fmt: skip
SPELLED_FIELDS = {"transmission", "drive", "aspiration"}
WITHOUT = re.compile(r"(?:no|not|without an?) ")
RANGES = {"city": (5, 150), "highway": (5, 150), "combined": (5, 150), "cylinders": (2, 16), "gears": (1, 10)}
BESIDE = 3  # characters at most between `turbo` and the value or mark beside it: in a name it says nothing
MARK_BEFORE, MARK_AFTER = re.compile(r"(?:^|[,|/;:(\t\n-])\s*$"), re.compile(r"^\s*(?:[,|/;)\t\n]|$)")


class Specification(NamedTuple):
    """A value at a place of a text."""

    start: int
    end: int
    field: str  # as LAYOUTS has it: city, displacement
    value: str


def spell_numbers(text: str) -> str:
    """A dictated text with its numbers in digits: `five point three V8, twenty-three highway`."""
    text = POINT.sub(lambda match: f"{DIGITS[match[1].lower()]}.{DIGITS[match[2].lower()]}", text)
    return TENS.sub(
        lambda match: str(NUMBERS[match[1].lower()] + int(DIGITS.get((match[2] or "zero").lower(), "0"))), text
    )


def find_specifications(text: str) -> list[Specification]:
    """The specifications of a text, in its order; where two readings share characters, the longer one.

    >>> [(each.field, each.value) for each in find_specifications("1.6T 6MT FWD 25/32/28")][:4]
    [('displacement', '1.6'), ('aspiration', 'turbocharged'), ('gears', '6'), ('transmission', 'manual')]
    """
    readings = [*find_economy(text), *find_by_form(text)]
    readings = [each for each in readings if is_possible(each)]
    return sorted(set(drop_overlapping(stand_beside(readings, text))))


def find_by_form(text: str) -> Iterator[Specification]:
    """What has the form of a value; one phrase can hold two: `6-spd manual`, `1.6T`."""
    for name, pattern in PATTERNS:
        for match in pattern.finditer(text):
            group = next(n for n, value in enumerate(match.groups(), 1) if value)
            value = " ".join(match[group].lower().split())
            if WITHOUT.match(value):
                value = "naturally aspirated"
            value = (SPELLED if name in SPELLED_FIELDS else COUNTS).get(value, value).replace(",", ".")
            yield Specification(*match.span(), name, value.replace(" wheel", "-wheel"))


def find_economy(text: str) -> Iterator[Specification]:
    """Fuel economy in miles per gallon: numbers beside their labels, between slashes or behind letters."""
    patterns = (SLASHED, DASHED, LISTED, LETTERED, SUFFIXED, *([IN_ORDER] if ORDER.search(text) else []))
    for pattern in patterns:
        for match in pattern.finditer(text):
            if pattern is DASHED and is_date(*map(int, match.groups())):
                continue
            for name, value in match.groupdict().items():
                if value and name in ECONOMY_LABELS:
                    yield Specification(*match.span(name), name, value)
    numbers = [(match.start(), match.end()) for match in ECONOMY_NUMBER.finditer(text)]
    labels = [(match.start(), match.end(), str(match.lastgroup)) for match in ECONOMY_LABEL.finditer(text)]
    ends, starts = {end: start for start, end in numbers}, dict(numbers)
    before, after = {}, {}
    for label in labels:
        gap = next((n for n in range(label[0], max(label[0] - 30, -1), -1) if n in ends), None)
        if gap is not None and BEFORE_LABEL.fullmatch(text[gap : label[0]]):
            before[label] = (ends[gap], gap)
        gap = next((n for n in range(label[1], min(label[1] + 30, len(text)) + 1) if n in starts), None)
        if gap is not None and AFTER_LABEL.fullmatch(text[label[1] : gap]):
            after[label] = (gap, starts[gap])
    first, second = (before, after) if len(before) > len(after) else (after, before)
    if len(before) == len(after) and labels and labels[0] in before:
        first, second = before, after
    taken = set(first.values())
    for label in labels:
        place = first.get(label) or (second.get(label) if second.get(label) not in taken else None)
        if place:
            yield Specification(min(place[0], label[0]), max(place[1], label[1]), label[2], text[slice(*place)])


def is_date(first: int, second: int, third: int) -> bool:
    """Whether numbers between hyphens may be a day, and are no city, highway and combined mileage in any case.

    >>> is_date(19, 27, 22), is_date(12, 25, 21), is_date(19, 27, 35)
    (False, True, True)
    """
    return min(first, second) <= 12 or not first <= third <= second


def is_possible(reading: Specification) -> bool:
    """Whether a value is one that its field can have."""
    low, high = RANGES.get(reading.field, (0, 0))
    return not high or (reading.value.isdigit() and low <= int(reading.value) <= high)


def stand_beside(readings: list[Specification], text: str) -> list[Specification]:
    """Without a `Turbo` that is part of a name: it stands beside other values, or between marks."""
    others = [(each.start, each.end) for each in readings if each.field != "aspiration"]

    def is_beside(each: Specification) -> bool:
        near = any(
            0 <= each.start - end <= BESIDE or 0 <= start - each.end <= BESIDE or (start <= each.start < end)
            for start, end in others
        )
        return near or bool(MARK_BEFORE.search(text[: each.start]) and MARK_AFTER.search(text[each.end :]))

    return [each for each in readings if each.value != "turbocharged" or is_beside(each)]


def drop_overlapping(readings: Iterable[Specification]) -> Iterator[Specification]:
    """Of readings of one field that share characters, the longest."""
    kept: list[Specification] = []
    for each in sorted(readings, key=lambda each: (each.start - each.end, each.start)):
        clash = any(each.start < other.end and other.start < each.end and other.field == each.field for other in kept)
        inside = each.field in ("city", "highway", "combined") and any(
            other.start <= each.start
            and each.end <= other.end
            and other.field != each.field
            and other.field not in ("city", "highway", "combined")
            for other in kept
        )
        if not clash and not inside:
            kept.append(each)
            yield each
