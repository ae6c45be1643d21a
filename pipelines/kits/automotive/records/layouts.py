"""Records as people write or paste them: pipes, sentences, JSON, tables, lines of fields, lists with commas.

A layout makes a whole message of a question and its records, the records below the question, above it or in its line.
`pipelines/text/own_records.py` takes such a message apart again, in training rows as in the gateway; what it does not
recognise, sentences above all, the model has to read as it is.
"""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple


class Labels(NamedTuple):
    """How a field is written down: {} stands for its value."""

    phrases: tuple[str, ...]  # in a list of fields: city 30 mpg
    keys: tuple[str, ...]  # of pairs: city_mpg
    clauses: tuple[str, ...] = ()  # of a sentence, behind the vehicle's name: gets 30 mpg in the city


class PastedRecord(NamedTuple):
    """A record before it is laid out."""

    name: str
    values: Mapping[str, str]  # column → value


AllLabels = Mapping[str, Labels]
Layout = Callable[[str, Sequence[PastedRecord], AllLabels, random.Random], str]


def pipes(question: str, records: Sequence[PastedRecord], labels: AllLabels, rng: random.Random) -> str:
    """As the kits' own records are, the fields in the first of their phrases."""
    lines = [" | ".join([r.name, *(labels[c].phrases[0].format(v) for c, v in r.values.items())]) for r in records]
    return below_or_above(question, lines, rng, above=0.1)


def loose_pipes(question: str, records: Sequence[PastedRecord], labels: AllLabels, rng: random.Random) -> str:
    """Fields in any of their phrases, parted by pipes, commas, semicolons or slashes."""
    mark = rng.choice((" | ", " | ", ", ", ", ", "; ", " / ", " - "))
    lines = [
        mark.join([r.name, *(rng.choice(labels[c].phrases).format(v) for c, v in r.values.items())]) for r in records
    ]
    return below_or_above(question, lines, rng)


def pairs(question: str, records: Sequence[PastedRecord], labels: AllLabels, rng: random.Random) -> str:
    """key=value, in one line."""
    mark, name = rng.choice((";", "; ", ", ", " ", " | ")), rng.choice(("name", "vehicle", "car"))
    keys = keys_of(records, labels, rng)
    lines = []
    for record in records:
        fields = {name: record.name} | {keys[column]: value for column, value in record.values.items()}
        quoted = {
            key.replace(" ", "_"): f'"{value}"' if " " in value and mark == " " else value
            for key, value in fields.items()
        }
        lines.append(mark.join(f"{key}={value}" for key, value in quoted.items()))
    return below_or_above(question, lines, rng)


def field_lines(question: str, records: Sequence[PastedRecord], labels: AllLabels, rng: random.Random) -> str:
    """A field a line."""
    mark, bullet, keys = (
        rng.choice((": ", ": ", " = ", "....")),
        rng.choice(("", "", "- ", "* ")),
        keys_of(records, labels, rng),
    )
    lines = []
    for record in records:
        lines.append(rng.choice((f"{bullet}{record.name}", f"{bullet}vehicle{mark}{record.name}")))
        lines += [f"{bullet}{keys[column]}{mark}{value}" for column, value in record.values.items()]
    return below_or_above(question, lines, rng)


def as_json(question: str, records: Sequence[PastedRecord], labels: AllLabels, rng: random.Random) -> str:
    """JSON, a record an object."""
    keys, name = keys_of(records, labels, rng), rng.choice(("name", "vehicle", "model"))
    numbers = rng.random() < 0.5
    objects = []
    for record in records:
        fields = {keys[c]: as_number(v) if numbers else v for c, v in record.values.items()}
        objects.append({name: record.name} | (fields if rng.random() < 0.8 else {"values": fields}))
    return below_or_above(question, [json.dumps(objects[0] if len(objects) == 1 else objects)], rng)


def as_table(question: str, records: Sequence[PastedRecord], labels: AllLabels, rng: random.Random) -> str:
    """CSV or Markdown with a header; records that have the same fields."""
    columns = [column for column in records[0].values if all(column in record.values for record in records)]
    keys, mark = keys_of(records, labels, rng), rng.choice((",", ";", "\t", "|", "markdown"))
    rows = [["name", *(keys[c] for c in columns)], *([r.name, *(r.values[c] for c in columns)] for r in records)]
    if mark == "markdown":
        lines = [f"| {' | '.join(row)} |" for row in rows]
        lines.insert(1, f"|{'---|' * len(rows[0])}")
    else:
        lines = [mark.join(row) for row in rows]
    return below_or_above(question, lines, rng)


def sentences(question: str, records: Sequence[PastedRecord], labels: AllLabels, rng: random.Random) -> str:
    """A plain sentence a record, or two."""
    texts = []
    for record in records:
        clauses = [rng.choice(labels[c].clauses).format(v) for c, v in record.values.items()]
        subject = rng.choice((f"The {record.name}", f"This {record.name}", f"A {record.name}"))
        if len(clauses) > 3 and rng.random() < 0.5:
            texts.append(f"{subject} {enumerate_clauses(clauses[:2])}. It {enumerate_clauses(clauses[2:])}.")
        else:
            texts.append(f"{subject} {enumerate_clauses(clauses)}.")
    text = " ".join(texts)
    return rng.choice((f"{question}\n{text}", f"{question}\n{text}", f"{text} {question}", f"{text}\n{question}"))


def notes(question: str, records: Sequence[PastedRecord], labels: AllLabels, rng: random.Random) -> str:
    """A note in brackets or behind a colon, within the line of the question."""
    texts = []
    for record in records:
        fields = [rng.choice(labels[c].phrases).format(v) for c, v in record.values.items()]
        texts.append(rng.choice((f"{record.name} ({', '.join(fields)})", f"{record.name}: {', '.join(fields)}")))
    text = " and ".join(texts)
    forms = ("{text}. {question}", "{question} {text}", "I have a {text}. {question}", "Note says: {text}\n{question}")
    return rng.choice(forms).format(text=text, question=question)


LAYOUTS: tuple[Layout, ...] = (loose_pipes, pairs, field_lines, as_json, as_table, sentences, notes)


def enumerate_clauses(clauses: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join(part for part in (", ".join(clauses[:-1]), clauses[-1]) if part)


def keys_of(records: Sequence[PastedRecord], labels: AllLabels, rng: random.Random) -> dict[str, str]:
    """A key for each column, the same for all records."""
    columns = dict.fromkeys(column for record in records for column in record.values)
    style = rng.randrange(8)
    keys = {
        c: labels[c].keys[style % len(labels[c].keys)] if style < 5 else rng.choice(labels[c].keys) for c in columns
    }
    return keys if len(set(keys.values())) == len(keys) else {c: labels[c].keys[0] for c in columns}


def as_number(value: str) -> float | int | str:
    """The value as JSON has it."""
    return int(value) if value.isdigit() else value


def below_or_above(question: str, lines: Sequence[str], rng: random.Random, above: float = 0.35) -> str:
    """The records below the question, or above it, sometimes with a line between."""
    joint = rng.choice(("\n", "\n", "\n", "\n\n"))
    parts = (question, "\n".join(lines))
    return joint.join(reversed(parts) if rng.random() < above else parts)
