"""How often the refinement steps that drop rows are right, on rows that were labelled by hand.

The rows (texts/rows_quality.jsonl) are written by people who write no step. The steps are developed on one half of
them, by a hash of the question; the other half is unseen. The kits' own rows are all good: each that a step rejects
counts as wrong. Two more figures come from real newsgroup posts, cut at a length limit and whole.
"""

import random
from collections import Counter
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.core.files import canonical_json, read_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.core.plan.datasets import ReportableStep
from pipelines.datasets.collect import fill_defaults, locate_builder
from pipelines.datasets.refine.engine import GlobalStep, load_step, parse_lines

ROWS = Path(__file__).parent / "texts" / "rows_quality.jsonl"
STEPS: tuple[ReportableStep, ...] = ("language", "length", "repetition", "relevance", "answers", "quality")
MIN_QUALITY = 0.34  # the threshold at which `quality` is measured; by default it drops nothing
LIMITS = (500, 777, 2_000)  # characters at which posts are cut

Row = dict[str, Any]


def run(file: Path = ROWS) -> dict[str, Any]:
    """Measure each step by itself on the normalised rows of both halves.

    Returns:
        For each half: the labelled rows to keep and to drop; for each step `rejected` (labelled rows), `precision`
        (share of these that are labelled to be dropped), `kit` (good rows of the kits that it rejects as well, and that
        count in `precision_with_kit`) and `caught` (rejected rows by the label's reason); recall: share of the rows to
        drop that a step drops which does not only report. `limit_recall`, `limit_false`: of 1,000 posts of a source
        with a length limit those that were cut and are found; of whole posts those that are taken for cut.
    """
    halves: dict[str, list[Row]] = {"development": [], "unseen": []}
    for row in read_jsonl(file):
        halves[half_of(row)].append(row)
    found, missed = measure_limits()
    return {name: measure(rows) for name, rows in halves.items()} | {"limit_recall": found, "limit_false": missed}


def half_of(row: Row) -> str:
    """The half of a labelled row: by its question, so that no question is in both."""
    odd = blake2b(row["instruction"].encode(), digest_size=1).digest()[0] % 2
    return ("development", "unseen")[odd]


def measure(rows: list[Row]) -> dict[str, Any]:
    """The figures of one half."""
    figures = {step: {"rejected": 0, "right": 0, "kit": 0, "caught": Counter[str]()} for step in STEPS}
    dropped, report_only = set[int](), set(make_plan("service_advisor").refine.report_only)
    for template in sorted({row["template"] for row in rows}):
        plan = make_plan(template, {"refine.min_quality": MIN_QUALITY}, experiment=True)
        labelled = [number for number, row in enumerate(rows) if row["template"] == template]
        own = locate_builder(plan.data.source)[0]()
        for step in STEPS:
            rejected = rejected_rows(step, [*own, *(rows[number] for number in labelled)], plan)
            figures[step]["kit"] += sum(number < len(own) for number in rejected)
            for number in (labelled[number - len(own)] for number in rejected if number >= len(own)):
                figures[step]["rejected"] += 1
                figures[step]["right"] += not rows[number]["keep"]
                figures[step]["caught"][rows[number]["why"] or "keep"] += 1
                if step not in report_only:
                    dropped.add(number)
    bad = {number for number, row in enumerate(rows) if not row["keep"]}
    return {
        "keep": len(rows) - len(bad),
        "drop": len(bad),
        "reasons": dict(Counter(rows[number]["why"] for number in bad)),
        "recall": len(bad & dropped) / max(len(bad), 1),
        "wrongly_dropped": len(dropped - bad),
        **{step: summarise(figure) for step, figure in figures.items()},
    }


def summarise(figure: Row) -> Row:
    """Counts as shares; None where nothing was rejected."""
    labelled, right, kit = figure["rejected"], figure["right"], figure["kit"]
    return {
        "precision": right / labelled if labelled else None,
        "precision_with_kit": right / (labelled + kit) if labelled + kit else None,
        "rejected": labelled,
        "kit": kit,
        "caught": dict(figure["caught"]),
    }


def rejected_rows(step: str, rows: list[Row], plan: TrainingPlan) -> list[int]:
    """The numbers of the rows that a step rejects, after their texts were normalised."""
    columns = ("instruction", "input", "output", "topic", "source", "key", "kind", "facts", "group")
    lines = [
        canonical_json({name: row[name] for name in columns}).encode()
        for row in (fill_defaults(row, f"labelled.jsonl:{number}") for number, row in enumerate(rows))
    ]
    batch = load_step("normalise")(parse_lines(pa.table({"line": pa.array(lines, pa.binary())})), plan)
    batch, function = batch.drop_columns(["reason"]), load_step(step)
    if isinstance(function, GlobalStep):
        reasons = function.decide(function.prepare(batch, plan), batch, plan)
    else:
        reasons = function(batch, plan)["reason"]
    return [number for number, reason in enumerate(reasons.to_pylist()) if reason]


def measure_limits() -> tuple[float, float]:
    """The share of cut posts that are found, and of whole posts that are taken for cut, over all LIMITS."""
    from tests.bench.pii import posts

    plan, bodies = make_plan("service_advisor"), [" ".join(body.split()) for _, body in posts()]
    bodies = random.Random(0).sample([body for body in bodies if len(body) > 40], 1_000)
    cut = found = wrong = 0
    for limit in LIMITS:
        rows = [
            {"instruction": f"Question {number}?", "input": "", "output": body[:limit].strip(), "topic": "any"}
            for number, body in enumerate(bodies)
        ]
        rejected = set(rejected_rows("answers", rows, plan))
        numbers = {number for number, body in enumerate(bodies) if len(body) > limit}
        cut += len(numbers)
        found += len(numbers & rejected)
        wrong += len(rejected - numbers)
    return found / cut, wrong / (len(LIMITS) * len(bodies) - cut)
