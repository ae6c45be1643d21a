"""How good a row is, as one number that can be taken apart: the weighted mean of a few readings of its texts."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine.text_steps import repeated

WORDS = (3, 150)  # of an answer that is neither a mere yes nor an essay
VARIED = 0.5  # share of different words from which a text is varied enough
CODE = re.compile(r"\w*\d(?:[\w.,:/-]*\w)?")  # P0420, F-150's 150, 2.0, 1,250: what an answer must not make up
ASKS = re.compile(
    r"\?|^(?:who|what|when|where|which|whose|why|how|is|are|was|does?|did|can|could|may|must|should|will|would|has|have|"
    r"compare|describe|explain|find|give|list|look|name|read|recommend|say|show|state|suggest|summari[sz]e|tell|write)\b",
    re.IGNORECASE,
)
FINAL = re.compile(r"""[.!?…]["'”\u2019)\]*_`]*$|```$""")
SHOUTS = re.compile(r"[!?]{3,}|(?:\b[A-Z]{2,}\b\W+){5}")


class Part(NamedTuple):
    """weight: in the mean. meaning: for people. read: a row → 0 (bad) to 1 (good), or None where it says nothing."""

    weight: float
    meaning: str
    read: Callable[[dict[str, Any], TrainingPlan], float | None]


def quality(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """Add `quality`, 0 to 1; rows below `plan.refine.min_quality` go, and the reason names what is weakest in them."""
    found = parts(batch, plan)
    scores, least = mean(found), plan.refine.min_quality
    reasons: list[str | None] = [None] * len(batch)
    for number in np.flatnonzero(scores < least).tolist():
        weakest = min(found.column_names, key=lambda name: value(found, name, number))
        reasons[number] = f"low quality, {weakest}: {scores[number]:.2f} < {least:.2f}"
    scored = batch.append_column("quality", pa.array(scores, pa.float64()))
    return scored.append_column("reason", pa.array(reasons, pa.string()))


def parts(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """The readings of PARTS for each row: a column a part, null where it says nothing about a row."""
    texts = ("instruction", "input", "output", "facts", "kind")
    columns = [column for column in (*texts, "relevance") if column in batch.column_names]
    rows = batch.select(columns).to_pylist()
    return pa.table(
        {name: pa.array([part.read(row, plan) for row in rows], pa.float64()) for name, part in PARTS.items()}
    )


def mean(found: pa.Table) -> np.ndarray:
    """The weighted mean of each row's readings, two digits after the point; those that say nothing do not weigh."""
    readings = np.stack([found[name].to_numpy() for name in PARTS])  # null → nan
    weights = np.array([part.weight for part in PARTS.values()])[:, None] * ~np.isnan(readings)
    return np.round((np.nan_to_num(readings) * weights).sum(0) / weights.sum(0), 2)


def value(found: pa.Table, name: str, number: int) -> float:
    reading = found[name][number].as_py()
    return 1.0 if reading is None else reading


def length(row: dict[str, Any], _: TrainingPlan) -> float:
    fewest, most = WORDS
    words = len(row["output"].split())
    return min(1.0, words / fewest, most / max(words, 1))


def variety(row: dict[str, Any], _: TrainingPlan) -> float:
    words = row["output"].casefold().split()
    return min(1.0, len(set(words)) / max(len(words), 1) / VARIED)


def grounded(row: dict[str, Any], _: TrainingPlan) -> float | None:
    said = codes(row["output"]) if row["kind"] == "grounded" else set()
    known = codes(f"{row['input']} {row['facts']} {row['instruction']}") if said else set()
    return len(said & known) / len(said) if said else None


def codes(text: str) -> set[str]:
    """The words of a text that hold a digit, without case and thousands separators."""
    return {found.casefold().replace(",", "") for found in CODE.findall(text)}


def question(row: dict[str, Any], _: TrainingPlan) -> float:
    return 1.0 if ASKS.search(row["instruction"]) else 0.5 if len(row["instruction"].split()) >= WORDS[0] else 0.0


def repetition(row: dict[str, Any], _: TrainingPlan) -> float:
    return 1.0 - repeated(row["output"])


def punctuation(row: dict[str, Any], _: TrainingPlan) -> float:
    text = row["output"]
    brief = len(text.split()) <= WORDS[0]
    good = (not text[:1].islower(), brief or bool(FINAL.search(text)), not SHOUTS.search(text))
    return sum(good) / len(good)


def relevance(row: dict[str, Any], plan: TrainingPlan) -> float | None:
    """1 from twice the threshold on: how a cosine of 0.3 compares to one of 0.5 says nothing of quality."""
    if (found := row.get("relevance")) is None or plan.refine.relevance <= 0:
        return None
    return min(1.0, max(0.0, found / (2 * plan.refine.relevance)))


PARTS = {
    "length": Part(1, f"the answer has {WORDS[0]} to {WORDS[1]} words", length),
    "variety": Part(1, "the answer's words differ from each other", variety),
    "grounded": Part(
        3, "of a grounded answer's numbers and codes, the share that its record, facts or question hold", grounded
    ),
    "question": Part(1, "the instruction asks or orders something", question),
    "repetition": Part(1, "the answer does not repeat its phrases", repetition),
    "punctuation": Part(1, "the answer begins and ends like a sentence, and does not shout", punctuation),
    "relevance": Part(1, "the row is like the template's questions", relevance),
}
