"""What a column seems to hold, by its name and its values: a question, an answer, a topic, an id, a date, an amount, …

A guess is shown with examples and has to be confirmed; nothing is added on the strength of one.
"""

import difflib
import re
from collections.abc import Iterable
from itertools import islice
from typing import Any

from pipelines.datasets.upload.cell_values import cell_text, is_header_row, is_totals_row
from pipelines.readers.column_names import FIELD_OF_NAME, SYNONYMS, WORDS, normalise_name
from pipelines.readers.source import Rejected, Source
from pipelines.text.no_value import is_no_value

SAMPLED_ROWS = 200  # whose values are looked at
NESTED = "{…}"  # stands for a list or an object in examples
EXAMPLES, EXAMPLE_CHARS = 2, 40
MOSTLY = 0.7  # share of a column's values that have to be of a role
QUESTION = re.compile(
    r".*\?\W*$|(?:what|which|who|whose|when|where|why|how|is|are|was|were|do|does|did|can|could|may|should|would|will|has"
    r"|have|tell me|explain|describe|give me|please|i need|i want|my)\b.+",
    re.IGNORECASE | re.DOTALL,
)
DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([ T]\d.*)?|\d{1,2}[-/. ](?:\d{1,2}|[A-Za-z]{3,9})[-/. ]\d{2,4}( .*)?|"
                  r"[A-Za-z]{3,9} \d{1,2},? \d{4}")  # fmt: skip
MONEY = re.compile(r"[-(]?\s*(?:[$€£]|USD|EUR|CAD)\s*-?[\d.,]+\)?|-?[\d.,]+\s*(?:[$€£]|USD|EUR|CAD)", re.IGNORECASE)
NUMBER = re.compile(r"-?\d[\d.,]*%?")
CODE = re.compile(r"[A-Za-z0-9#_./-]*\d[A-Za-z0-9#_./-]*")
AMOUNT_NAME = re.compile(r"(?:^|_)(?:price|cost|amount|total|msrp|paid|rate|fee|tax|balance|labor|labour)(?:_|$)")
IDENTIFIES = ("vin", "stock", "part", "ro", "repair", "order", "invoice", "work", "ticket")  # the best first
# What a repair or a question is about, besides the vehicle's name: the columns of its record.
DESCRIBES = re.compile(
    r"(?:^|_)(?:year|yr|baujahr|make|marke|manufacturer|brand|mk|mdl|model|modell|modelo|trim|engine|motor|mileage|miles"
    r"|odometer|odo|km|kilometerstand|cause|ursache|diagnosis|vehicle|fahrzeug|part|description)(?:_|$)"
)
CAUSE = re.compile(r"(?:^|_)(?:cause|ursache|diagnosis)(?:_|$)")
ID_NAME = re.compile(r"(?:^|_)(?:id|vin|no|number|num|ro|stock|sku|code|key|uuid|guid)(?:_|$)")
MIN_ANSWER_WORDS = 3
FIELD_ROLES = {"instruction": ("question", "text", "answer"), "output": ("answer", "text"), "topic": ("topic", "label"),
               "input": ("context", "text", "answer")}  # fmt: skip


def sample_columns(source: Source) -> dict[str, list[str]]:
    """Column → the texts of its first rows, without those that stand for no value."""
    sample: dict[str, list[str]] = {column: [] for column in source.columns}
    for _, row in islice(source.rows(), SAMPLED_ROWS):
        repeated = (
            not isinstance(row, Rejected) and source.is_table and (is_header_row(row) or is_totals_row(row.values()))
        )
        if not isinstance(row, Rejected) and not repeated:
            for column, value in row.items():
                if column in sample and not is_no_value(value):
                    sample[column].append(sample_text(value))
    return sample


def sample_text(value: Any) -> str:
    """A value as a text; a list or an object is shown as one."""
    if isinstance(value, str):
        return value
    return NESTED if isinstance(value, list | dict) else cell_text(value) or str(value)


def show_examples(values: Iterable[str]) -> str:
    """The first different values, shortened."""
    texts = dict.fromkeys(" ".join(value.split()) for value in values)
    return " · ".join(t if len(t) <= EXAMPLE_CHARS else f"{t[: EXAMPLE_CHARS - 1]}…" for t in islice(texts, EXAMPLES))


def share(pattern: re.Pattern[str], values: list[str]) -> float:
    """The share of values that a pattern matches."""
    return sum(pattern.fullmatch(value.strip()) is not None for value in values) / len(values)


def guess_role(column: str, values: list[str], topics: list[str]) -> str:
    """The role of a column; empty if it has no values.

    Args:
        topics: that a row may have.

    Returns:
        nested (lists or objects), topic, date, amount, id, number, question, answer, label (few different values),
        or text.
    """
    if not values:
        return ""
    if NESTED in values:
        return "nested"
    name, different = normalise_name(column), len(set(values))
    allowed = {normalise_name(topic) for topic in topics}
    if allowed and sum(normalise_name(value) in allowed for value in values) >= MOSTLY * len(values):
        return "topic"
    if share(DATE, values) >= MOSTLY:
        return "date"
    if share(MONEY, values) >= MOSTLY:
        return "amount"
    if share(NUMBER, values) >= MOSTLY:
        if AMOUNT_NAME.search(name):
            return "amount"
        return "id" if ID_NAME.search(name) else "number"
    if share(CODE, values) >= MOSTLY:
        return "id" if ID_NAME.search(name) or different > MOSTLY * len(values) else "label"
    words = sum(len(value.split()) for value in values) / len(values)
    if share(QUESTION, values) >= MOSTLY and words >= 2:
        return "question"
    if different <= max(2, 0.5 * len(values)) and len(values) > 4 and words < 4:
        return "label"
    return "answer" if words >= MIN_ANSWER_WORDS and not ID_NAME.search(name) else "text"


def name_field(column: str) -> str:
    """The field whose name or usual word a column's name contains or nearly contains; empty if none."""
    name = normalise_name(column)
    parts = name.split("_")
    for cutoff in (1.0, 0.8):
        for field, words in WORDS.items():
            if any(difflib.get_close_matches(part, words, n=1, cutoff=cutoff) for part in parts):
                return field
    names = {word: field for field, synonyms in SYNONYMS.items() for word in (field, *synonyms)}
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.8)
    return names[near[0]] if near else ""


def guess_fields(fields: list[str], free: list[str], roles: dict[str, str], has_question: bool) -> dict[str, str]:
    """Field → the column that seems to hold it, for fields that no column is named after.

    Args:
        fields: the fields without a column.
        free: the columns without a field.
        roles: column → its role by its values.
        has_question: another column has the question.
    """
    guesses: dict[str, str] = {}
    for field in fields:
        columns = [column for column in free if column not in guesses.values()]
        fitting = [c for c in columns if name_field(c) == field and roles[c] in (*FIELD_ROLES[field], "question")]
        by_value = {"instruction": "question", "topic": "topic", "output": "answer"}.get(field)
        if field == "output" and not (has_question or "instruction" in guesses):
            by_value = None  # long texts alone are no answers
        fitting = fitting or [column for column in columns if by_value and roles[column] == by_value]
        if len(fitting) == 1:
            guesses[field] = fitting[0]
    return guesses


def describe_column(column: str, role: str, values: list[str]) -> str:
    """A column in a message: its name, what it seems to be, and an example."""
    example = show_examples(values[:1])
    return f"'{column}'" + (f" ({role}: {example})" if role and example else " (empty)" if not values else "")


def is_record_table(roles: dict[str, str]) -> bool:
    """Whether columns are those of records, such as stock or repair orders: several, none of them a question."""
    return len(record_columns(roles)) >= 2 and sum(map(bool, roles.values())) >= 3 and "question" not in roles.values()


def record_columns(roles: dict[str, str]) -> list[str]:
    """The columns that make up a record: those with values, without ids and nested values."""
    return [column for column, role in roles.items() if role not in ("", "id", "nested")]


def described_record(free: list[str], roles: dict[str, str]) -> list[str]:
    """The columns that a question with an answer is about, such as make, model, mileage and cause of a repair order."""
    columns = [c for c in free if c in record_columns(roles) and DESCRIBES.search(normalise_name(c))]
    return columns if len(columns) > 1 or any(CAUSE.search(normalise_name(c)) for c in columns) else []


def identifying_column(ids: list[str]) -> str:
    """The column that identifies a record best: its VIN before its key number; empty if there is none."""
    for word in IDENTIFIES:
        if named := [column for column in ids if word in normalise_name(column).split("_")]:
            return named[0]
    return ids[0] if ids else ""


def suggest_field(column: str) -> str:
    """The end of a message: the field whose name or synonym is most like the column's."""
    near = difflib.get_close_matches(normalise_name(column), FIELD_OF_NAME, n=1, cutoff=0.8)
    return f"; did you mean '{FIELD_OF_NAME[near[0]]}'?" if near else ""
