"""A question and its records, as the model of a template is shown them; training, evaluation and gateway use the same.

What the records lack is declined without a model. A model's answer that does not state the fields asked for is replaced
by these fields, in the words of the record.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from pipelines.text.asked_fields import AskedFields
from pipelines.text.own_records import find_records
from pipelines.text.stated_fields import find_asking

Row = Mapping[str, Any]

STATED = 0.9  # share of a field's words that an answer must hold to state it; of its numbers all
SHORT = 5  # words of a field that its number stands for
WORD = re.compile(r"[^\W_]+(?:\.\d+)?")


class ShownMessage(NamedTuple):
    """What a model is shown of a message, and what is expected of its answer."""

    text: str
    missing: bool = False  # the records lack what is asked for
    values: tuple[str, ...] = ()  # the fields that an answer states: `city 30 mpg`
    quotation: str = ""  # the answer in the records' own words; empty where no field is known to be asked for

    @property
    def from_record(self) -> bool:
        """Whether what is sent is what records state, or that they do not: a model alone decides nothing."""
        return self.missing or bool(self.quotation)

    def confirm(self, answer: str) -> str:
        """The answer, or the quotation if it lacks a field that was asked for, or if several records may be meant."""
        stated = bool(self.values) and all(states(answer, value) for value in self.values)
        return answer if stated or not self.quotation else self.quotation


def show_message(message: str, asked_fields: AskedFields | None) -> ShownMessage:
    """A message as its model is shown it.

    Args:
        message: a question and its records, in any layout; one without records stays as it is.
        asked_fields: of the template; without it every record is shown whole.
    """
    pasted = find_records(message)
    if pasted is None:
        return ShownMessage(message)
    if asked_fields is None:
        return ShownMessage(pasted.message)
    question = find_asking(pasted.asking) if pasted.asking else pasted.question
    shown = asked_fields.show(question, pasted.records, pasted.asking)
    text = "\n".join([question, *shown.records])
    return ShownMessage(text, shown.missing, shown.values, " ".join(dict.fromkeys(shown.quotations)))


def show_row(row: Row, asked_fields: AskedFields | None) -> tuple[dict[str, Any], ShownMessage]:
    """A row of a dataset with its question and records as they are shown."""
    message = "\n".join(part for part in (row["instruction"], row["input"]) if part)
    shown = show_message(message, asked_fields)
    question, _, records = shown.text.partition("\n")
    return dict(row) | ({"instruction": question, "input": records} if shown.text != message else {}), shown


def states(answer: str, value: str) -> bool:
    """Whether an answer holds a field's numbers and most of its words.

    >>> states("It has 4 cylinders.", "cylinders 4"), states("It has 6.", "cylinders 4")
    (True, False)
    """
    held, words = (
        set(WORD.findall(answer.casefold())),
        WORD.findall(value.casefold().partition(": ")[2] or value.casefold()),
    )
    numbers = [word for word in words if word[0].isdigit()]
    share = 0 if numbers and len(words) <= SHORT else STATED  # of a sentence its numbers are not enough
    return set(numbers) <= held and sum(word in held for word in words) >= share * len(words)
