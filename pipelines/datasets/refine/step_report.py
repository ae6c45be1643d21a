"""What a step did to the rows: how many came in, which went and why, with a few to look at."""

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

log = logging.getLogger(__name__)

EXAMPLE_COLUMNS = ("instruction", "input", "output")
WITHHELD_STEPS = {"personal"}  # steps whose dropped texts no report may show
EXAMPLES, EXAMPLE_CHARS = 3, 200


@dataclass
class StepStats:
    """
    seconds: of processing, summed over the processes that shared it.
    changed: rows whose texts were.
    released: rows that would have gone, had a person not let them pass.
    dropped: how many, by kind of reason.
    examples: some of them, by kind of reason.
    """

    step: str
    rows_in: int = 0
    seconds: float = 0
    changed: int = 0
    released: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def add(self, rows_in: int, seconds: float, changed: int = 0, released: int = 0) -> None:
        self.rows_in += rows_in
        self.seconds += seconds
        self.changed += changed
        self.released += released

    def drop(self, rows: pa.Table) -> None:
        """Count rows that carry a `reason`: "near-duplicate", or with what is about that row alone, "why: and how"."""
        columns = ("id", "source", "reason", *(() if self.step in WITHHELD_STEPS else EXAMPLE_COLUMNS))
        for number, reason in enumerate(rows["reason"].to_pylist()):
            kind = reason.partition(": ")[0]
            self.dropped[kind] += 1
            if self.dropped[kind] <= EXAMPLES:
                self.examples.setdefault(kind, []).append(
                    {column: rows[column][number].as_py()[:EXAMPLE_CHARS] for column in columns}
                )

    def report(self) -> dict[str, Any]:
        rows_out = self.rows_in - self.dropped.total()
        log.info("%s: %d rows in, %d out, dropped %s", self.step, self.rows_in, rows_out, dict(self.dropped) or "none")
        return {
            "step": self.step,
            "in": self.rows_in,
            "out": rows_out,
            "changed": self.changed,
            "released": self.released,
            "dropped": dict(self.dropped),
            "examples": self.examples,
            "seconds": round(self.seconds, 3),
        }
