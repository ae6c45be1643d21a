"""Fields of vehicles' records that the sentences of a message state, and those that an answer states.

A person writes `it gets 16 mpg in the city and 22 on the highway`, or copies a listing; below such a message its values
are shown once more as records, so that a small model finds them. And an answer that names a field (`Its number of gears
is 6.`) is checked against the records: a 6 of another field does not support it.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from pipelines.text.field_names import LAYOUTS, find_field
from pipelines.text.specifications import Specification, find_specifications

SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+|;\s+|\s[-\u2013\u2014]+\s")
ASKING = r"what|whats|what's|which|how|hows|tell|give|need|who|where|wat|waht"  # wherever they stand
VERBS = r"(?:is|does|do|can|could|has)"  # where a sentence begins with them
SUBJECTS = r"(?:it|this|that|these|the|there|she|he|they|you|i|my|his|her|anyone)"
CLAUSE_WORDS = rf"{ASKING}|(?!has th){VERBS} {SUBJECTS}"  # where a clause begins with them
CLAUSE = re.compile(
    rf"{SENTENCE.pattern}|[:,.]\s+(?=(?:so |ok )?(?:{CLAUSE_WORDS})\b|and (?:what|which|how)\b)", re.IGNORECASE
)  # between sentences, and before the part of one that asks
ASKS = re.compile(
    r"\?|^\W*(?:(?:hi|hello|hey|so|and|ok)\W+)?"
    rf"(?:{ASKING}|{VERBS}|when)\b|\b(?:pls|plz|please|asking|asks|wondering|wants? to know)\b",
    re.IGNORECASE,
)
MAY_ASK = re.compile(rf"\b(?:{ASKING}|please|pls|plz|thx|thanks|list|want|show|pull)\b", re.IGNORECASE)
YEAR = re.compile(r"\b(?:19|20)\d\d\b|(?<!\w)'\d\d\b")
MAX_CHARS = 6000  # a longer message is a document, and no record
MIN_STATED = 2  # fields that make a record
MIN_ASKED = 3  # values from which a clause that asks states a record as well
LONG = 6  # words of a sentence from which its only value may be somebody's opinion
MAX_NAME = 60  # characters
NAME_MARKS = " \t\n,;:.()[]{}<>|/*#\u2022-\u2013\u2014\"'="
BEFORE_NAME = re.compile(
    r"^(?:and|or|but|so|then|a|an|the|of|this is|this|its|it's|is|with|for|[\w ]{1,20} is an?(?= .*\d\d))\s+",
    re.IGNORECASE,
)
AFTER_NAME = re.compile(
    r"[\s,]+(?:has|is|gets|with|a|an|does|it|its|rated|comes|the|in|mpg|at|engine|motor|of|that|which|and|eng|drive|"
    r"gives|does|we|took|on|trade|you|can|get|about|papers?|says?|book|runs|makes|mileage|by|powered)$",
    re.IGNORECASE,
)
NAME_AFTER = re.compile(r"((?:[\w-]+ ){0,4}(?:19|20)\d\d(?: [A-Z0-9][\w-]*){0,4})")
LABEL_BEFORE = re.compile(r"(?<=[(,;])[^(,;:=]*[:=]\s*$")  # of the first value: (gearbox: automatic
NO_NAME = re.compile(r"\b(?:an?|are|is|has|have|had|got|drives?|owns?|there's|one|and)\s+|\)\s*", re.IGNORECASE)
VERB = re.compile(r"(?<=\w) (?:has|is|gets|comes|does|runs)\b.*$", re.DOTALL)  # behind a name
OPEN_BRACKET = re.compile(r"\s*\(([^()]*)$")
CAPITALISED = re.compile(r"(?:the )?[A-Z0-9][\w-]*(?: [A-Z0-9][\w-]*)+")
THIS = "this vehicle"
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


class Clause(NamedTuple):
    """A sentence of a message, or the part of one that asks."""

    start: int
    end: int
    asks: bool
    introduces: bool  # it ends with a comma or colon before one that asks


class Statement(NamedTuple):
    """A record that a message states."""

    name: str
    values: tuple[Specification, ...]
    start: int  # of its name or first value

    @property
    def record(self) -> str:
        """The record as the kits' records are laid out."""
        fields = dict.fromkeys(LAYOUTS[each.field].format(each.value) for each in self.values)
        return " | ".join([self.name, *fields])


def find_statements(message: str) -> list[Statement]:
    """The records that the sentences of a message state, two fields each at least; its questions state none.

    >>> message = "The 2021 Kia Rio gets 33 mpg in the city and 41 on the highway. Gears?"
    >>> [statement.record for statement in find_statements(message)]
    ['2021 Kia Rio | city 33 mpg | highway 41 mpg']
    """
    if len(message) > MAX_CHARS:
        return []
    clauses = find_clauses(message)
    values = drop_asked(find_specifications(message), clauses)
    groups = part_records(message, drop_opinions(values, clauses, message))
    if len(groups) > 1:
        groups = part_records(message, drop_opinions(values, clauses, message, of_several=True))
    statements: list[Statement] = []
    end = 0
    while groups:
        group = groups.pop(0)
        start, name = find_name(message, end, group[0].start, clauses)
        if not name and (match := NAME_AFTER.search(message, group[-1].end)):  # 18 city, 27 highway for the 2021 Rio
            name = clean_name(match[1])
            if groups and match.end() <= groups[0][0].start + 1:
                group += groups.pop(0)
        if len({each.field for each in group}) >= MIN_STATED:
            statements.append(Statement(name or THIS, tuple(group), start))
        end = group[-1].end
    return statements


def find_clauses(message: str) -> list[Clause]:
    """The clauses of a message, in its order."""
    cuts = [0, *(match.end() for match in CLAUSE.finditer(message)), len(message)]
    spans = [(start, end, message[start:end]) for start, end in pairwise(cuts) if start < end]
    ask = [*(bool(ASKS.search(text)) for _, _, text in spans), False]
    return [
        Clause(start, end, ask[n], ask[n + 1] and text.rstrip().endswith((",", ":")))
        for n, (start, end, text) in enumerate(spans)
    ]


def drop_asked(values: Sequence[Specification], clauses: Iterable[Clause]) -> list[Specification]:
    """Without the values of clauses that only ask."""
    kept = []
    for clause in clauses:
        inside = [each for each in values if clause.start <= each.start < clause.end]
        if clause.introduces and len(inside) == 1:  # the one with the stick, what does it get
            continue
        kept += inside if not clause.asks or len({each.field for each in inside}) >= MIN_ASKED else []
    return kept


def drop_opinions(
    values: Sequence[Specification], clauses: Iterable[Clause], message: str, of_several: bool = False
) -> list[Specification]:
    """Without the only value of a long sentence that says something else than the others, or `of_several` vehicles."""
    kept = []
    for clause in clauses:
        inside = [each for each in values if clause.start <= each.start < clause.end]
        if len(inside) == 1 and len(message[clause.start : clause.end].split()) > LONG:
            others = {each.value for each in values if each.field == inside[0].field and each is not inside[0]}
            if len(values) > MIN_STATED and (of_several or others - {inside[0].value}):
                continue
        kept += inside
    return kept


def part_records(message: str, values: Sequence[Specification]) -> list[list[Specification]]:
    """Values, by the record that they are of: another begins with a year, or where a field has another value."""
    groups: list[list[Specification]] = []
    fields: dict[str, str] = {}
    for each in values:
        gap = message[groups[-1][-1].end : each.start] if groups else ""
        other = fields.get(each.field, each.value) != each.value
        again = each.field in fields and len(fields) > MIN_STATED and is_name(SENTENCE.split(gap)[-1])
        if not groups or (YEAR.search(gap) and len(fields) >= MIN_STATED) or other or again:
            groups.append([])
            fields = {}
        groups[-1].append(each)
        fields[each.field] = each.value
    return groups


def find_name(message: str, start: int, end: int, clauses: Iterable[Clause]) -> tuple[int, str]:
    """Where the name of a record begins that ends before its first value, and the name; empty if there is none."""
    pieces = []
    for clause in clauses:
        left, right = max(clause.start, start), min(clause.end, end)
        if left < right and re.search(r"\w", message[left:right]) and not (clause.asks and right < end):
            pieces.append((left, right))
    named = [piece for piece in pieces[-3:] if YEAR.search(message, *piece)]
    if pieces and is_name(message[slice(*pieces[-1])]):
        named = pieces[-1:]
    for left, right in reversed(named or pieces[-1:]):
        year = YEAR.search(message, left, right)
        if year:
            left = year.start() - len(find_owner(message[left : year.start()]))
        text = LABEL_BEFORE.sub("", message[left:right]).replace("\n", " ").strip(NAME_MARKS)
        if " " in text and not year and len(text.split()) > 8:
            return end, ""
        return left, clean_name(text)
    return end, ""


def is_name(text: str) -> bool:
    """Whether a piece of a message is a name by its form: words with a capital, or what stands before a colon."""
    bare = text.strip(NAME_MARKS)
    before_colon = text.rstrip().endswith(":") and len(bare.split()) <= 5 and not find_field(bare.rpartition(" ")[2])
    return bool(CAPITALISED.fullmatch(bare)) or before_colon


def find_owner(text: str) -> str:
    """What stands before a year and belongs to the name: `My wife's: Kia Rio`, `Big Bertha (`; up to four words."""
    tail = text[max((cut.end() for cut in NO_NAME.finditer(text)), default=0) :]
    return tail if len(tail.split()) <= 4 else ""


def clean_name(text: str) -> str:
    """A name without the words and marks around it."""
    if bracket := OPEN_BRACKET.search(text):
        text = f"{text[: bracket.start()]} {bracket[1] if YEAR.search(bracket[1]) else ''}"
    head, mark, label = text.rpartition(":")
    if mark and not re.search(r"[A-Z\d]", label):  # 2012 Audi R8: gearbox
        text = head
    text = VERB.sub("", text)
    while (bare := AFTER_NAME.sub("", BEFORE_NAME.sub("", text)).strip(NAME_MARKS)) != text:
        text = bare
    return " ".join(text.split())[:MAX_NAME]


def drop_statements(message: str, statements: Sequence[Statement]) -> str:
    """The message without the records that it states: what it asks."""
    spans = []
    for statement in statements:
        for clause in find_clauses(message):
            inside = [each for each in statement.values if clause.start <= each.start < clause.end]
            if inside or clause.start <= statement.start < clause.end:
                left = statement.start if clause.start <= statement.start < clause.end else inside[0].start
                right = max((each.end for each in inside), default=clause.end)
                spans.append((left, min(right, clause.end), clause))
    texts = []
    for clause in find_clauses(message):
        place, parts = clause.start, []
        for left, right, _ in sorted(span for span in spans if span[2] == clause):
            parts.append(message[place:left])
            place = max(place, right)
        parts.append(message[place : clause.end])
        if len(parts) == 1:
            texts += parts
        else:
            texts += [part for part in parts if clause.asks or MAY_ASK.search(part)]
    text = "\n".join(" ".join(part.split()) for part in texts if part.strip())
    return text if re.search(r"\w", text) else message


def find_asking(message: str) -> str:
    """The sentences of a message that ask; if none does, those that state no field; the whole message if all do."""
    sentences = SENTENCE.split(message)
    asking = [text for text in sentences if ASKS.search(text)]
    asking = asking or [text for text in sentences if not find_specifications(text)]
    return " ".join(" ".join(asking or [message]).split())


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
        if fields and find_field(name) and not any(supports(field, name, value) for field in fields)
    ]


def supports(field: str, name: str, value: str) -> bool:
    """Whether a record's field, in lower case, has this name and value, whatever the unit."""
    bare = re.sub(r"\s*(?:mpg|l)$", "", value.lower().strip())
    return name in field and re.search(rf"(?<![\w.]){re.escape(bare)}(?![\w]|\.\d)", field) is not None
