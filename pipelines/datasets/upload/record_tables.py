"""Tables of records (stock, repair orders): several columns as a row's record, and questions to ask of each record.

A template's own rows say how it asks: a question that is answered by one part of its record, such as `highway 38 mpg`,
becomes a pattern, and is rows_of_pattern of every record that has a column like that part.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from pipelines.core.files import digest
from pipelines.datasets.upload.cell_values import cell_text
from pipelines.readers.column_names import normalise_name, readable_name
from pipelines.text.no_value import is_no_value

NAME_PARTS = (
    ("year", "model_year", "yr"),
    ("make", "manufacturer", "brand", "mk"),
    ("model", "model_name", "mdl"),
    ("trim", "series"),
)
THING_NAMES = ("part_description", "description", "part_name", "part", "item", "item_description", "desc", "name")
SEPARATOR = " | "
THING = "{name}"  # in an answer, stands for what the record is of: oil filter
YES_NO = frozenset(("y", "n", "yes", "no", "true", "false"))
PLURAL = re.compile(r".*[^su]s$")
MIN_PATTERN_ROWS = 3  # of a template, that ask in the same words
NUMERIC = re.compile(r"[-$€£]?\d[\d.,]*%?")


class Pattern(NamedTuple):
    """How a template asks for one part of a record."""

    words: frozenset[str]  # of the part: highway, mpg
    names: frozenset[str]  # of the fact: hwy, mpg
    shown: str  # the part, with {} for the value
    answer: str  # with {} for the value
    questions: tuple[str, ...]
    topic: str
    numeric: bool


def record_text(values: dict[str, Any], columns: list[str], patterns: dict[str, Pattern] | None = None) -> str:
    """The record of a row, as the templates write one: `2021 Honda Accord EX-L | mileage 32450 | color Silver`."""
    texts = {c: plain_text(values.get(c)) for c in columns if not is_no_value(values.get(c))}
    heads = head_columns([*texts])
    parts = [" ".join(texts[column] for column in heads)] if heads else []
    for column, text in texts.items():
        if column not in heads:
            pattern = (patterns or {}).get(column)
            parts.append(pattern.shown.replace("{}", text) if pattern else f"{readable_name(column)} {text}")
    return SEPARATOR.join(parts)


def head_columns(columns: list[str]) -> list[str]:
    """The columns that name what a record is of, without their names: year, make and model; or the part."""
    named = [next((c for c in columns if normalise_name(c) in names), None) for names in NAME_PARTS]
    if named[1] or named[2]:
        return [column for column in named if column]
    thing = thing_column(columns)
    return [thing] if thing else []


def thing_column(columns: list[str]) -> str:
    """The column with the name of a part or another thing; empty if there is none."""
    return next((c for name in THING_NAMES for c in columns if normalise_name(c) == name), "")


def plain_text(value: Any) -> str:
    """A value as one line, without the sign between the parts of a record."""
    return " ".join((value if isinstance(value, str) else cell_text(value) or str(value)).replace("|", "/").split())


def find_patterns(rows: Iterable[dict[str, Any]]) -> list[Pattern]:
    """The patterns of a template's rows that are answered by one part of their record."""
    uses: dict[tuple[str, str, str], list[tuple[str, str, str]]] = defaultdict(list)
    for row in rows:
        facts, parts = row.get("facts") or {}, str(row.get("input", "")).split(SEPARATOR)
        if len(facts) != 1 or len(parts) < 2 or "\n" in row["input"] or names_record(row["instruction"], parts[0]):
            continue
        ((name, value),) = facts.items()
        edges = re.compile(rf"(?<![\w.]){re.escape(value)}(?![\w.]*\w)")
        holding = [part for part in parts[1:] if len(edges.findall(part)) == 1]
        if len(holding) == 1 and len(edges.findall(row["output"])) == 1:
            shown, answer = edges.sub("{}", holding[0]), name_thing(edges.sub("{}", row["output"]), parts[0])
            if re.search(r"[A-Za-z]{2}", shown.replace("{}", "")):
                uses[shown, answer, row["topic"]].append((row["instruction"], name, value))
    patterns = []
    for (shown, answer, topic), rows_of_pattern in uses.items():
        if len(rows_of_pattern) >= MIN_PATTERN_ROWS:
            counts = Counter(question for question, _, _ in rows_of_pattern)
            usual = [question for question, count in counts.items() if count > 1]  # misspelt ones are there once
            questions = tuple(usual or counts)
            numeric = all(NUMERIC.match(value) for _, _, value in rows_of_pattern)
            names = frozenset(normalise_name(rows_of_pattern[0][1]).split("_"))
            patterns.append(Pattern(words_of(shown), names, shown, answer, questions, topic, numeric))
    return patterns


def names_record(question: str, head: str) -> bool:
    """Whether a question names what its record is of: it fits no other record."""
    question_words = set(re.findall(r"\w+", question.casefold()))
    return bool(question_words & {word for word in re.findall(r"\w+", head.casefold()) if len(word) > 2})


def name_thing(answer: str, head: str) -> str:
    """An answer with {name} for what its record is of, so that it fits other records: `The {name} is in bin {}.`"""
    words = head.split()
    for start in range(len(words)):
        name = re.compile(rf"\b{re.escape(' '.join(words[start:]))}\b", re.IGNORECASE)
        if not words[start].isdigit() and name.search(answer):
            return name.sub(THING, answer)
    return answer


def words_of(text: str) -> frozenset[str]:
    """The words of a part, without its value and without units of one letter."""
    return frozenset(word for word in normalise_name(text.replace("{}", " ")).split("_") if len(word) > 1)


def match_patterns(columns: list[str], sample: dict[str, list[str]], patterns: list[Pattern]) -> dict[str, Pattern]:
    """Column → the pattern that asks for it: the one whose part or fact has the column's name."""
    matched: dict[str, Pattern] = {}
    for column in columns:
        words = frozenset(normalise_name(column).split("_"))
        values = sample.get(column, [])
        numeric = bool(values) and all(NUMERIC.match(value) for value in values)
        fitting = [
            pattern
            for pattern in patterns
            if pattern.numeric == numeric
            and (pattern.words <= words or words == pattern.names or (words & pattern.words and words <= pattern.words))
        ]
        fitting = [pattern for pattern in fitting if pattern.words <= words] or fitting  # the column's own word first
        if fitting and len({pattern.words for pattern in fitting}) == 1:
            matched[column] = max(fitting, key=lambda pattern: len(pattern.questions))
    return matched


def ask_record(
    values: dict[str, Any], columns: list[str], patterns: dict[str, Pattern], topic: str, key: str
) -> list[dict[str, Any]]:
    """The rows that ask about one record: by the template's patterns; with a topic, about its other columns too.

    Args:
        columns: of the record.
        patterns: column → how the template asks for it.
        topic: of all rows; empty if each pattern gives its own.
        key: that finds the record again; also its group, so that a split does not part its rows.
    """
    record, rows = record_text(values, columns, patterns), []
    present = [column for column in columns if not is_no_value(values.get(column))]
    heads, thing = head_columns(present), thing_column(present)
    for column in present:
        if column not in patterns and (not topic or column in heads):
            continue
        text, pattern = plain_text(values[column]), patterns.get(column)
        if pattern:
            number = int(digest([record, column])[:8], 16)
            question = pattern.questions[number % len(pattern.questions)]
            answer = pattern.answer.replace("{}", text)
            answer = answer.replace(THING, plain_text(values[thing])) if thing else answer.replace(f"The {THING}", "It")
        else:
            question, answer = ask_in_general(readable_name(column), text)
        rows.append(
            {
                "instruction": question,
                "input": record,
                "output": answer,
                "topic": topic or (pattern.topic if pattern else ""),
                "kind": "grounded",
                "facts": {normalise_name(column): text},
                "key": key,
                "group": key or record.partition(SEPARATOR)[0],
            }
        )
    return rows


def ask_in_general(name: str, text: str) -> tuple[str, str]:
    """A question about a column for which the template has none, and its answer."""
    if text.lower() in YES_NO:
        return f"Yes or no: {name}?", f"{'Yes' if text[0].lower() in 'yt' else 'No'}: {name} is {text}."
    verb = "are" if PLURAL.match(name) else "is"
    end = "" if text.endswith((".", "!", "?")) else "."
    return f"What {verb} the {name}?", f"The {name} {verb} {text}{end}"
