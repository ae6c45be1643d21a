"""Of rows that ask the same, keep the best one; where their answers state different facts, drop the doubtful one.

Rows are compared in their normal form (`pipelines/text`): a copy may differ in spelling, order, units, number formats,
courtesies and common synonyms. Facts must agree: numbers, codes, names and opposites such as city and highway.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine.answer_steps import find_answer_faults
from pipelines.datasets.refine.duplicates import row_texts
from pipelines.datasets.refine.engine import GlobalStep
from pipelines.datasets.refine.row_table import MappedRow
from pipelines.datasets.refine.score import lowest, score_parts
from pipelines.text.question_index import (
    BANDS,
    QUESTION_COLUMNS,
    Question,
    QuestionIndex,
    find_shared,
    sketch_questions,
)
from pipelines.text.same_text import Text, facts_conflict, says_the_same
from pipelines.text.spelling import is_known

SKETCH, SKETCH_BYTES = "sketch", 8 * BANDS
RANK_COLUMNS = ("instruction", "input", "output", "facts", "kind")
SHOWN_CHARS = 80


def prepare(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """What each row's question is found by."""
    instructions, inputs = (batch[column].to_pylist() for column in QUESTION_COLUMNS)
    sketches = sketch_questions(instructions, inputs)
    return pa.table({SKETCH: pa.array([sketch.tobytes() for sketch in sketches], pa.binary(SKETCH_BYTES))})


def decide(sketches: pa.Table, rows: pa.Table, plan: TrainingPlan) -> pa.Array:
    """The reason why a row is dropped, or null: one row of each group that asks the same is kept.

    Two rows whose answers conflict are both dropped only if nothing says which one is right; a person may release one.
    """
    reasons = np.full(len(rows), None, dtype=object)
    groups = find_groups(sketches, rows, plan.refine.near_duplicate)
    members = [number for group in groups for number in group]
    ranks = dict(zip(members, rank_rows(rows, members), strict=True))
    for group in groups:
        judge_group(sorted(group, key=lambda number: ranks[number], reverse=True), rows, reasons, plan)
    return pa.array(reasons, pa.string())


def read_sketches(rows: pa.Table) -> np.ndarray:
    """The sketches of rows that this step has seen: uint64 [rows, BANDS]."""
    return np.frombuffer(b"".join(rows[SKETCH].to_pylist()), np.uint64).reshape(len(rows), BANDS)


def find_groups(sketches: pa.Table, rows: pa.Table, threshold: float) -> list[list[int]]:
    """The groups of two or more rows that ask the same; only rows whose sketches share a key are compared."""
    index, groups = QuestionIndex(threshold), list[list[int]]()
    for number, keys in enumerate(find_shared(read_sketches(sketches))):
        if not keys:
            continue
        question = Question(MappedRow(rows, number))
        leader = index.find(question, keys)
        if leader is None:
            index.add(question, keys)
            groups.append([number])
        else:
            groups[leader].append(number)
    return [group for group in groups if len(group) > 1]


def rank_rows(rows: pa.Table, numbers: list[int]) -> Iterator[tuple[bool, float, int, int]]:
    """What rows are ranked by, the better the higher: no fault, quality, few misspelt words, an early place."""
    if not numbers:
        return
    chosen = rows.select(RANK_COLUMNS).take(pa.array(numbers)).combine_chunks()
    faults, scores = find_answer_faults(chosen), lowest(score_parts(chosen))
    texts = (" ".join(columns).split() for columns in row_texts(chosen))
    for number, fault, score, words in zip(numbers, faults.to_pylist(), scores, texts, strict=True):
        unknown = sum(word.isalpha() and not is_known(word.casefold()) for word in words)
        yield fault is None, round(float(score), 2), -unknown, -number


def judge_group(group: list[int], rows: pa.Table, reasons: np.ndarray, plan: TrainingPlan) -> None:
    """Give a reason to all rows of a group but the best; to that too if another contradicts it, and it may be wrong.

    Args:
        group: numbers of rows that ask the same, the best first.
        reasons: of all rows; changed.
    """
    best, *others = (Answer(rows, number) for number in group)
    for other in others:
        if says_the_same(best.text, other.text, plan.refine.near_duplicate):
            reasons[other.number] = f"near-duplicate: asks and answers the same as {best.source}"
        elif not facts_conflict(best.text, other.text):
            reasons[other.number] = f"near-duplicate: asks the same as {best.source}, and is answered in other words"
        else:
            answers = f"'{best.shown}' ({best.source}) and '{other.shown}' ({other.source})"
            doubtful = find_doubtful(best, other)
            if doubtful is None:
                reasons[best.number] = reasons[other.number] = (
                    f"contradictory answers: {answers}; release the right one"
                )
            elif reasons[best.number] is None or doubtful is other:
                kept = other if doubtful is best else best
                reasons[doubtful.number] = f"contradictory answers: {answers}; the one of {kept.source} is kept"
                best = kept


class Answer:
    """A row's answer, and what speaks for it."""

    def __init__(self, rows: pa.Table, number: int) -> None:
        row = MappedRow(rows, number)
        self.number, self.source, self.text = number, str(row["source"]), Text(row["output"])
        self.shown = row["output"][:SHOWN_CHARS]
        self.record = row["facts"] != "{}"  # its source says which facts the answer must hold
        self.evidence = f"{row['input']} {row['facts']}"

    @property
    def file(self) -> str:
        """Its source without the number of the row."""
        return self.source.rpartition(":")[0] or self.source

    def is_supported(self) -> bool:
        """Whether its numbers and codes are in its own context or facts."""
        return bool(self.text.numbers) and self.text.numbers.keys() <= Text(self.evidence).numbers.keys()


def find_doubtful(one: Answer, other: Answer) -> Answer | None:
    """The answer of two that is less to be trusted; None if nothing says which.

    It is the one that its own context does not support; else the one without facts of a record; else the older one, if
    they come from two files: uploads are in the order in which they were added.
    """
    for speaks_for in (Answer.is_supported, lambda answer: answer.record):
        if speaks_for(one) != speaks_for(other):
            return other if speaks_for(one) else one
    if one.file != other.file:
        return min(one, other, key=lambda answer: answer.number)
    return None


near_duplicates = GlobalStep(prepare, decide, (SKETCH,))
