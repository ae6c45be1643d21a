"""Run the refinement steps of a plan over Arrow batches, and account for every row.

A step is one of two things:

- a function `step(batch: pa.Table, plan) -> pa.Table` that returns the same rows in the same order. It may change texts
  and add columns, and it adds a column `reason`: a string that says why the row is dropped, or null if it is kept. The
  part of a reason before ": " is its category, by which dropped rows are counted;
- a `GlobalStep`, which must see all rows: `prepare(batch, plan)` reduces a batch to a few bytes per row, on any
  machine; `decide(sketches, rows, plan)` returns the reasons of all rows, in their order.

Between steps the rows are in memory-mapped Arrow IPC files. A run holds in memory a few batches, and the few bytes that
global steps keep of each row, but never all texts.
"""

import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from itertools import groupby
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core import progress
from pipelines.core.errors import WeaverError
from pipelines.core.files import canonical_json
from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine.row_table import SpillFile, iterate_batches, parse_lines, read_lines
from pipelines.datasets.refine.step_report import REPLACED, StepStats
from pipelines.datasets.refine.workers import Workers
from pipelines.text.counts import format_count

STEPS = {
    "normalise": "text_steps:normalise",
    "personal": "personal_data:personal",
    "language": "text_steps:language",
    "length": "text_steps:length",
    "repetition": "text_steps:repetition",
    "exact_duplicates": "duplicates:exact_duplicates",
    "near_duplicates": "near_duplicates:near_duplicates",
    "relevance": "relevance:relevance",
    "answers": "answer_steps:answers",
    "quality": "score:quality",
    "sample": "sample:sample",
}
CHANGEABLE_COLUMNS = ("instruction", "input", "output", "facts")
RESULT_COLUMNS = ["step", "reason", "stats"]  # columns that a pass adds to its rows
KEPT = pa.scalar(None, pa.string())


class GlobalStep(NamedTuple):
    """A step that must see all rows before it decides."""

    prepare: Callable[[pa.Table, TrainingPlan], pa.Table]  # a batch → a table of as many rows: what the decision needs
    decide: Callable[[pa.Table, pa.Table, TrainingPlan], pa.Array]  # these tables, all rows → an array of reasons
    columns: tuple[str, ...] = ()  # of these tables, those that the rows have from then on; of bytes


class Exemptions(NamedTuple):
    """The rows that are kept although a step rejects them."""

    released: Mapping[str, list[str]] = {}  # step → ids of the rows that pass it by a release
    report_only: Mapping[str, str] = {}  # step that rejects rows for the report only → why


class RefineResult(NamedTuple):
    """The rows after all steps."""

    kept: pa.Table
    dropped: list[pa.Table]  # per step: the rows that it dropped, with `step` and `reason`
    stats: list[StepStats]


def run_steps(records: Path, rows: int, plan: TrainingPlan, exempt: Exemptions, scratch: Path) -> RefineResult:
    """Run `plan.refine.steps` over the rows of a records.jsonl.

    Args:
        rows: how many there are.
        exempt: what no step drops. The report counts it, with examples of what a step that only reports rejects.
        scratch: a folder for files between steps.

    Raises:
        WeaverError: a step returns other rows than it was given, or Ray is not installed or does not start.
    """
    steps: list[str] = [*plan.refine.steps]
    stats = {name: StepStats(name, report_only=exempt.report_only.get(name, "")) for name in steps}
    dropped = {name: SpillFile(scratch / f"dropped-{name}") for name in steps}
    spill = SpillFile(scratch / "lines")
    for table in read_lines(records, plan.refine.batch_rows):
        spill.write(table)
    kept = spill.read()
    with Workers(plan.refine.engine, rows) as workers:
        for number, names in enumerate(groups := group_passes(steps)):
            progress.report_progress(plan.template, "refine", number, len(groups) + 1, ", ".join(names) or "read")
            if not len(kept):
                break
            spill = SpillFile(scratch / f"kept-{number}")
            run_pass = run_global_pass if names and isinstance(load_step(names[0]), GlobalStep) else run_batch_pass
            for result in run_pass(names, kept, plan, exempt, workers, scratch):
                spill.write(result.filter(pc.is_null(result["step"])).drop_columns(RESULT_COLUMNS))
                for name, counts in json.loads(result["stats"][0].as_py()).items():
                    stats[name].add(**counts)
                for name in names:
                    rejected = result.filter(pc.equal(result["step"], name)).drop_columns(["stats"])
                    stats[name].drop(rejected)
                    dropped[name].write(rejected.slice(0, 0) if name in exempt.report_only else rejected)
            kept = spill.read()
    return RefineResult(kept, [spill.read() for spill in dropped.values()], list(stats.values()))


def group_passes(steps: list[str]) -> list[list[str]]:
    """Group the steps by passes over the rows; the first pass also parses the rows, and has no global step."""
    global_steps = {name for name in steps if isinstance(load_step(name), GlobalStep)}
    groups = [list(names) for _, names in groupby(steps, key=lambda name: name if name in global_steps else "")]
    return [[], *groups] if not groups or groups[0][0] in global_steps else groups


@cache
def load_step(name: str) -> Any:
    """Import a step by its name in a plan."""
    module, _, attribute = STEPS[name].partition(":")
    return getattr(importlib.import_module(f"pipelines.datasets.refine.{module}"), attribute)


def run_batch_pass(
    names: list[str], rows: pa.Table, plan: TrainingPlan, exempt: Exemptions, workers: Workers, scratch: Path
) -> Iterator[pa.Table]:
    """Run consecutive batch steps, batch by batch."""
    return workers.map(partial(run_batch_steps, names=names, plan=plan, exempt=exempt), iterate_batches(rows))


def run_batch_steps(batch: pa.Table, names: list[str], plan: TrainingPlan, exempt: Exemptions) -> pa.Table:
    """Run some steps on a batch. Returns its kept rows, then those that steps rejected, with `step` and `reason`."""
    batch = parse_lines(batch) if "line" in batch.column_names else batch
    dropped: list[pa.Table] = []
    stats: dict[str, dict[str, Any]] = {}
    for name in names:
        start, before = perf_counter(), batch
        after = load_step(name)(before, plan)
        if len(after) != len(before) or "reason" not in after.column_names:
            raise WeaverError(
                f"the refine step {name} returned {format_count(len(after), 'row')} for {len(before)}, with the "
                f"columns {', '.join(after.column_names)}",
                f"Let {STEPS[name]} return the rows that it is given, with a column `reason`.",
            )
        changed = count_true(find_changed(before, after))
        rows, reason = after.drop_columns(["reason"]).replace_schema_metadata(None), after["reason"]
        batch, rejected, released_rows = separate_dropped(rows, reason, name, exempt)
        dropped.append(rejected)
        seconds = perf_counter() - start
        stats[name] = {"rows_in": len(before), "seconds": seconds, "changed": changed, "released": released_rows}
        if replaced := (after.schema.metadata or {}).get(REPLACED.encode()):
            stats[name]["replaced"] = json.loads(replaced)
    return pack_result(batch, dropped, stats)


def run_global_pass(
    names: list[str], rows: pa.Table, plan: TrainingPlan, exempt: Exemptions, workers: Workers, scratch: Path
) -> Iterator[pa.Table]:
    """Run one global step: prepare every batch, decide once, then separate the dropped rows batch by batch."""
    (name,), step = names, load_step(names[0])
    began, sketches = perf_counter(), SpillFile(scratch / "sketches")
    for sketch in workers.map(partial(step.prepare, plan=plan), iterate_batches(rows)):
        sketches.write(sketch)
    prepared = sketches.read()
    reasons = step.decide(prepared, rows, plan)
    seconds, start = perf_counter() - began, 0
    for batch in iterate_batches(rows):
        for column in step.columns:
            batch = batch.append_column(column, prepared[column].slice(start, len(batch)))
        kept, rejected, released_rows = separate_dropped(batch, reasons[start : start + len(batch)], name, exempt)
        stats = {name: {"rows_in": len(batch), "seconds": 0 if start else seconds, "released": released_rows}}
        yield pack_result(kept, [rejected], stats)
        start += len(batch)


def count_true(flags: Any) -> int:
    """How many values of a boolean array are true."""
    total: int | None = pc.sum(flags).as_py()
    return total or 0


def first_reason(faults: Mapping[str, Any]) -> Any:
    """For each row the reason of the first fault that it has, or null.

    Args:
        faults: reason → a boolean array: whether each row has that fault.
    """
    has = pc.make_struct(*faults.values(), field_names=[str(number) for number in range(len(faults))])
    return pc.case_when(has, *faults, KEPT)


def find_changed(before: pa.Table, after: pa.Table) -> Any:
    """For each row, whether one of its texts or its facts was changed."""
    changed = [pc.not_equal(before[column], after[column]) for column in CHANGEABLE_COLUMNS]
    return pc.or_(pc.or_(changed[0], changed[1]), pc.or_(changed[2], changed[3]))


def separate_dropped(rows: pa.Table, reason: Any, name: str, exempt: Exemptions) -> tuple[pa.Table, pa.Table, int]:
    """Separate rows by their reasons. Returns the kept rows, the rejected rows, and how many a release kept.

    Of a step that only reports, the rejected rows are copies: they are among the kept rows, too.
    """
    drop = pc.is_valid(reason)
    kept_by_release = pc.and_(drop, pc.is_in(rows["id"], pa.array(exempt.released.get(name, []), pa.string())))
    drop = pc.and_not(drop, kept_by_release)
    rejected = rows.append_column("reason", reason).filter(drop)
    rejected = rejected.append_column("step", pa.array([name] * len(rejected), pa.string()))
    return rows if name in exempt.report_only else rows.filter(pc.invert(drop)), rejected, count_true(kept_by_release)


def pack_result(kept: pa.Table, dropped: list[pa.Table], stats: dict[str, Any]) -> pa.Table:
    """A batch's kept and dropped rows as one table, which any worker can return; the first row has the stats."""
    for column in ("reason", "step"):
        kept = kept.append_column(column, pa.nulls(len(kept), pa.string()))
    table = pa.concat_tables([kept, *dropped], promote_options="default")
    column = pa.array([canonical_json(stats), *[None] * (len(table) - 1)], pa.string())
    return table.append_column("stats", column)
