"""How good a row is, as one number that can be taken apart: the weighted mean of a few readings of its texts."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine.text_steps import repeated_share

WORD_RANGE = (3, 150)  # of an answer that is neither a mere yes nor an essay
ENOUGH_VARIETY = 0.5  # share of different words from which a text is varied enough
CODE = re.compile(r"\w*\d(?:[\w.,:/-]*\w)?")  # P0420, F-150's 150, 2.0, 1,250: what an answer must not make up
QUESTION_WORDS = re.compile(
    r"\?|^(?:who|what|when|where|which|whose|why|how|is|are|was|does?|did|can|could|may|must|should|will|would|has|have|"
    r"compare|describe|explain|find|give|list|look|name|read|recommend|say|show|state|suggest|summari[sz]e|tell|write)\b",
    re.IGNORECASE,
)
SENTENCE_END = re.compile(r"""[.!?…]["'”\u2019)\]*_`]*$|```$""")
SHOUTING = re.compile(r"[!?]{3,}|(?:\b[A-Z]{2,}\b\W+){5}")


class ScorePart(NamedTuple):
    """weight: in the mean. meaning: for people. read: a row → 0 (bad) to 1 (good), or None where it says nothing."""

    weight: float
    meaning: str
    read: Callable[[dict[str, Any], TrainingPlan], float | None]


def quality(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """Add `quality`, 0 to 1; rows below `plan.refine.min_quality` go, and the reason names what is weakest in them."""
    found = score_parts(batch, plan)
    scores, least = weighted_mean(found), plan.refine.min_quality
    reasons: list[str | None] = [None] * len(batch)
    for number in np.flatnonzero(scores < least).tolist():
        weakest = min(found.column_names, key=lambda name: part_value(found, name, number))
        reasons[number] = f"low quality, {weakest}: {scores[number]:.2f} < {least:.2f}"
    scored = batch.append_column("quality", pa.array(scores, pa.float64()))
    return scored.append_column("reason", pa.array(reasons, pa.string()))


def score_parts(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """The readings of PARTS for each row: a column a part, null where it says nothing about a row."""
    texts = ("instruction", "input", "output", "facts", "kind")
    columns = [column for column in (*texts, "relevance") if column in batch.column_names]
    rows = batch.select(columns).to_pylist()
    return pa.table(
        {name: pa.array([part.read(row, plan) for row in rows], pa.float64()) for name, part in SCORE_PARTS.items()}
    )


def weighted_mean(found: pa.Table) -> np.ndarray:
    """The weighted mean of each row's readings, two digits after the point; those that say nothing do not weigh."""
    readings = np.stack([found[name].to_numpy() for name in SCORE_PARTS])  # null → nan
    weights = np.array([part.weight for part in SCORE_PARTS.values()])[:, None] * ~np.isnan(readings)
    return np.round((np.nan_to_num(readings) * weights).sum(0) / weights.sum(0), 2)


def part_value(found: pa.Table, name: str, number: int) -> float:
    reading = found[name][number].as_py()
    return 1.0 if reading is None else reading


def score_length(row: dict[str, Any], _: TrainingPlan) -> float:
    fewest, most = WORD_RANGE
    words = len(row["output"].split())
    return min(1.0, words / fewest, most / max(words, 1))


def score_variety(row: dict[str, Any], _: TrainingPlan) -> float:
    words = row["output"].casefold().split()
    return min(1.0, len(set(words)) / max(len(words), 1) / ENOUGH_VARIETY)


def score_grounding(row: dict[str, Any], _: TrainingPlan) -> float | None:
    said = find_codes(row["output"]) if row["kind"] == "grounded" else set()
    known = find_codes(f"{row['input']} {row['facts']} {row['instruction']}") if said else set()
    return len(said & known) / len(said) if said else None


def find_codes(text: str) -> set[str]:
    """The words of a text that hold a digit, without case and thousands separators."""
    return {found.casefold().replace(",", "") for found in CODE.findall(text)}


def score_question(row: dict[str, Any], _: TrainingPlan) -> float:
    return (
        1.0
        if QUESTION_WORDS.search(row["instruction"])
        else 0.5
        if len(row["instruction"].split()) >= WORD_RANGE[0]
        else 0.0
    )


def score_repetition(row: dict[str, Any], _: TrainingPlan) -> float:
    return 1.0 - repeated_share(row["output"])


def score_punctuation(row: dict[str, Any], _: TrainingPlan) -> float:
    text = row["output"]
    brief = len(text.split()) <= WORD_RANGE[0]
    good = (not text[:1].islower(), brief or bool(SENTENCE_END.search(text)), not SHOUTING.search(text))
    return sum(good) / len(good)


def score_relevance(row: dict[str, Any], plan: TrainingPlan) -> float | None:
    """1 from twice the threshold on: how a cosine of 0.3 compares to one of 0.5 says nothing of quality."""
    if (found := row.get("relevance")) is None or plan.refine.relevance <= 0:
        return None
    return min(1.0, max(0.0, found / (2 * plan.refine.relevance)))


SCORE_PARTS = {
    "length": ScorePart(1, f"the answer has {WORD_RANGE[0]} to {WORD_RANGE[1]} words", score_length),
    "variety": ScorePart(1, "the answer's words differ from each other", score_variety),
    "grounded": ScorePart(
        3,
        "of a grounded answer's numbers and codes, the share that its record, facts or question hold",
        score_grounding,
    ),
    "question": ScorePart(1, "the instruction asks or orders something", score_question),
    "repetition": ScorePart(1, "the answer does not repeat its phrases", score_repetition),
    "punctuation": ScorePart(1, "the answer begins and ends like a sentence, and does not shout", score_punctuation),
    "relevance": ScorePart(1, "the row is like the template's questions", score_relevance),
}
