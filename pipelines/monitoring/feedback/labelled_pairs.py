"""Pairs of answers of which is known which one is better: what a judge is measured on.

No dealership's experts have labelled pairs for us. What follows from a record is labelled by construction, and says so
in its kind; what people at the counter gave (thumbs, corrections) is taken from the request log, where there is any.
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
    question: Question
    better: str
    worse: str
    kind: str


def construct_pairs(rows: list[Row], count: int, seed: int = 17) -> list[LabelledPair]:
    """`count` pairs from rows with facts, evenly over CONSTRUCTED: the true answer, and one that

    wrong fact: says a fact of another record, or another field of this one; cut off: ends before the fact;
    refused: declines what it could answer; did not refuse: answers what is to be declined.
    """
    rng = random.Random(seed)
    rows = [row for row in rows if row["facts"]]
    rng.shuffle(rows)
    made = {kind: generate_pairs(kind, rows, rng) for kind in CONSTRUCTED_KINDS}
    found: list[LabelledPair] = []
    while len(found) < count:
        new = [pair for kind in CONSTRUCTED_KINDS if (pair := next(made[kind], None))]
        if not new:
            break
        found += new
    return found[:count]


def generate_pairs(kind: str, rows: list[Row], rng: random.Random) -> Iterator[LabelledPair]:
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
    """Pairs that people have judged: an answer and its correction; two answers to one question, one with thumb up and
    one with thumb down."""
    from pipelines.request_log import read_feedback

    found: list[LabelledPair] = []
    thumbs: dict[str, dict[str, tuple[list[chat_format.Message], str]]] = {}
    for row in read_feedback(template=template).to_pylist():
        if not row["messages"]:
            continue  # too old to be kept
        messages = [message for message in json.loads(row["messages"]) if message["role"] != "system"]
        if row["correction"] and row["correction"] != row["answer"]:
            found.append(LabelledPair(Question(messages, {}), row["correction"], row["answer"], "corrected"))
        if row["thumb"]:
            thumbs.setdefault(row["messages"], {}).setdefault(row["thumb"], (messages, row["answer"]))
    for said in thumbs.values():
        if len(said) == 2 and said["up"][1] != said["down"][1]:
            found.append(LabelledPair(Question(said["up"][0], {}), said["up"][1], said["down"][1], "thumbs"))
    return found
