"""Perturbations: change how a question or a record is written, but not its answer.

Training rows get some of them; behaviour tests check that the answer stays the same. Each function takes a question or
a record and a random generator, so that one seed gives one text.
"""

import random
import re
from collections.abc import Callable
from typing import Any

Row = dict[str, Any]
Perturbation = Callable[[str, random.Random], str]

COURTESIES = (
    *("Hello, {} Thank you.", "Sorry to bother you. {}", "Quick question: {}", "{} Thanks a lot!"),
    *("Would you look this up? {}", "A customer wants to know: {}", "{} Please check the record."),
)
UNITS = {
    "miles per gallon": "mpg",
    "mpg": "miles per gallon",
    "displacement": "displacement in liters",
    "dollars": "USD",
    "euros": "EUR",
    "o'clock": "h",
}
SPEAKER = re.compile(r"[A-Z]\w*: ")  # begins a line of a conversation
EMOJIS = "\U0001f697\U0001f527\U0001f64f\U0001f600\U0001f697"
NOISE = "#~^*_=%"
EXTRA_FIELDS = (
    *("color silver", "doors 4", "seats 5", "keys 2", "lot row 12", "stock number 44170", "paint code NH-731P"),
    *("tires all-season", "floor mats yes", "roof rails no", "trailer hitch no", "washed yes", "photos 18"),
)  # that no question is about


def typos(text: str, rng: random.Random) -> str:
    """Swap two neighbouring letters in each of two plain words; names, numbers and codes stay as they are."""
    words = [word for word in re.finditer(r"(?<![\w'-])[a-z]{4,}(?![\w'-])", text) if len(set(word[0][1:])) > 1]
    for word in rng.sample(words, min(2, len(words))):
        at = rng.choice([at for at in range(word.start() + 1, word.end() - 1) if text[at] != text[at + 1]])
        text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text


def lower_case(text: str, rng: random.Random) -> str:
    """Lower case."""
    return text.lower()


def courtesy(text: str, rng: random.Random) -> str:
    """Add a polite phrase."""
    return rng.choice(COURTESIES).format(text)


def units(text: str, rng: random.Random) -> str:
    """Spell the first unit of measurement differently."""
    unit = re.search("|".join(rf"\b{name}\b" for name in UNITS), text)
    return text[: unit.start()] + UNITS[unit[0]] + text[unit.end() :] if unit else text


def no_punctuation(text: str, rng: random.Random) -> str:
    """Remove commas and the final punctuation."""
    return text.rstrip("?!. ").replace(",", "")


def trailing_spaces(text: str, rng: random.Random) -> str:
    """Append spaces."""
    return text + " " * rng.randint(3, 9)


def emojis(text: str, rng: random.Random) -> str:
    """Append emojis."""
    return f"{text} {''.join(rng.sample(EMOJIS, 3))}"


def random_characters(text: str, rng: random.Random) -> str:
    """Append special characters."""
    return f"{text} {''.join(rng.choices(NOISE, k=6))}"


def field_order(record: str, rng: random.Random) -> str:
    """Shuffle the fields; the first, which is the record's name, stays first."""
    name, *fields = record.split(" | ")
    return " | ".join([name, *rng.sample(fields, len(fields))])


def long_record(record: str, rng: random.Random) -> str:
    """Append fields that the question is not about."""
    return " | ".join([record, *rng.sample(EXTRA_FIELDS, len(EXTRA_FIELDS))])


QUESTION_PERTURBATIONS: dict[str, Perturbation] = {
    change.__name__: change
    for change in (
        *(typos, lower_case, courtesy, units, no_punctuation),
        *(trailing_spaces, emojis, random_characters),
    )
}
RECORD_PERTURBATIONS: dict[str, Perturbation] = {change.__name__: change for change in (field_order, long_record)}
PERTURBATION_NAMES = (*QUESTION_PERTURBATIONS, *RECORD_PERTURBATIONS)


def perturb(row: Row, names: list[str], rng: random.Random) -> Row:
    """Apply perturbations to a row one after the other; its answer stays.

    The question is the last line of the conversation if the input has one, otherwise the instruction. The record is the
    first line of the input.
    """
    record, *turns = row["input"].split("\n")
    other_records = [] if turns and SPEAKER.match(turns[-1]) else turns
    turns = turns[len(other_records) :]
    instruction = row["instruction"]
    for name in names:
        if name in RECORD_PERTURBATIONS:
            record = RECORD_PERTURBATIONS[name](record, rng) if record else record
        elif turns:
            speaker, _, words = turns[-1].partition(": ")
            turns[-1] = f"{speaker}: {QUESTION_PERTURBATIONS[name](words, rng)}"
        else:
            instruction = QUESTION_PERTURBATIONS[name](instruction, rng)
    return row | {"instruction": instruction, "input": "\n".join([record, *other_records, *turns])}
