"""Which slices of the held-out questions a row counts under, and which rows belong together."""

import re
from collections import Counter
from collections.abc import Iterable
from statistics import median
from typing import Any

Row = dict[str, Any]

YEAR = re.compile(r"\b(?:19[5-9]\d|20[0-4]\d)\b(?=\s+[A-Z])")  # a model-year stands before its make
LINE_NUMBER = re.compile(r"(\.\w+):\d+$")  # in a file of one's own, each line is a source of its own
MAX_SLICES = 6  # years, or sources, that are slices each for themselves
WORD = re.compile(r"\w+(?:[.,:/'-]\w+)*")


def name_slices(rows: list[Row]) -> list[list[str]]:
    """The slices of each row: all, its kind, its topic; and its source, the length of its question and the year of its
    vehicle, as far as these part the rows at all. Many years are taken five at a time; rare sources count together.
    """
    middle = median(question_length(row) for row in rows) if rows else 0
    years, origins = (Counter(map(of, rows)) for of in (model_year, source_name))
    common = {name for name, _ in origins.most_common(MAX_SLICES)}
    finer = [
        {
            f"source:{source_name(row) if source_name(row) in common else 'others'}",
            f"length:{'short' if question_length(row) <= middle else 'long'}",
            *([f"year:{year_range(model_year(row), len(years) > MAX_SLICES)}"] if model_year(row) else []),
        }
        for row in rows
    ]
    count = Counter(name for names in finer for name in names)
    return [
        list(dict.fromkeys(["all", row["kind"], row["topic"], *sorted(n for n in names if count[n] < len(rows))]))
        for row, names in zip(rows, finer, strict=True)
    ]


def cluster_name(row: Row) -> str:
    """What is asked about: a grounded row's group (a vehicle, say), a knowledge row's record (a trouble code, say).

    Questions of one cluster share their facts, so they are right or wrong together.
    """
    about_a_record = row["kind"] == "knowledge" and row["key"]
    return f"{source_name(row)} {row['key']}" if about_a_record else str(row["group"])


def normalise_question(row: Row) -> str:
    """A question and its record without case, spacing and punctuation: what two rows have in common that ask alike."""
    return " ".join(WORD.findall(f"{row['instruction']}\n{row['input']}".casefold()))


def find_leaks(train: Iterable[Row], heldout: Iterable[Row]) -> list[Row]:
    """The held-out rows whose question stands in training too, whatever is answered there."""
    known = set(map(normalise_question, train))
    return [row for row in heldout if normalise_question(row) in known]


def question_length(row: Row) -> int:
    return len(row["instruction"]) + len(row["input"])


def source_name(row: Row) -> str:
    return LINE_NUMBER.sub(r"\1", row["source"])


def model_year(row: Row) -> int:
    """The model-year that the record, or else the question, begins to speak of; 0 for none."""
    found = YEAR.search(row["input"]) or YEAR.search(row["instruction"])
    return int(found[0]) if found else 0


def year_range(year: int, wide: bool) -> str:
    return f"{year - year % 5}-{year - year % 5 + 4}" if wide else str(year)
