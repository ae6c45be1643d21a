"""Fields of vehicles' records that a sentence states, and those that an answer states.

A person writes `it gets 16 mpg in the city and 22 on the highway`; below such a message its fields are shown once more
as a record, so that a small model finds them. And an answer that names a field (`Its number of gears is 6.`) is checked
against the records: a 6 of another field does not support it.
"""

import re
from collections.abc import Iterable

from pipelines.text.field_names import LAYOUTS, NAMES

NAME = re.compile(
    r"\b(?:19|20)\d\d(?: [A-Z][\w-]*\d*| \d{1,4}[A-Za-z]{0,3}\b(?!\s*(?:mpg|city|hwy|l\b|cyl)))(?: [A-Z0-9][\w-]*){0,4}"
)
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+|;\s+|\s[-\u2013\u2014]+\s")
CLAUSE = re.compile(
    SENTENCE.pattern + r"|[:,]\s+(?=(?:so )?(?:what|which|how|is|does|do|can|could|tell|give|need|please|pls|whats)\b)",
    re.IGNORECASE,
)  # a sentence, or the part of one that asks
ASKS = re.compile(
    r"\?|^\W*(?:(?:hi|hello|hey|so|and|ok)\W+)?"
    r"(?:what|which|how|is|does|do|can|could|has|where|when|who|tell|give|need|please|whats)\b|"
    r"\b(?:pls|plz|please)\b",
    re.IGNORECASE,
)
COUNTS = dict(
    zip(["three", "four", "five", "six", "eight", "ten", "twelve"], ["3", "4", "5", "6", "8", "10", "12"], strict=True)
)
CITY, HIGHWAY = r"(?:city|town|urban)\b", r"(?:highway|hwy|freeway|motorway|interstate|open road)\b"
COMBINED = r"(?:combined|comb|overall|on average)\b"
MPG = r"(?:\s*(?:mpg|miles per gallon))?\s*(?:in|on|for)?\s*(?:the\s+)?"
STATED = {  # field → what states its value; the first group that matches is the value
    "city": rf"\b(\d\d){MPG}{CITY}|\b{CITY}(?:\s+(?:is|of|at|mpg|mileage|rating))*:?\s+(\d\d)\b",
    "highway": rf"\b(\d\d){MPG}{HIGHWAY}|\b{HIGHWAY}(?:\s+(?:is|of|at|mpg|mileage|rating))*:?\s+(\d\d)\b",
    "combined": rf"\b(\d\d){MPG}{COMBINED}|\b(?:combined|averages)\b(?:\s+(?:is|of|at|mpg|rating))*:?\s+(\d\d)\b",
    "displacement": r"\b(\d\.\d)[\s-]*(?:l|liters?|litres?)\b|\b(?:displacement(?: of)?:?|engine of)\s+(\d\.\d)\b",
    "cylinders": rf"\b(\d{{1,2}}|{'|'.join(COUNTS)})[\s-]*cyl(?:inders?|s)?\b|\bcyl(?:inders?)?:?\s+(\d{{1,2}})\b",
    "gears": r"\b(\d{1,2})[\s-]*(?:forward )?(?:gears?|speeds?)\b|\bgears:?\s+(\d{1,2})\b",
    "aspiration": r"\b(naturally aspirated|turbocharged|supercharged)\b",
    "drive": r"\b((?:front|rear|all|four|part-time four)[\s-]wheel|[fra4]wd|4x4)\b",
    "transmission": r"\b(automatic|manual|cvt|continuously variable)\b",
}
PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in STATED.items()}
YEAR = re.compile(r"\b(?:19|20)\d\d\b")
MIN_STATED = 2  # fields that make a record
ANSWER = re.compile(r"\bIts ([a-z][a-z ]*?) is ([^.]+(?:\.\d[^.]*)?)\.", re.IGNORECASE)
ANSWERED = {  # how the kits' answers name a field
    "number of cylinders": "cylinders",
    "number of gears": "gears",
    "engine displacement": "displacement",
    "engine aspiration": "aspiration",
    "city fuel economy": "city",
    "highway fuel economy": "highway",
    "combined fuel economy": "combined",
}


def find_stated_records(message: str) -> list[str]:
    """The records that the sentences of a message state, a name and two fields each at least; its questions state none.

    >>> find_stated_records("The 2021 Kia Rio gets 33 mpg in the city and 41 on the highway. Gears?")
    ['2021 Kia Rio | city 33 mpg | highway 41 mpg']
    """
    statements = " ".join(text for text in CLAUSE.split(message) if not ASKS.search(text))
    names = list(NAME.finditer(statements))
    records = []
    if not names:  # a clause without a name may only tell apart what the question is about; a sentence states more
        sentences = " ".join(text for text in SENTENCE.split(message) if not ASKS.search(text))
        fields = find_fields(sentences if YEAR.search(statements) else statements)
        return [" | ".join(["this vehicle", *fields])] if len(fields) >= MIN_STATED else []
    for place, name in enumerate(names):
        end = names[place + 1].start() if place + 1 < len(names) else len(statements)
        fields = find_fields(statements[name.end() : end] if len(names) > 1 else statements.replace(name[0], " "))
        if len(fields) >= MIN_STATED:
            records.append(" | ".join([name[0], *fields]))
    return records


def find_asking(message: str) -> str:
    """The sentences of a message that ask; if none does, those that state no field; the whole message if all do."""
    sentences = SENTENCE.split(message)
    asking = [text for text in sentences if ASKS.search(text)]
    asking = asking or [text for text in sentences if not find_fields(text)]
    return " ".join(" ".join(asking or [message]).split())


def find_fields(text: str) -> list[str]:
    """The fields that a text states once, in their order, as records show them."""
    fields_by_place: dict[int, str] = {}
    for name, pattern in PATTERNS.items():
        matches = list(pattern.finditer(text))
        values = [next(group for group in match.groups() if group) for match in matches]
        if len({value.lower() for value in values}) == 1:
            value = COUNTS.get(values[0].lower(), values[0])
            fields_by_place[matches[0].start()] = LAYOUTS[name].format(value)
    return [fields_by_place[at] for at in sorted(fields_by_place)]


def find_unsupported_fields(answer: str, records: Iterable[str]) -> list[str]:
    """The fields that an answer states and no record of fields does: their names; empty if there is no such record.

    >>> find_unsupported_fields("Its number of gears is 6.", ["2012 Kia Sorento | cylinders 6 | city 18 mpg"])
    ['gears']
    """
    lines = [line for record in records for line in record.splitlines() if " | " in line]
    fields = [field.lower() for line in lines for field in line.split(" | ")[1:]]
    stated = [(ANSWERED.get(name.lower(), name.lower()), value) for name, value in ANSWER.findall(answer)]
    return [
        name
        for name, value in stated
        if fields and (name in LAYOUTS or name in NAMES) and not any(supports(field, name, value) for field in fields)
    ]


def supports(field: str, name: str, value: str) -> bool:
    """Whether a record's field, in lower case, has this name and value, whatever the unit."""
    bare = re.sub(r"\s*(?:mpg|l)$", "", value.lower().strip())
    return name in field and re.search(rf"(?<![\w.]){re.escape(bare)}(?![\w]|\.\d)", field) is not None
