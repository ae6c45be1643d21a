"""Runs the steps that a plan declares over Arrow batches, and keeps account of every row.

A step is one of two things:

- a function `step(batch: pa.Table, plan) -> pa.Table`: the same rows in the same order, texts changed or not, perhaps
  with further columns, and with a column `reason`: a string that says why the row goes, null where it stays. What
  follows ": " in a reason is about that row alone, and not counted apart;
- a `Whole`, which must see every row: `prepare(batch, plan)` boils a batch down to a few bytes a row, on any machine;
  `decide(sketches, rows, plan)` gives the reasons of all rows, in their order.

Between steps the rows lie in memory-mapped Arrow IPC files. A run holds a few batches in memory, and what its Whole
steps keep of each row (tens of bytes), never the texts of the corpus.
"""

import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from hashlib import blake2b
from itertools import groupby, islice
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core import progress
from pipelines.core.errors import WeaverError
from pipelines.core.files import canonical_json
from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine.step_report import StepStats
from pipelines.datasets.refine.workers import Workers

Releases = Mapping[str, list[str]]  # step → ids of the rows that a person let pass it

STEPS = {
    "normalise": "text_steps:normalise",
    "personal": "personal_data:personal",
    "language": "text_steps:language",
    "length": "text_steps:length",
    "repetition": "text_steps:repetition",
    "exact_duplicates": "duplicates:exact_duplicates",
    "near_duplicates": "duplicates:near_duplicates",
    "relevance": "relevance:relevance",
    "answers": "answer_steps:answers",
    "quality": "score:quality",
    "sample": "sample:sample",
}
TEXT_COLUMNS = ("instruction", "input", "output", "topic", "source", "key", "kind", "group")
CHANGEABLE_COLUMNS = ("instruction", "input", "output", "facts")
RESULT_COLUMNS = ["step", "reason", "account"]  # columns of a result that are not the row's
KEPT = pa.scalar(None, pa.string())


class GlobalStep(NamedTuple):
    """A step that must see every row.

    prepare: a batch → a table of as many rows: what is needed of each to decide.
    decide: these tables and the rows, whole but still in their files → a string array of reasons.
    """

    prepare: Callable[[pa.Table, TrainingPlan], pa.Table]
    decide: Callable[[pa.Table, pa.Table, TrainingPlan], pa.Array]


class MappedRow(Mapping[str, Any]):
    """A row whose texts stay in their file until they are asked for."""

    __slots__ = ("number", "table")

    def __init__(self, table: pa.Table, number: Any) -> None:
        self.table, self.number = table, int(number)

    def __getitem__(self, column: str) -> Any:
        return self.table[column][self.number].as_py()

    def __iter__(self) -> Iterator[str]:
        return iter(self.table.column_names)

    def __len__(self) -> int:
        return self.table.num_columns


class SpillFile:
    """Tables in an Arrow IPC file: written one after the other, then read as one that stays in the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer: pa.ipc.RecordBatchFileWriter | None = None

    def write(self, table: pa.Table) -> None:
        self.writer = self.writer or pa.ipc.new_file(self.path, table.schema)
        if table.num_rows:
            self.writer.write_table(table.combine_chunks())

    def read(self) -> pa.Table:
        """The whole table. Its file has no name from here on, and is gone when the table is."""
        if self.writer is None:
            return pa.table({})
        self.writer.close()
        table = pa.ipc.open_file(pa.memory_map(str(self.path))).read_all()
        self.path.unlink()
        return table


class RefineResult(NamedTuple):
    kept: pa.Table
    dropped: list[pa.Table]  # a step: the rows that it dropped, with `step` and `reason`
    accounts: list[StepStats]


def run_steps(records: Path, rows: int, plan: TrainingPlan, released: Releases, scratch: Path) -> RefineResult:
    """Run `plan.refine.steps` over the rows of a records.jsonl.

    Args:
        rows: how many there are.
        scratch: a folder for what lies between steps.

    Raises:
        WeaverError: a step does not do what a step does, or Ray is asked for and is not there.
    """
    steps: list[str] = [*plan.refine.steps]
    accounts = {name: StepStats(name) for name in steps}
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
            for result in run_pass(names, kept, plan, released, workers, scratch):
                spill.write(result.filter(pc.is_null(result["step"])).drop_columns(RESULT_COLUMNS))
                for name, told in json.loads(result["account"][0].as_py()).items():
                    accounts[name].add(**told)
                for name in names:
                    gone = result.filter(pc.equal(result["step"], name)).drop_columns(["account"])
                    accounts[name].drop(gone)
                    dropped[name].write(gone)
            kept = spill.read()
    return RefineResult(kept, [spill.read() for spill in dropped.values()], list(accounts.values()))


def group_passes(steps: list[str]) -> list[list[str]]:
    """The steps that one pass over the rows can take together; the first pass also parses, and takes no Whole."""
    whole = {name for name in steps if isinstance(load_step(name), GlobalStep)}
    groups = [list(names) for _, names in groupby(steps, key=lambda name: name if name in whole else "")]
    return [[], *groups] if not groups or groups[0][0] in whole else groups


@cache
def load_step(name: str) -> Any:
    """A step, by its name in a plan."""
    module, _, attribute = STEPS[name].partition(":")
    return getattr(importlib.import_module(f"pipelines.datasets.refine.{module}"), attribute)


def read_lines(path: Path, count: int) -> Iterator[pa.Table]:
    with path.open("rb") as stream:
        while some := list(islice(stream, count)):
            yield pa.table({"line": pa.array(some, pa.binary())})


def parse_lines(batch: pa.Table) -> pa.Table:
    """Lines of JSON → rows: texts, `facts` and `extra` (what else a row has) as JSON, and an `id` made of its bytes."""
    found = batch["line"].to_pylist()
    rows = [json.loads(line) for line in found]
    columns = {column: [row.pop(column) for row in rows] for column in TEXT_COLUMNS}
    columns["facts"] = [canonical_json(row.pop("facts")) for row in rows]
    columns["extra"] = [canonical_json(row) if row else "{}" for row in rows]
    columns["id"] = [blake2b(line, digest_size=8).hexdigest() for line in found]
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def restore_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row as it is written: what `parse` put aside is back in place, and what steps found out stays with it."""
    facts, extra = json.loads(row.pop("facts")), json.loads(row.pop("extra"))
    return {**extra, **{column: value for column, value in row.items() if value is not None}, "facts": facts}


def iterate_batches(table: pa.Table) -> Iterator[pa.Table]:
    return (pa.Table.from_batches([batch]) for batch in table.to_batches())


def run_batch_pass(
    names: list[str], rows: pa.Table, plan: TrainingPlan, released: Releases, workers: Workers, scratch: Path
) -> Iterator[pa.Table]:
    return workers.map(partial(run_batch_steps, names=names, plan=plan, released=released), iterate_batches(rows))


def run_batch_steps(batch: pa.Table, names: list[str], plan: TrainingPlan, released: Releases) -> pa.Table:
    """Take a batch through some steps: its kept rows, then the dropped ones with `step` and `reason`."""
    batch = parse_lines(batch) if "line" in batch.column_names else batch
    dropped, told = [], {}
    for name in names:
        began, before = perf_counter(), batch
        after = load_step(name)(before, plan)
        if len(after) != len(before) or "reason" not in after.column_names:
            raise WeaverError(
                f"refine.steps: {name} made {len(after)} rows of {len(before)}, with {', '.join(after.column_names)}",
                f"Have {STEPS[name]} return the rows it is given, with a column reason.",
            )
        changed = count_true(find_changed(before, after))
        batch, gone, passed = separate_dropped(after.drop_columns(["reason"]), after["reason"], name, released)
        dropped.append(gone)
        seconds = perf_counter() - began
        told[name] = {"rows_in": len(before), "seconds": seconds, "changed": changed, "released": passed}
    return pack_result(batch, dropped, told)


def run_global_pass(
    names: list[str], rows: pa.Table, plan: TrainingPlan, released: Releases, workers: Workers, scratch: Path
) -> Iterator[pa.Table]:
    (name,), step = names, load_step(names[0])
    began, sketches = perf_counter(), SpillFile(scratch / "sketches")
    for sketch in workers.map(partial(step.prepare, plan=plan), iterate_batches(rows)):
        sketches.write(sketch)
    reasons = step.decide(sketches.read(), rows, plan)
    seconds, start = perf_counter() - began, 0
    for batch in iterate_batches(rows):
        kept, gone, passed = separate_dropped(batch, reasons[start : start + len(batch)], name, released)
        told = {name: {"rows_in": len(batch), "seconds": 0 if start else seconds, "released": passed}}
        yield pack_result(kept, [gone], told)
        start += len(batch)


def count_true(flags: Any) -> int:
    return pc.sum(flags).as_py() or 0


def first_reason(faults: Mapping[str, Any]) -> Any:
    """For each row the reason of the first fault that it has, or null; `faults` is reason → whether each row has it."""
    has = pc.make_struct(*faults.values(), field_names=[str(number) for number in range(len(faults))])
    return pc.case_when(has, *faults, KEPT)


def find_changed(before: pa.Table, after: pa.Table) -> Any:
    """For each row whether one of its texts was changed."""
    changed = [pc.not_equal(before[column], after[column]) for column in CHANGEABLE_COLUMNS]
    return pc.or_(pc.or_(changed[0], changed[1]), pc.or_(changed[2], changed[3]))


def separate_dropped(rows: pa.Table, reason: Any, name: str, released: Releases) -> tuple[pa.Table, pa.Table, int]:
    """Rows that stay, rows that go, and how many stay because a person said so."""
    goes = pc.is_valid(reason)
    pardoned = pc.and_(goes, pc.is_in(rows["id"], pa.array(released.get(name, []), pa.string())))
    goes = pc.and_not(goes, pardoned)
    gone = rows.append_column("reason", reason).filter(goes)
    gone = gone.append_column("step", pa.array([name] * len(gone), pa.string()))
    return rows.filter(pc.invert(goes)), gone, count_true(pardoned)


def pack_result(kept: pa.Table, dropped: list[pa.Table], told: dict[str, Any]) -> pa.Table:
    """One table of a batch's rows, so that it travels alike between processes and machines."""
    for column in ("reason", "step"):
        kept = kept.append_column(column, pa.nulls(len(kept), pa.string()))
    table = pa.concat_tables([kept, *dropped], promote_options="default")
    account = pa.array([canonical_json(told), *[None] * (len(table) - 1)], pa.string())
    return table.append_column("account", account)
