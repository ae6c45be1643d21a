"""Pairs of questions whose answers are known to be the same, or known to differ, made of a template's own rows.

Rows that ask for the same facts give each other's wordings (`{}` stands for the code or vehicle in them): above one
record, two wordings of one fact have the same answer, and wordings of two facts have not. The kit's perturbations and
the paraphrases of its behaviour tests are further rewordings. What must not be mixed up besides: another code, another
figure, another record, a negation.
"""

import random
import re
from collections.abc import Iterator
from itertools import combinations, permutations, product
from typing import Any, NamedTuple, TypeVar

from pipelines.core.files import digest
from pipelines.kits.behaviours import Invariance, find_behaviour_file, load_behaviour_tests
from pipelines.kits.perturbations import QUESTION_PERTURBATIONS, perturb

Row = dict[str, Any]
T = TypeVar("T")
SUBJECTS, RECORDS = 4, 60  # codes or vehicles a wording is asked about; records that are looked into
FIGURE = re.compile(r"\d+")
AUXILIARY = re.compile(r"\b(is|are|does|do|has|can|should|would|did)\b", re.IGNORECASE)


class Pair(NamedTuple):
    kind: str
    kept: str  # the message that is answered first
    question: str
    wordings: tuple[str, str]  # pairs of the same wordings, roughened or not, are one piece of evidence


class Fact(NamedTuple):
    """What can be asked: its wordings, records that answer it, and what stands for {} in a wording."""

    names: set[str]  # topic and columns of the facts
    wordings: set[str]
    records: set[str]
    subjects: set[str]


def facts(rows: list[Row]) -> list[Fact]:
    """Rows of one topic that have the same columns as facts ask the same; so do those that share a wording."""
    shared_facts: list[Fact] = []
    for row in answered(rows):
        wording, subject = slotted(row)
        name = f"{row['topic']} {sorted(row['facts'])} {bool(subject)}"
        new = Fact({name}, {wording}, {row["input"]}, {subject} - {""})
        alike = [fact for fact in shared_facts if fact.names & new.names or fact.wordings & new.wordings]
        shared_facts = [fact for fact in shared_facts if fact not in alike]
        shared_facts.append(Fact(*(set().union(*parts) for parts in zip(new, *alike, strict=True))))
    return shared_facts


def answered(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["kind"] != "refusal"]


def slotted(row: Row) -> tuple[str, str]:
    """The question with {} for the code or vehicle that it names, and that; empty if it names none."""
    for value in sorted({row["key"], *row["facts"].values()}, key=len, reverse=True):
        if len(value) > 3 and FIGURE.search(value) and value in row["instruction"]:
            return row["instruction"].replace(value, "{}"), value
    return row["instruction"], ""


def halves(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """By wording, so that what is chosen on one half is tried on words that it has not seen."""
    first = [row for row in rows if int(digest(slotted(row)[0])[:8], 16) % 2]
    return first, [row for row in rows if not int(digest(slotted(row)[0])[:8], 16) % 2]


def same(rows: list[Row], rng: random.Random) -> Iterator[Pair]:
    """Pairs that may share an answer."""
    for fact in facts(rows):
        record, subject = any_of(fact.records, rng), any_of(fact.subjects, rng)
        for one, other in combinations(sorted(fact.wordings), 2):
            yield Pair("wordings", message(one, subject, record), message(other, subject, record), (one, other))
    for row in some_of(answered(rows), RECORDS, rng):
        for name in QUESTION_PERTURBATIONS:
            rough = perturb(row, [name], rng)
            if text(rough) != text(row):
                yield Pair(name, text(row), text(rough), (slotted(row)[0], name))


def paraphrases(template: str) -> Iterator[Pair]:
    """Of the kit's behaviour tests: hand-written, in words far apart."""
    file = find_behaviour_file(template)
    for probe in load_behaviour_tests(file) if file else []:
        if isinstance(probe, Invariance) and probe.paraphrases:
            for case in probe.model_copy(update={"perturb": []}).make_cases():
                one, other = map(text, case.questions)
                yield Pair("paraphrases", one, other, (one.partition("\n")[0], other.partition("\n")[0]))


def different(rows: list[Row], rng: random.Random) -> Iterator[Pair]:
    """Pairs that must not share an answer."""
    yield from other_facts(rows, rng)
    for fact in facts(rows):
        subjects = some_of(sorted(fact.subjects), SUBJECTS, rng)
        for wording in sorted(fact.wordings):
            for one, other in combinations(subjects, 2) if "{}" in wording else ():
                record = any_of(fact.records, rng)
                pair = message(wording, one, record), message(wording, other, record)
                yield Pair("other_subject", *pair, (wording, wording))
    records = {row["input"] for row in rows} - {""}
    for row in some_of(answered(rows), RECORDS, rng):
        row_text, wording = text(row), slotted(row)[0]
        for figure in FIGURE.finditer(row_text):
            other = (
                row_text[: figure.start()] + str(int(figure[0]) + 1).zfill(len(figure[0])) + row_text[figure.end() :]
            )
            yield Pair("other_figure", row_text, other, (wording, wording))
        if row["input"]:
            other = text(row | {"input": any_of(records - {row["input"]}, rng)})
            yield Pair("other_record", row_text, other, (wording, wording))
        negated = AUXILIARY.sub(r"\1 not", row["instruction"], count=1)
        if negated != row["instruction"]:
            yield Pair("negation", row_text, text(row | {"instruction": negated}), (wording, wording))


def other_facts(rows: list[Row], rng: random.Random) -> Iterator[Pair]:
    """Above one record, every wording of a fact with every one of another, plain and roughened; and the rows' own."""
    for fact, rival in permutations(facts(rows), 2):
        record, subject = any_of(fact.records, rng), any_of(fact.subjects, rng)
        for wording, rivalling in product(sorted(fact.wordings), sorted(rival.wordings)):
            if subject or "{}" not in rivalling:
                rival_row = {"instruction": rivalling.replace("{}", subject), "input": record}
                for row in (rival_row, perturb(rival_row, [rng.choice(list(QUESTION_PERTURBATIONS))], rng)):
                    yield Pair("other_fact", message(wording, subject, record), text(row), (wording, rivalling))
    for one, other in combinations(answered(rows), 2):
        if one["key"] == other["key"] and one["facts"] != other["facts"]:
            yield Pair("other_fact", text(one), text(other), (slotted(one)[0], slotted(other)[0]))


def any_of(values: set[str], rng: random.Random) -> str:
    return rng.choice(sorted(values)) if values else ""


def some_of(values: list[T], most: int, rng: random.Random) -> list[T]:
    return rng.sample(values, min(most, len(values)))


def message(wording: str, subject: str, record: str) -> str:
    return text({"instruction": wording.replace("{}", subject), "input": record})


def text(row: Row) -> str:
    """As `chat.question` puts it."""
    return "\n".join(part for part in (row["instruction"], row["input"]) if part)
