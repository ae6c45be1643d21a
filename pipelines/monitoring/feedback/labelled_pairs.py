"""Pairs of answers with a label which one is better, on which a judge is measured.

No experts of a dealership have labelled pairs for us. Pairs that are made from records are labelled by construction,
and their kind says so; those from ratings (thumbs, corrections) come from the request log, if it has any.
"""

import json
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from pipelines.monitoring.feedback.fact_check import Question
from pipelines.text import chat_format
from pipelines.text.facts import contains_fact, find_fact

Row = dict[str, Any]

CONSTRUCTED_KINDS = ("wrong fact", "cut off", "refused", "did not refuse")


class LabelledPair(NamedTuple):
    """Two answers to a question, and why one is worse: `kind`."""

    question: Question
    better: str
    worse: str
    kind: str


def construct_pairs(rows: list[Row], count: int, seed: int = 17) -> list[LabelledPair]:
    """Make `count` pairs from rows with facts, evenly over CONSTRUCTED_KINDS: the true answer, and one with a fault.

    Faults are: wrong fact, a fact of another record or another field of this one; cut off, before the fact; refused,
    although it could be answered; did not refuse, although it should be declined.
    """
    rng = random.Random(seed)
    rows = [row for row in rows if row["facts"]]
    rng.shuffle(rows)
    generators = {kind: generate_pairs(kind, rows, rng) for kind in CONSTRUCTED_KINDS}
    labelled: list[LabelledPair] = []
    while len(labelled) < count:
        new = [pair for kind in CONSTRUCTED_KINDS if (pair := next(generators[kind], None))]
        if not new:
            break
        labelled += new
    return labelled[:count]


def generate_pairs(kind: str, rows: list[Row], rng: random.Random) -> Iterator[LabelledPair]:
    """The pairs of one kind that the rows allow."""
    answered = [row for row in rows if row["kind"] != "refusal"]
    declined = [row for row in rows if row["kind"] == "refusal"]
    values: dict[tuple[str, str], set[str]] = {}
    for row in answered:
        for column, value in row["facts"].items():
            values.setdefault((row["topic"], column), set()).add(value)
    for row in declined if kind == "did not refuse" else answered:
        column, fact = next(iter(row["facts"].items()))
        worse = ""
        if kind == "wrong fact" and fact in row["output"]:
            others = sorted(values[row["topic"], column] - {fact})
            worse = row["output"].replace(fact, rng.choice(others)) if others else ""
        elif kind == "cut off" and (place := find_fact(fact, row["output"])):
            worse = row["output"][:place].rstrip()
        elif kind == "refused" and declined:
            worse = rng.choice(declined)["output"]
        elif kind == "did not refuse" and answered:
            worse = rng.choice(answered)["output"]
        if worse and not contains_fact(fact, worse):
            yield LabelledPair(Question(chat_format.user_messages(row), row["facts"]), row["output"], worse, kind)


def read_rated_pairs(template: str) -> list[LabelledPair]:
    """Pairs from ratings: an answer and its correction; two answers to one question, one with thumb up, one with thumb
    down."""
    from pipelines.request_log import read_feedback

    labelled: list[LabelledPair] = []
    thumbs: dict[str, dict[str, tuple[list[chat_format.Message], str]]] = {}
    for row in read_feedback(template=template).to_pylist():
        if not row["messages"]:
            continue  # the answer is deleted, as it was too old
        messages = [message for message in json.loads(row["messages"]) if message["role"] != "system"]
        if row["correction"] and row["correction"] != row["answer"]:
            labelled.append(LabelledPair(Question(messages, {}), row["correction"], row["answer"], "corrected"))
        if row["thumb"]:
            thumbs.setdefault(row["messages"], {}).setdefault(row["thumb"], (messages, row["answer"]))
    for by_thumb in thumbs.values():
        if len(by_thumb) == 2 and by_thumb["up"][1] != by_thumb["down"][1]:
            labelled.append(
                LabelledPair(Question(by_thumb["up"][0], {}), by_thumb["up"][1], by_thumb["down"][1], "thumbs")
            )
    return labelled
