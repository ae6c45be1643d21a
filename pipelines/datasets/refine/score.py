"""Score the quality of a row: the weighted mean of several part scores, each read from its texts."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine.text_steps import repeated_share

WORD_RANGE = (3, 150)  # in an answer that is neither too short nor too long
ENOUGH_VARIETY = 0.5  # share of different words from which variety scores 1
CODE = re.compile(r"\w*\d(?:[\w.,:/-]*\w)?")  # P0420, the 150 of F-150, 2.0, 1,250: what an answer must not invent
QUESTION_WORDS = re.compile(
    r"\?|^(?:who|what|when|where|which|whose|why|how|is|are|was|does?|did|can|could|may|must|should|will|would|has|have|"
    r"compare|describe|explain|find|give|list|look|name|read|recommend|say|show|state|suggest|summari[sz]e|tell|write)\b",
    re.IGNORECASE,
)
SENTENCE_END = re.compile(r"""[.!?…]["'”\u2019)\]*_`]*$|```$""")
SHOUTING = re.compile(r"[!?]{3,}|(?:\b[A-Z]{2,}\b\W+){5}")


class ScorePart(NamedTuple):
    """One part of the quality score."""

    weight: float  # in the mean
    meaning: str  # when it is 1; for the report
    score: Callable[[dict[str, Any], TrainingPlan], float | None]  # 0 (bad) to 1 (good); None: does not apply


def quality(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """Add `quality`, 0 to 1; drop rows below `plan.refine.min_quality`, with the weakest part as the reason."""
    parts = score_parts(batch, plan)
    scores, least = weighted_mean(parts), plan.refine.min_quality
    reasons: list[str | None] = [None] * len(batch)
    for number in np.flatnonzero(scores < least).tolist():
        weakest = min(parts.column_names, key=lambda name: part_value(parts, name, number))
        reasons[number] = f"low quality, {weakest}: {scores[number]:.2f} < {least:.2f}"
    scored = batch.append_column("quality", pa.array(scores, pa.float64()))
    return scored.append_column("reason", pa.array(reasons, pa.string()))


def score_parts(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """The part scores of each row: a column per part, null where the part does not apply."""
    texts = ("instruction", "input", "output", "facts", "kind")
    columns = [column for column in (*texts, "relevance") if column in batch.column_names]
    rows = batch.select(columns).to_pylist()
    return pa.table(
        {name: pa.array([part.score(row, plan) for row in rows], pa.float64()) for name, part in SCORE_PARTS.items()}
    )


def weighted_mean(parts: pa.Table) -> np.ndarray:
    """The weighted mean of each row's part scores, rounded to two decimals; null parts have no weight."""
    values = np.stack([parts[name].to_numpy() for name in SCORE_PARTS])  # null → nan
    weights = np.array([part.weight for part in SCORE_PARTS.values()])[:, None] * ~np.isnan(values)
    return np.asarray(np.round((np.nan_to_num(values) * weights).sum(0) / weights.sum(0), 2))


def part_value(parts: pa.Table, name: str, number: int) -> float:
    """One part score of one row; 1 if the part does not apply."""
    value: float | None = parts[name][number].as_py()
    return 1.0 if value is None else value


def score_length(row: dict[str, Any], _: TrainingPlan) -> float:
    """Lower, the further the answer's number of words is outside WORD_RANGE."""
    fewest, most = WORD_RANGE
    words = len(row["output"].split())
    return min(1.0, words / fewest, most / max(words, 1))


def score_variety(row: dict[str, Any], _: TrainingPlan) -> float:
    """The share of different words in the answer, relative to ENOUGH_VARIETY."""
    words = row["output"].casefold().split()
    return min(1.0, len(set(words)) / max(len(words), 1) / ENOUGH_VARIETY)


def score_grounding(row: dict[str, Any], _: TrainingPlan) -> float | None:
    """Of a grounded answer's numbers and codes, the share that record, facts or question contain."""
    stated = find_codes(row["output"]) if row["kind"] == "grounded" else set()
    supported = find_codes(f"{row['input']} {row['facts']} {row['instruction']}") if stated else set()
    return len(stated & supported) / len(stated) if stated else None


def find_codes(text: str) -> set[str]:
    """The words of a text that contain a digit, in lower case, without thousands separators."""
    return {code.casefold().replace(",", "") for code in CODE.findall(text)}


def score_question(row: dict[str, Any], _: TrainingPlan) -> float:
    """Whether the instruction asks or orders something."""
    return (
        1.0
        if QUESTION_WORDS.search(row["instruction"])
        else 0.5
        if len(row["instruction"].split()) >= WORD_RANGE[0]
        else 0.0
    )


def score_repetition(row: dict[str, Any], _: TrainingPlan) -> float:
    """One minus the share of the answer's trigrams that it repeats."""
    return 1.0 - repeated_share(row["output"])


def score_punctuation(row: dict[str, Any], _: TrainingPlan) -> float:
    """Whether the answer begins and ends like a sentence, and has no shouting."""
    text = row["output"]
    brief = len(text.split()) <= WORD_RANGE[0]
    checks = (not text[:1].islower(), brief or bool(SENTENCE_END.search(text)), not SHOUTING.search(text))
    return sum(checks) / len(checks)


def score_relevance(row: dict[str, Any], plan: TrainingPlan) -> float | None:
    """1 from twice the threshold on: whether a cosine is 0.3 or 0.5 says nothing about quality."""
    if (relevance := row.get("relevance")) is None or plan.refine.relevance <= 0:
        return None
    return min(1.0, max(0.0, float(relevance) / (2 * plan.refine.relevance)))


SCORE_PARTS = {
    "length": ScorePart(1, f"the answer has {WORD_RANGE[0]} to {WORD_RANGE[1]} words", score_length),
    "variety": ScorePart(1, "the answer's words are varied", score_variety),
    "grounded": ScorePart(
        3,
        "the record, facts or question contain every number and code of a grounded answer",
        score_grounding,
    ),
    "question": ScorePart(1, "the instruction asks or orders something", score_question),
    "repetition": ScorePart(1, "the answer does not repeat its phrases", score_repetition),
    "punctuation": ScorePart(1, "the answer begins and ends like a sentence, and does not shout", score_punctuation),
    "relevance": ScorePart(1, "the question is similar to the template's sample questions", score_relevance),
}
