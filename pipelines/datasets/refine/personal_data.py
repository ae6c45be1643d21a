"""The policy on personal data, applied to a row as a whole: its texts, and the facts that its answer is checked for."""

import json

import pyarrow as pa

from pipelines.core.files import canonical_json
from pipelines.core.plan import TrainingPlan
from pipelines.text import privacy
from pipelines.text.privacy import Change, apply_changes

TEXT_COLUMNS = ("instruction", "input", "output")
SEPARATOR = "\n\0\n"  # in no text, and no space to a pattern: nothing found reaches from one text into the next


def personal(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """Drop, mask or pseudonymise what `plan.privacy` says; a stand-in is the same throughout a template's dataset.

    A row to drop goes with its personal data masked: the quarantine keeps no secrets. Its `reason` names what it held.
    """
    key = privacy.derive_key(plan.template)
    columns: dict[str, list[str]] = {name: batch[name].to_pylist() for name in (*TEXT_COLUMNS, "facts")}
    reasons: list[str | None] = [None] * len(batch)
    for number, texts in enumerate(zip(*(columns[name] for name in TEXT_COLUMNS), strict=True)):
        whole = SEPARATOR.join(texts)  # read as one: the question may say whose name the answer mentions
        changes = privacy.find_changes(whole, plan.privacy, key)
        if not changes:
            continue
        start = 0
        for name, text in zip(TEXT_COLUMNS, texts, strict=True):
            columns[name][number] = apply_changes(whole, changes, start, start + len(text))
            answer = start  # of the last column, once the loop is through
            start += len(text) + len(SEPARATOR)
        facts = json.loads(columns["facts"][number])
        columns["facts"][number] = canonical_json(
            {fact: rewrite_fact(words, whole, answer, changes) for fact, words in facts.items()}
        )
        dropped = sorted({change.entity for change in changes if getattr(plan.privacy, change.entity) == "drop"})
        reasons[number] = f"personal data: {', '.join(dropped)}" if dropped else None
    for name, values in columns.items():
        batch = batch.set_column(batch.column_names.index(name), name, pa.array(values, pa.string()))
    return batch.append_column("reason", pa.array(reasons, pa.string()))


def rewrite_fact(words: str, whole: str, answer: int, changes: list[Change]) -> str:
    """How the changed answer, which begins at `answer`, puts what it said with these words.

    A fact that is part of a name or a number takes in the whole of it. One that the answer does not hold word by word
    (the contract allows it) is changed like the same words elsewhere in the row.
    """
    for begin in (answer, 0):
        at = whole.find(words, begin) if words else -1
        touched: list[Change] = []
        while at >= 0:
            touched = [change for change in changes if change.start < at + len(words) and at < change.end]
            if not touched:
                return words
            first, last = min(at, touched[0].start), max(at + len(words), touched[-1].end)
            if (again := whole.find(words, at + 1)) < 0:
                return apply_changes(whole, changes, first, last)
            at = again
    return words
