"""Slices of the held-out questions, and clusters of questions that share their facts."""

import re
from collections import Counter
from collections.abc import Iterable
from statistics import median
from typing import Any

from pipelines.text.question_index import find_same_questions, sketch_rows

Row = dict[str, Any]

YEAR = re.compile(r"\b(?:19[5-9]\d|20[0-4]\d)\b(?=\s+[A-Z])")  # a model year is followed by the make
LINE_NUMBER = re.compile(r"(\.\w+):\d+$")  # in a custom file, each line is a source of its own
MAX_SLICES = 6  # years, or sources, that each get a slice of their own
MAX_FORMATS = 12  # of records, that each get a slice of their own
WORD = re.compile(r"\w+(?:[.,:/'-]\w+)*")


def name_slices(rows: list[Row]) -> list[list[str]]:
    """Return the slices of each row: all, its kind and its topic; its source, question length, model year, and the
    format of its record, if the rows have a column `format`.

    The latter four only if they divide the rows at all. Many years are grouped by five; rare sources are one slice.
    """
    middle = median(question_length(row) for row in rows) if rows else 0
    years, sources, formats = (Counter(map(of, rows)) for of in (model_year, source_name, record_format))
    common = {name for name, _ in sources.most_common(MAX_SLICES)}
    common_formats = {name for name, _ in formats.most_common(MAX_FORMATS)}
    finer = [
        {
            f"source:{source_name(row) if source_name(row) in common else 'others'}",
            *([f"format:{name if name in common_formats else 'others'}"] if (name := record_format(row)) else []),
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
    """What a question is about: the group of a grounded row (a vehicle) or the record of a knowledge row (a code).

    Questions of one cluster share their facts, so they are right or wrong together.
    """
    about_a_record = row["kind"] == "knowledge" and row["key"]
    return f"{source_name(row)} {row['key']}" if about_a_record else str(row["group"])


def normalise_question(row: Row) -> str:
    """A question and its record without case, spacing and punctuation; equal for two rows that ask the same."""
    return " ".join(WORD.findall(f"{row['instruction']}\n{row['input']}".casefold()))


def find_leaks(train: Iterable[Row], heldout: Iterable[Row], threshold: float) -> list[Row]:
    """Return the rows whose question is also a training row's, whatever its answer there and however it is written.

    Args:
        threshold: Jaccard similarity of the words of two questions that can be the same: that of the split.
    """
    questions, trained = list(heldout), list(train)
    pairs = find_same_questions(questions, sketch_rows(questions), trained, sketch_rows(trained), threshold)
    return [questions[place] for place, _ in pairs]


def question_length(row: Row) -> int:
    """Characters of a question and its record."""
    return len(row["instruction"]) + len(row["input"])


def source_name(row: Row) -> str:
    """A row's source, without a line number."""
    return LINE_NUMBER.sub(r"\1", row["source"])


def record_format(row: Row) -> str:
    """The format of a row's record, such as pipes, sentence or JSON; empty if the row does not say."""
    return str(row.get("format") or "")


def model_year(row: Row) -> int:
    """The first model year in the record, or else in the question; 0 if there is none."""
    match = YEAR.search(row["input"]) or YEAR.search(row["instruction"])
    return int(match[0]) if match else 0


def year_range(year: int, wide: bool) -> str:
    """The name of a year's slice: the year, or its five years if `wide`."""
    return f"{year - year % 5}-{year - year % 5 + 4}" if wide else str(year)
