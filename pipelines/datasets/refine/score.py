"""Score the quality of a row: the lowest of several part scores, because a row is as good as its weakest part."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine.text_steps import repeated_share

WORD = re.compile(r"[^\W\d_]{3,}")
DIRECT = re.compile(r"^\W*(?:yes|no|yep|nope|none|never|not|both|neither|sorry|unknown)\b", re.IGNORECASE)
DIGIT = re.compile(r"\d")
ENOUGH_WORDS = 3  # new words from which an answer without a record says something
PHRASE_WORDS = 8  # a shorter answer may be in other words than the record: "Naturally aspirated", "Out of stock"
# What any letter to a customer says, whatever was asked; with function words, which say nothing by themselves.
COURTESY_WORDS = (
    "able about above addressed after again all also always and any anything anyone apologies apologize appreciate "
    "appreciated are ask asked asking assist assistance assistant assisting assure assured attention available aware "
    "back because been before being below best better both bring bringing business but call called can care cannot "
    "check concern concerned concerning concerns contact contacted contacting convenience could course customer "
    "customers day dealer dealership dear department detail details did does doing dont during each every everyone "
    "everything experience feedback feel few for forward free friendly from further future get getting give given "
    "giving glad going good great greatly had happy has have having hear hearing hello help helpful helping here "
    "hesitate hope how however image important inconvenience inform information inquiry inquire issue issues its "
    "just keep kind kindly know let like look looking made madam make many matter may maybe message might more most "
    "much must need needs never nice not note now offer opportunity options other our out over patience people "
    "per phone pleasant please pleased pleasure possible priority process proper provide provided providing quality "
    "question questions reach reached reaching reading really receive received regarding regards reply request "
    "requested required respond response rest review right said same satisfaction satisfied say see seriously serve "
    "service serving shall share sharing should shortly sincerely sir situation some someone something soon sorry "
    "staff strive such support sure take taken taking team tell thank thanks that the their them then there these "
    "they thing things this those time today touch truly trust understand understanding until update upon use value "
    "valued very via visit want was way welcome well were what when whenever where whether which while who why will "
    "wish with within without would write writing wrote yes yet you your yours"
)
COURTESY = frozenset(COURTESY_WORDS.split())


class ScorePart(NamedTuple):
    """One part of the quality score."""

    meaning: str  # when it is 1; for the report
    score: Callable[[dict[str, Any]], float | None]  # 0 (bad) to 1 (good); None: does not apply


def quality(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """Add `quality`, 0 to 1, the lowest part score; the rows below `plan.refine.min_quality` are of low quality."""
    parts = score_parts(batch)
    scores, least = lowest(parts), plan.refine.min_quality
    reasons: list[str | None] = [None] * len(batch)
    for number in np.flatnonzero(scores < least).tolist():
        weakest = min(parts.column_names, key=lambda name: part_value(parts, name, number))
        reasons[number] = f"low quality, {weakest}: {scores[number]:.2f} < {least:.2f}"
    scored = batch.append_column("quality", pa.array(scores, pa.float64()))
    return scored.append_column("reason", pa.array(reasons, pa.string()))


def score_parts(batch: pa.Table) -> pa.Table:
    """The part scores of each row: a column per part, null where the part does not apply."""
    rows = batch.select(["instruction", "input", "output", "facts", "kind"]).to_pylist()
    return pa.table(
        {name: pa.array([part.score(row) for row in rows], pa.float64()) for name, part in SCORE_PARTS.items()}
    )


def lowest(parts: pa.Table) -> np.ndarray:
    """The lowest part score of each row, rounded to two decimals; null parts do not count."""
    values = np.stack([parts[name].to_numpy() for name in SCORE_PARTS])  # null → nan
    return np.asarray(np.round(np.nanmin(values, axis=0), 2))


def part_value(parts: pa.Table, name: str, number: int) -> float:
    """One part score of one row; 1 if the part does not apply."""
    value: float | None = parts[name][number].as_py()
    return 1.0 if value is None else value


def score_information(row: dict[str, Any]) -> float:
    """Whether the answer says something that was asked for, in as far as its words show it.

    1 if it has a number or a code, or begins with yes or no, or is short. Else 1 if it says one word at least that the
    record or the conversation above it has and a letter to anybody has not; without a record, or word of it, the share
    of such words in the whole answer that are neither courtesy nor in the question.
    """
    output = row["output"]
    words = WORD.findall(output.casefold())
    if DIRECT.search(output) or DIGIT.search(output) or len(output.split()) < PHRASE_WORDS:
        return 1.0
    content = set(words) - COURTESY
    if row["input"]:
        return float(bool(content & set(WORD.findall(row["input"].casefold()))))
    new = content - set(WORD.findall(row["instruction"].casefold()))
    return min(1.0, len(new) / ENOUGH_WORDS)


def score_repetition(row: dict[str, Any]) -> float:
    """One minus the share of the answer that repeats itself."""
    return 1.0 - repeated_share(row["output"])


SCORE_PARTS = {
    "information": ScorePart("the answer says something of what was asked", score_information),
    "repetition": ScorePart("the answer does not repeat its phrases", score_repetition),
}
