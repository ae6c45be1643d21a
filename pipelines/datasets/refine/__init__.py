"""The stage that cleans validated rows and splits them into train and held-out rows; every dropped row has a reason."""

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core import progress
from pipelines.core.artifacts import FEEDBACK, Splits, Validation
from pipelines.core.files import canonical_json, digest, memoize_dir, write_text
from pipelines.core.fingerprint import SourceCode
from pipelines.core.plan import TrainingPlan
from pipelines.datasets import quarantine, split
from pipelines.datasets.refine.duplicates import QUESTION_COLUMNS
from pipelines.datasets.refine.engine import MappedRow, iterate_batches, restore_row, run_steps
from pipelines.datasets.refine.step_report import StepStats

REPORT = tuple(f"{__name__}.{module}" for module in ("refine_report", "refine_plots"))  # of another stage
CODE = SourceCode(__name__, without=REPORT)
SECTIONS = ("template", "system_prompt", "questions", "contract", "refine", "privacy")  # the steps depend on these
TRAIN, HELDOUT, LEAK = range(3)


def refine(validation: Validation, plan: TrainingPlan, work: Path) -> Splits:
    """Run `plan.refine.steps` over the rows, then split the rows that are left.

    Returns:
        A folder with train.jsonl, heldout.jsonl, dropped.jsonl (each row with its `id`, the `step` that dropped it and
        its `reason`) and report.json (what each step did; rows per topic and kind of each split).

    Raises:
        WeaverError: a split, or a topic of a split, would be empty; or a step failed.
    """
    released = quarantine.released_ids(plan.template)
    settings = [plan.digest(*SECTIONS), plan.feedback.repeat, plan.base.model, plan.train.max_length]
    fingerprint = digest([validation.records.digest, settings, released, CODE.digest])[:12]

    def build(folder: Path) -> None:
        scratch, steps = folder / "scratch", len(plan.refine.steps)
        scratch.mkdir()
        source = Path(validation.records.uri) / "records.jsonl"
        kept, dropped, stats = run_steps(source, validation.records.rows, plan, released, scratch)
        shutil.rmtree(scratch)
        progress.report_progress(plan.template, "refine", steps, steps + 1, "split")
        start, sides = perf_counter(), assign_sides(kept, plan)
        kept, sides = repeat_corrections(kept, sides, plan.feedback.repeat)
        split_stats = StepStats("split")
        split_stats.add(len(kept), perf_counter() - start)
        leaks = [mark_leaked(rows) for rows in select_batches(kept, sides == LEAK)]
        for rows in leaks:
            split_stats.drop(rows)
        train, heldout = (
            (rows.drop_columns(["id"]) for rows in select_batches(kept, sides == side)) for side in (TRAIN, HELDOUT)
        )
        write_rows(folder / "train.jsonl", train)
        write_rows(folder / "heldout.jsonl", heldout)
        write_rows(folder / "dropped.jsonl", chain(*map(iterate_batches, dropped), leaks))
        report = {
            "digest": split.digest_files(folder),
            "steps": [step.report() for step in [*stats, split_stats]],
            "train": count_rows(kept, sides == TRAIN),
            "heldout": count_rows(kept, sides == HELDOUT),
        }
        write_text(folder / "report.json", json.dumps(report, indent=1, ensure_ascii=False))

    folder = memoize_dir(work / "refine" / fingerprint, build)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    splits = Splits(
        uri=str(folder),
        digest=report["digest"],
        rows={name: report[name]["rows"] for name in ("train", "heldout")},
        dropped=dict(sum((Counter(step["dropped"]) for step in report["steps"]), Counter())),
    )
    return splits.save(quarantine.latest_splits_file(work))


def assign_sides(kept: pa.Table, plan: TrainingPlan) -> np.ndarray:
    """The side of each row: TRAIN, HELDOUT, or LEAK for a train row that asks nearly the same as a held-out row.

    Raises:
        WeaverError: a topic has no train row or no held-out row; or a question is still on both sides.
    """
    labels = zip(kept["group"].to_pylist(), kept["topic"].to_pylist(), strict=True)
    numbered: list[Any] = [
        {"group": group, "topic": topic, "number": number} for number, (group, topic) in enumerate(labels)
    ]
    _, held = split.split_rows(numbered, plan.refine.heldout_share, plan.refine.seed)
    sides = np.full(len(kept), TRAIN)
    sides[[row["number"] for row in held]] = HELDOUT
    heldout: list[Any] = [MappedRow(kept, row["number"]) for row in held]
    candidates: Any = SelectedRows(kept, sides == TRAIN)
    sides[[row["number"] for row, _ in split.find_leaks(candidates, heldout, plan.refine.near_duplicate)]] = LEAK
    train: Any = SelectedRows(kept, sides == TRAIN)
    split.assert_topics_on_both_sides(train, heldout)
    split.assert_no_leak(train, heldout, plan.refine.near_duplicate)
    return sides


def repeat_corrections(kept: pa.Table, sides: np.ndarray, times: int) -> tuple[pa.Table, np.ndarray]:
    """Rows and sides, with each correction `times` times among the train rows; after the steps that drop duplicates."""
    corrected = np.array(pc.equal(kept["source"], FEEDBACK)) & (sides == TRAIN)
    numbers = np.repeat(np.arange(len(kept)), np.where(corrected, times, 1))
    return (kept.take(numbers), sides[numbers]) if corrected.any() and times > 1 else (kept, sides)


class SelectedRows:
    """An iterable over selected rows that holds one batch of them in memory at a time."""

    def __init__(self, table: pa.Table, selected: np.ndarray) -> None:
        columns = [*QUESTION_COLUMNS, "group", "topic", "source"]
        self.table, self.selected = (
            table.select(columns).append_column("number", pa.array(np.arange(len(table)))),
            selected,
        )

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in select_batches(self.table, self.selected):
            yield from batch.to_pylist()


def mark_leaked(rows: pa.Table) -> pa.Table:
    """The rows with the step and the reason that drops them."""
    for column, value in {"reason": "near-duplicate of held-out", "step": "split"}.items():
        rows = rows.append_column(column, pa.array([value] * len(rows)))
    return rows


def select_batches(rows: pa.Table, selected: np.ndarray) -> Iterator[pa.Table]:
    """The selected rows, batch by batch.

    Args:
        selected: a boolean per row.
    """
    start = 0
    for batch in iterate_batches(rows):
        yield batch.filter(pa.array(selected[start : start + len(batch)]))
        start += len(batch)


def write_rows(path: Path, tables: Iterable[pa.Table]) -> None:
    """Write rows as JSON Lines."""
    with path.open("w", encoding="utf-8") as stream:
        for table in tables:
            stream.writelines(canonical_json(restore_row(row)) + "\n" for row in table.to_pylist())


def count_rows(rows: pa.Table, selected: np.ndarray) -> dict[str, Any]:
    """Selected rows in total, per topic and per kind."""

    def count(column: str) -> dict[str, int]:
        counts = rows[column].filter(pa.array(selected)).value_counts().to_pylist()
        return {count["values"]: count["counts"] for count in sorted(counts, key=lambda count: count["values"])}

    return {"rows": int(selected.sum()), "topics": count("topic"), "kinds": count("kind")}
