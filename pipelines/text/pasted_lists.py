"""Records that are pasted as lists: lines of short parts with one separator, or a part a line."""

import re

from pipelines.text.field_names import lay_out_phrase
from pipelines.text.record_lines import MAX_VALUE, SEPARATOR, YEAR, PastedRecords, lay_out_parts, pasted
from pipelines.text.specifications import find_specifications

PLAIN_SEPARATORS = (
    *(SEPARATOR, " || ", "\t", " / ", " // ", " > ", " -- ", " - ", " * ", " ~ ", " + ", " :: "),
    *(" \u00b7 ", " \u2022 ", " \u2013 ", " \u2014 ", "; ", ", "),
)
ASKS = re.compile(
    r"\?|^(?:what|which|how|is|does|do|can|could|has|where|when|who|tell|give|need|please|pls|just|only)\b|"
    r"\b(?:pls|plz|please|thanks|thx)\b",
    re.IGNORECASE,
)
ASKS_IN_FIELDS = re.compile(r"\?|\b(?:pls|plz|please)\b", re.IGNORECASE)
SENTENCE_END = re.compile(r"(?:\w{3}|\d)[.!?] \w")
CODE_LINE = re.compile(r"[PBCU]\d[0-9A-F]{3}: ")  # a passage on a trouble code
LONG_NAME = 5  # words before a year from which they are no name
ANNOUNCES = re.compile(r"\b(?:says?|reads?|shows?|notes?|records?|listing|this|is)$", re.IGNORECASE)
BESIDE = 3  # characters between values that are not parted
LONG_TAIL = 3  # words behind a value from which they are none of its field
UNIT = re.compile(r"^\s*(?:mpg|l)?[\s.,;:-]*", re.IGNORECASE)  # behind a value


def read_lists(message: str) -> PastedRecords | None:
    """Lines of three or more short parts with one separator; a part that asks belongs to the question.

    Where a line has the layout already, commas in the others are those of sentences.
    """
    rest, records = [], []
    laid_out = any(SEPARATOR in line and not ASKS_IN_FIELDS.search(line) for line in message.split("\n"))
    separators = PLAIN_SEPARATORS[:1] if laid_out else PLAIN_SEPARATORS
    for line in message.split("\n"):
        text = re.sub(r"\]\s*\[", SEPARATOR, line.strip()).strip("[]") if line.count("[") > 1 else line.strip()
        text = re.sub(r" {2,}", "\t", text)
        if SEPARATOR in text and CODE_LINE.match(text):
            records.append(text)
            continue
        if SEPARATOR in text:
            questions, parts = cut_question(text.split(SEPARATOR))
            rest += questions
            text = SEPARATOR.join(parts)
            if not ASKS_IN_FIELDS.search(text):
                records.append(lay_out_parts(parts))
                continue
        parts = next((parts for mark in separators if is_list(parts := text.split(mark), mark)), [])
        if not parts:
            rest.append(line)
            continue
        questions, fields = part_question([part.strip(" '\"*,;") for part in parts])
        rest += questions
        records.append(lay_out_parts([part.replace("_", " ") for part in fields if part]))
    return pasted(rest, records) if records else None


def read_stack(message: str) -> PastedRecords | None:
    """Short lines below a line with a name and a year, a field each: `2.4 L`, `22 city`."""
    lines = message.split("\n")
    for n, line in enumerate(lines):
        if not (YEAR.search(line) and len(line) <= MAX_VALUE and not ASKS.search(line)):
            continue
        end = n + 1
        while (
            end < len(lines)
            and 0 < len(lines[end].split()) <= 6
            and is_stacked(lines[end])
            and not ASKS.search(lines[end])
        ):
            end += 1
        if end - n > 2:
            fields = [field.strip(" *-\u2022") for other in lines[n:end] for field in other.split(", ")]
            return pasted(["\n".join(lines[:n]), "\n".join(lines[end:])], [lay_out_parts(fields)])
    return None


def is_stacked(line: str) -> bool:
    """Whether a line below a name can be one of its fields."""
    text = line.strip(" *-\u2022")
    return bool(re.search(r"\d|-", text)) or lay_out_phrase(text) != text


def cut_question(parts: list[str]) -> tuple[list[str], list[str]]:
    """What stands in a record's line before its name and behind its last value, where that asks or is long; and the
    line's parts without it."""
    questions: list[str] = []
    year = YEAR.search(parts[0])
    if not year:  # no vehicle's
        return questions, parts
    before = parts[0][: year.start()].strip()
    if before and (ASKS.search(before) or len(before.split()) > LONG_NAME):
        questions.append(before)
        parts = [parts[0][year.start() :], *parts[1:]]
    end = 0
    for each in find_specifications(parts[-1]):
        end = each.end if not end or each.start - end <= BESIDE else end
    tail = UNIT.sub("", parts[-1][end:]) if end and len(parts) > 1 else ""
    another_sentence = parts[-1][end:].startswith(". ")
    if len(tail.split()) > LONG_TAIL and (another_sentence or not find_specifications(tail)):
        questions.append(tail)
        parts = [*parts[:-1], parts[-1].removesuffix(tail).rstrip(" .,;:-")]
    return questions, parts


def part_question(parts: list[str]) -> tuple[list[str], list[str]]:
    """What asks of a list's parts, before its first, behind its last or one of them; and the others, its fields."""
    questions, first = [], parts[0]
    if "->" in first:
        head, _, first = first.rpartition("->")
        questions.append(head.strip())
    year = YEAR.search(first)
    before = first[: year.start()] if year and year.start() else ""
    if len(before.split()) > 3 and re.match(
        r"\S+ [A-Za-z]", first[year.start() :] if year else ""
    ):  # it asks before the name
        questions.append(before.rstrip(" :(\"'"))
        first = first.removeprefix(before)
    if len(parts) > 1 and not YEAR.search(first) and re.search(rf"{YEAR.pattern} \w", parts[1]):  # lot 3, 2021 Kia Rio
        first, parts = f"{first}, {parts[1]}", [first, *parts[2:]]
    label, colon, named = first.partition(": ")
    if colon and YEAR.search(named) and not YEAR.search(label):  # Unit 1: 2021 Kia Rio
        first = named if ANNOUNCES.search(label) else first
        colon = ""
    name, _, field = (
        (label, colon, named)
        if colon
        else first.partition(" (")
        if first.count("(") > first.count(")")
        else (first, "", "")
    )
    last, mark, tail = parts[-1].partition(". ")
    if mark and (ASKS.search(tail) or len(tail.split()) > 3):
        parts = [*parts[:-1], last]
        questions.append(tail)
    fields = [name.strip(), field.strip(), *parts[1:]]
    if fields[-1].count(")") > fields[-1].count("("):
        fields[-1] = fields[-1].rstrip(").")
    return [*questions, *(part for part in fields if ASKS.search(part))], [
        part for part in fields if not ASKS.search(part)
    ]


def is_list(parts: list[str], mark: str) -> bool:
    """Whether the parts of a line are a record's fields: short, and several of them."""
    if len(parts) < 3 or any(
        len(part.split(". ")[0].split()) > (5 if mark in (", ", "; ") else 9) for part in parts[1:]
    ):
        return False
    if mark == SEPARATOR:
        return True  # whatever its fields are
    if len(YEAR.findall(mark.join(parts))) > 1 or any(SENTENCE_END.search(part) for part in parts[:-1]):
        return False  # of two vehicles, or several sentences
    fields = [part.strip(" '\"") for part in parts[1:]]
    field_names = {laid_out.partition(" ")[0] for field in fields if (laid_out := lay_out_phrase(field)) != field}
    if len(field_names) > 1:  # of one field they could be alternatives: automatic, manual
        return True
    return bool(YEAR.search(parts[0]) or YEAR.search(parts[1])) and sum(bool(re.search(r"\d", p)) for p in parts) >= 2
