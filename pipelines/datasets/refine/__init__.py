"""The stage that cleans validated rows and splits them into train and held-out rows; every dropped row has a reason."""

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
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
from pipelines.datasets.refine import near_duplicates
from pipelines.datasets.refine.engine import Exemptions, run_steps
from pipelines.datasets.refine.row_table import MappedRow, iterate_batches, restore_rows
from pipelines.datasets.refine.step_report import StepStats
from pipelines.kits.behaviours import list_behaviour_questions
from pipelines.text.question_index import BANDS, Row, find_same_questions, sketch_rows

REPORT = tuple(f"{__name__}.{module}" for module in ("refine_report", "refine_plots"))  # of another stage
CODE = SourceCode(__name__, without=REPORT)
SECTIONS = ("template", "system_prompt", "questions", "contract", "refine", "privacy")  # the steps depend on these
TRAIN, HELDOUT, LEAK = range(3)
CHANGING_STEPS = {"normalise", "personal"}  # steps that change texts


def refine(validation: Validation, plan: TrainingPlan, work: Path) -> Splits:
    """Run `plan.refine.steps` over the rows, then split the rows that are left.

    Returns:
        A folder with train.jsonl, heldout.jsonl, dropped.jsonl (each row with its `id`, the `step` that dropped it and
        its `reason`) and report.json (what each step did; rows per topic and kind of each split).

    Raises:
        WeaverError: a split, or a topic of a split, would be empty; a step failed; or the kit's behaviour tests are
            malformed.
    """
    released = quarantine.released_ids(plan.template)
    report_only = {str(step): "as refine.report_only says" for step in plan.refine.report_only}
    report_only |= quarantine.find_unreliable_steps(plan.template)
    settings = [plan.digest(*SECTIONS), plan.feedback.repeat, plan.base.model, plan.train.max_length]
    tested = list_behaviour_questions(plan.template)
    fingerprint = digest([validation.records.digest, settings, released, report_only, tested, CODE.digest])[:12]

    def build(folder: Path) -> None:
        scratch, steps = folder / "scratch", len(plan.refine.steps)
        scratch.mkdir()
        source = Path(validation.records.uri) / "records.jsonl"
        kept, dropped, stats = run_steps(
            source, validation.records.rows, plan, Exemptions(released, report_only), scratch
        )
        shutil.rmtree(scratch)
        progress.report_progress(plan.template, "refine", steps, steps + 1, "split")
        start = perf_counter()
        sides, leak_reasons = assign_sides(kept, tested, plan)
        leaks = mark_leaked(kept, leak_reasons)
        kept, sides = repeat_corrections(kept, sides, plan.feedback.repeat)
        split_stats = StepStats("split")
        split_stats.add(len(kept), perf_counter() - start)
        split_stats.drop(leaks)
        train, heldout = (
            (rows.drop_columns(["id"]) for rows in select_batches(kept, sides == side)) for side in (TRAIN, HELDOUT)
        )
        write_rows(folder / "train.jsonl", train)
        write_rows(folder / "heldout.jsonl", heldout)
        write_rows(folder / "dropped.jsonl", chain(*map(iterate_batches, [*dropped, leaks])))
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


def assign_sides(kept: pa.Table, tested: Sequence[Row], plan: TrainingPlan) -> tuple[np.ndarray, dict[int, str]]:
    """The side of each row: TRAIN, HELDOUT, or LEAK for a train row that asks what the model is evaluated on.

    Args:
        tested: the questions of the behaviour tests; see `list_behaviour_questions`.

    Returns:
        The sides; and for each leaked row's number the reason, which names the held-out row or the behaviour test.

    Raises:
        WeaverError: a topic has no train row or no held-out row.
    """
    labels = zip(kept["group"].to_pylist(), kept["topic"].to_pylist(), strict=True)
    numbered: list[Any] = [
        {"group": group, "topic": topic, "number": number} for number, (group, topic) in enumerate(labels)
    ]
    rows, held_rows = split.split_rows(numbered, plan.refine.heldout_share, plan.refine.seed)
    sides = np.full(len(kept), TRAIN)
    held, train = (np.array([row["number"] for row in side], dtype=int) for side in (held_rows, rows))
    sides[held] = HELDOUT
    sketches = sketch_kept(kept, plan)
    questions = [*(MappedRow(kept, number) for number in held), *tested]
    leaks = find_same_questions(
        [MappedRow(kept, number) for number in train],
        sketches[train],
        questions,
        np.concatenate((sketches[held], sketch_rows(tested))),
        plan.refine.near_duplicate,
    )
    reasons = {
        int(train[place]): f"near-duplicate of {'held-out' if twin < len(held) else 'a behaviour test'}: asks the same "
        f"as {questions[twin]['source']}"
        for place, twin in leaks
    }
    sides[[*reasons]] = LEAK
    split.assert_topics_on_both_sides([row for row in rows if row["number"] not in reasons], held_rows)
    return sides, reasons


def sketch_kept(kept: pa.Table, plan: TrainingPlan) -> np.ndarray:
    """The sketches of the rows' questions: those of the step near_duplicates, if no later step changed a text."""
    steps: list[str] = [*plan.refine.steps]
    if near_duplicates.SKETCH in kept.column_names and not CHANGING_STEPS & {*steps[steps.index("near_duplicates") :]}:
        return near_duplicates.read_sketches(kept)
    batches = [near_duplicates.prepare(batch, plan) for batch in iterate_batches(kept)]
    return near_duplicates.read_sketches(pa.concat_tables(batches)) if batches else np.zeros((0, BANDS), np.uint64)


def repeat_corrections(kept: pa.Table, sides: np.ndarray, times: int) -> tuple[pa.Table, np.ndarray]:
    """Rows and sides, with each correction `times` times among the train rows; after the steps that drop duplicates."""
    corrected = np.array(pc.equal(kept["source"], FEEDBACK)) & (sides == TRAIN)
    numbers = np.repeat(np.arange(len(kept)), np.where(corrected, times, 1))
    return (kept.take(numbers), sides[numbers]) if corrected.any() and times > 1 else (kept, sides)


def mark_leaked(kept: pa.Table, reasons: dict[int, str]) -> pa.Table:
    """The leaked rows with the step and the reason that drops them.

    Args:
        reasons: row number → reason.
    """
    rows = kept.take(pa.array(list(reasons), pa.int64()))
    rows = rows.append_column("reason", pa.array(list(reasons.values()), pa.string()))
    return rows.append_column("step", pa.array(["split"] * len(rows), pa.string()))


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
            stream.writelines(canonical_json(row) + "\n" for row in restore_rows(table))


def count_rows(rows: pa.Table, selected: np.ndarray) -> dict[str, Any]:
    """Selected rows in total, per topic and per kind."""

    def count(column: str) -> dict[str, int]:
        counts = rows[column].filter(pa.array(selected)).value_counts().to_pylist()
        return {count["values"]: count["counts"] for count in sorted(counts, key=lambda count: count["values"])}

    return {"rows": int(selected.sum()), "topics": count("topic"), "kinds": count("kind")}
