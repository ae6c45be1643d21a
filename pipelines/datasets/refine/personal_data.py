"""Apply the policy on personal data to a row: to its texts, and to the facts that its answer is checked for."""

import json

import pyarrow as pa

from pipelines.core.files import canonical_json
from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine.step_report import REPLACED
from pipelines.text import privacy
from pipelines.text.privacy import Change, apply_changes

TEXT_COLUMNS = ("instruction", "input", "output")
EXAMPLES, EXAMPLE_CHARS = 3, 40  # of each kind in a batch; on either side of a replacement
SEPARATOR = "\n\0\n"  # occurs in no text, and no pattern matches across it


def personal(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """Drop, mask or pseudonymise as `plan.privacy` says; a value has one pseudonym throughout a template's dataset.

    The personal data of a dropped row are masked, so that the quarantine holds none. Its `reason` names their kinds.
    The table's metadata has a few examples of each kind for the report.
    """
    key = privacy.derive_key(plan.template)
    columns: dict[str, list[str]] = {name: batch[name].to_pylist() for name in (*TEXT_COLUMNS, "facts")}
    reasons: list[str | None] = [None] * len(batch)
    examples: dict[str, list[dict[str, str]]] = {}
    for number, texts in enumerate(zip(*(columns[name] for name in TEXT_COLUMNS), strict=True)):
        row_text = SEPARATOR.join(texts)  # searched together: the question may announce a name that the answer repeats
        changes = privacy.find_changes(row_text, plan.privacy, key)
        if not changes:
            continue
        add_examples(examples, row_text, changes)
        start = 0
        for name, text in zip(TEXT_COLUMNS, texts, strict=True):
            columns[name][number] = apply_changes(row_text, changes, start, start + len(text))
            answer_start = start  # after the loop: where the last column, the output, begins
            start += len(text) + len(SEPARATOR)
        facts = json.loads(columns["facts"][number])
        columns["facts"][number] = canonical_json(
            {fact: rewrite_fact(words, row_text, answer_start, changes) for fact, words in facts.items()}
        )
        dropped = sorted({change.entity for change in changes if getattr(plan.privacy, change.entity) == "drop"})
        reasons[number] = f"personal data: {', '.join(dropped)}" if dropped else None
    for name, values in columns.items():
        batch = batch.set_column(batch.column_names.index(name), name, pa.array(values, pa.string()))
    batch = batch.append_column("reason", pa.array(reasons, pa.string()))
    return batch.replace_schema_metadata({REPLACED: json.dumps(examples)})


def add_examples(examples: dict[str, list[dict[str, str]]], text: str, changes: list[Change]) -> None:
    """Add before and after of up to EXAMPLES changes of a kind, with the words around them.

    What was there shows as its form only, Xxxx Xxxxxx or (000) 000-0000: a report holds no personal data.
    """
    for number, change in enumerate(changes):
        shown = examples.setdefault(change.entity, [])
        if len(shown) < EXAMPLES:
            line_start = text.rfind("\n", 0, change.start) + 1
            line_end = text.find("\n", change.end)
            start = max(line_start, change.start - EXAMPLE_CHARS)
            end = min(line_end if line_end >= 0 else len(text), change.end + EXAMPLE_CHARS)
            others = changes[:number], changes[number + 1 :]
            before = apply_changes(text, others[0], start, change.start)
            after = apply_changes(text, others[1], change.end, end)
            shown.append(
                {
                    "before": before + hide_letters(text[change.start : change.end]) + after,
                    "after": before + change.replacement + after,
                }
            )


def hide_letters(text: str) -> str:
    """The form of a value: Ann-Lee 12 becomes Xxx-Xxx 00."""
    return "".join("0" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c for c in text)


def rewrite_fact(words: str, row_text: str, answer_start: int, changes: list[Change]) -> str:
    """A fact as the changed answer states it.

    A fact that is part of a changed name or number becomes the full replacement. A fact that the answer does not
    contain word by word, which the contract allows, is changed like the same words elsewhere in the row.

    Args:
        words: the fact before the change.
        answer_start: where the answer begins in `row_text`.
    """
    for begin in (answer_start, 0):
        at = row_text.find(words, begin) if words else -1
        touched: list[Change] = []
        while at >= 0:
            touched = [change for change in changes if change.start < at + len(words) and at < change.end]
            if not touched:
                return words
            first, last = min(at, touched[0].start), max(at + len(words), touched[-1].end)
            if (again := row_text.find(words, at + 1)) < 0:
                return apply_changes(row_text, changes, first, last)
            at = again
    return words
