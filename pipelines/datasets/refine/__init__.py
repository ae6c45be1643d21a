"""Rows that met their contract become train and held-out rows, each step saying what it drops and why."""

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
SECTIONS = ("template", "system_prompt", "questions", "contract", "refine", "privacy")  # what steps depend on
TRAIN, HELDOUT, LEAK = range(3)


def refine(validation: Validation, plan: TrainingPlan, work: Path) -> Splits:
    """Run `plan.refine.steps` over the rows, then split what is left.

    Returns:
        A folder with train.jsonl, heldout.jsonl, dropped.jsonl (each row with its `id`, the `step` that dropped it and
        its `reason`) and report.json (what each step did; rows per topic and kind of each split).

    Raises:
        WeaverError: a split, or a topic of a split, would be empty; or a step failed.
    """
    released = quarantine.released_ids(plan.template)
    settings = [plan.digest(*SECTIONS), plan.feedback.repeat]
    fingerprint = digest([validation.records.digest, settings, released, CODE.digest])[:12]

    def build(folder: Path) -> None:
        scratch, steps = folder / "scratch", len(plan.refine.steps)
        scratch.mkdir()
        source = Path(validation.records.uri) / "records.jsonl"
        kept, dropped, accounts = run_steps(source, validation.records.rows, plan, released, scratch)
        shutil.rmtree(scratch)
        progress.report_progress(plan.template, "refine", steps, steps + 1, "split")
        began, sides = perf_counter(), assign_sides(kept, plan)
        kept, sides = repeat_corrections(kept, sides, plan.feedback.repeat)
        account = StepStats("split")
        account.add(len(kept), perf_counter() - began)
        leaks = [mark_leaked(rows) for rows in select_batches(kept, sides == LEAK)]
        for rows in leaks:
            account.drop(rows)
        train, heldout = (
            (rows.drop_columns(["id"]) for rows in select_batches(kept, sides == side)) for side in (TRAIN, HELDOUT)
        )
        write_rows(folder / "train.jsonl", train)
        write_rows(folder / "heldout.jsonl", heldout)
        write_rows(folder / "dropped.jsonl", chain(*map(iterate_batches, dropped), leaks))
        report = {
            "digest": split.digest_files(folder),
            "steps": [account.report() for account in [*accounts, account]],
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
    """The side of each row: TRAIN, HELDOUT, or LEAK, a train row that asks nearly what a held-out one asks.

    Raises:
        WeaverError: a topic is missing on a side; or a question is still on both.
    """
    placed = zip(kept["group"].to_pylist(), kept["topic"].to_pylist(), strict=True)
    light: list[Any] = [
        {"group": group, "topic": topic, "number": number} for number, (group, topic) in enumerate(placed)
    ]
    _, held = split.split_rows(light, plan.refine.heldout_share, plan.refine.seed)
    sides = np.full(len(kept), TRAIN)
    sides[[row["number"] for row in held]] = HELDOUT
    heldout: list[Any] = [MappedRow(kept, row["number"]) for row in held]
    asked: Any = SelectedRows(kept, sides == TRAIN)
    sides[[row["number"] for row, _ in split.find_leaks(asked, heldout, plan.refine.near_duplicate)]] = LEAK
    train: Any = SelectedRows(kept, sides == TRAIN)
    split.assert_topics_on_both_sides(train, heldout)
    split.assert_no_leak(train, heldout, plan.refine.near_duplicate)
    return sides


def repeat_corrections(kept: pa.Table, sides: np.ndarray, times: int) -> tuple[pa.Table, np.ndarray]:
    """Rows and sides with each correction in training so many times: only here, where nothing looks for duplicates."""
    corrected = np.array(pc.equal(kept["source"], FEEDBACK)) & (sides == TRAIN)
    numbers = np.repeat(np.arange(len(kept)), np.where(corrected, times, 1))
    return (kept.take(numbers), sides[numbers]) if corrected.any() and times > 1 else (kept, sides)


class SelectedRows:
    """Chosen rows, as often as they are gone through; a batch of them is in memory at a time."""

    def __init__(self, table: pa.Table, chosen: np.ndarray) -> None:
        columns = [*QUESTION_COLUMNS, "group", "topic", "source"]
        self.table, self.chosen = table.select(columns).append_column("number", pa.array(np.arange(len(table)))), chosen

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in select_batches(self.table, self.chosen):
            yield from batch.to_pylist()


def mark_leaked(rows: pa.Table) -> pa.Table:
    told = {"reason": "near-duplicate of held-out", "step": "split"}
    for column, value in told.items():
        rows = rows.append_column(column, pa.array([value] * len(rows)))
    return rows


def select_batches(rows: pa.Table, chosen: np.ndarray) -> Iterator[pa.Table]:
    """The chosen rows, batch by batch."""
    start = 0
    for batch in iterate_batches(rows):
        yield batch.filter(pa.array(chosen[start : start + len(batch)]))
        start += len(batch)


def write_rows(path: Path, tables: Iterable[pa.Table]) -> None:
    with path.open("w", encoding="utf-8") as stream:
        for table in tables:
            stream.writelines(canonical_json(restore_row(row)) + "\n" for row in table.to_pylist())


def count_rows(rows: pa.Table, chosen: np.ndarray) -> dict[str, Any]:
    def count(column: str) -> dict[str, int]:
        counts = rows[column].filter(pa.array(chosen)).value_counts().to_pylist()
        return {count["values"]: count["counts"] for count in sorted(counts, key=lambda count: count["values"])}

    return {"rows": int(chosen.sum()), "topics": count("topic"), "kinds": count("kind")}
