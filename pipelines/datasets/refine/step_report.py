"""Statistics of a step: how many rows came in, how many were dropped and why, with examples."""

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipelines.text.counts import format_count

log = logging.getLogger(__name__)

EXAMPLE_COLUMNS = ("instruction", "input", "output")
WITHHELD_STEPS = {"personal"}  # steps whose dropped texts must not appear in reports
EXAMPLES, EXAMPLE_CHARS = 3, 200
REPLACED = "replaced"  # key of a step's table metadata: kind → examples of its replacements, as JSON


@dataclass
class StepStats:
    """What a step did to the rows."""

    step: str
    rows_in: int = 0
    seconds: float = 0  # of processing, summed over processes
    changed: int = 0  # rows of which a text was changed
    released: int = 0  # rows that only a release kept
    report_only: str = ""  # why the step drops no row; empty: it drops them
    rejected: Counter[str] = field(default_factory=Counter)  # category of reason → rows
    examples: dict[str, list[dict[str, str]]] = field(default_factory=dict)  # category of reason → a few of them

    replaced: dict[str, list[dict[str, str]]] = field(default_factory=dict)  # kind → before and after, a few

    def add(
        self,
        rows_in: int,
        seconds: float,
        changed: int = 0,
        released: int = 0,
        replaced: dict[str, list[dict[str, str]]] | None = None,
    ) -> None:
        """Count a batch."""
        for kind, examples in (replaced or {}).items():
            self.replaced[kind] = [*self.replaced.get(kind, []), *examples][:EXAMPLES]
        self.rows_in += rows_in
        self.seconds += seconds
        self.changed += changed
        self.released += released

    def drop(self, rows: pa.Table) -> None:
        """Count the rows that the step rejects by the category of their `reason`: the part before ": "."""
        columns = ("id", "source", "reason", *(() if self.step in WITHHELD_STEPS else EXAMPLE_COLUMNS))
        for number, reason in enumerate(rows["reason"].to_pylist()):
            category = reason.partition(": ")[0]
            self.rejected[category] += 1
            if self.rejected[category] <= EXAMPLES:
                self.examples.setdefault(category, []).append(
                    {column: rows[column][number].as_py()[:EXAMPLE_CHARS] for column in columns}
                )

    def report(self) -> dict[str, Any]:
        """The statistics as JSON values; also logs them."""
        dropped, flagged = ({}, dict(self.rejected)) if self.report_only else (dict(self.rejected), {})
        rows_out = self.rows_in - sum(dropped.values())
        rows_in = format_count(self.rows_in, "row")
        log.info("%s: %s in, %d out, dropped %s", self.step, rows_in, rows_out, dropped or "none")
        if flagged:
            log.warning(
                "%s only reports, %s: it would drop %s; the report shows examples", self.step, self.report_only, flagged
            )
        return {
            "step": self.step,
            "in": self.rows_in,
            "out": rows_out,
            "changed": self.changed,
            "released": self.released,
            "dropped": dropped,
            "report_only": self.report_only,
            "flagged": flagged,
            "examples": self.examples,
            "replaced": self.replaced,
            "seconds": round(self.seconds, 3),
        }
