"""How often the refinement steps that drop rows are right, on rows that were labelled by hand.

The rows (texts/rows_quality.jsonl) are written by people who write no step. The steps are developed on one half of
them, by a hash of the question; the other half is unseen. The kits' own rows are all good: each that a step rejects
counts as wrong. Two more figures come from real newsgroup posts, cut at a length limit and whole.
"""

import random
from collections import Counter
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.core.files import canonical_json, read_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.core.plan.datasets import ReportableStep
from pipelines.datasets.collect import fill_defaults, locate_builder
from pipelines.datasets.refine.engine import GlobalStep, load_step
from pipelines.datasets.refine.row_table import parse_lines

ROWS = Path(__file__).parent / "texts" / "rows_quality.jsonl"
STEPS: tuple[ReportableStep, ...] = ("language", "length", "repetition", "relevance", "answers", "quality")
CONTRADICTION = "contradictory answers"  # is not counted here: it is found by comparing rows, as duplicates are
HALVES = ("development", "unseen")
LIMITS = (500, 777, 2_000)  # characters at which posts are cut
UTTERANCES = 20_000

Row = dict[str, Any]


def run(file: Path = ROWS) -> dict[str, Any]:
    """Measure each step by itself on the normalised rows of both halves.

    Returns:
        For each template and each half: the labelled rows to keep and to drop; for each step the rejected rows, how
        many of these are rejected rightly (precision; and with the good rows of the kits that it rejects) and their
        labels (caught); precision and recall of all steps together that do not only report. `kit`: good rows of the
        kits that each step rejects. `limit_recall`, `limit_false`: of 1,000 posts of a source with a length limit those
        that were cut and are found; of whole posts those that are taken for cut. `dialogue`: the share of 20,000
        utterances of people who chat, all of them natural, that each step rejects.
    """
    rows = read_jsonl(file)
    rejected = {step: set[int]() for step in STEPS}
    kits, figures = Counter[str](), dict[str, Any]()
    for template in sorted({row["template"] for row in rows}):
        plan = make_plan(template)
        numbers = [number for number, row in enumerate(rows) if row["template"] == template]
        own, kit = locate_builder(plan.data.source)[0](), Counter[str]()
        for step in STEPS:
            numbers_rejected = rejected_rows(step, [*own, *(rows[number] for number in numbers)], plan)
            kit[step] += sum(number < len(own) for number in numbers_rejected)
            rejected[step] |= {numbers[number - len(own)] for number in numbers_rejected if number >= len(own)}
        figures[template] = summarise(rows, set(numbers), rejected, kit)
        kits.update(kit)
    for half in HALVES:
        numbers_of_half = {number for number, row in enumerate(rows) if half_of(row) == half}
        figures[half] = summarise(rows, numbers_of_half, rejected, kits)
    limit_recall, limit_false = measure_limits()
    figures |= {"kit": dict(kits), "limit_recall": limit_recall, "limit_false": limit_false}
    return figures | {"dialogue": measure_dialogue()}


def half_of(row: Row) -> str:
    """The half of a labelled row: by its question, so that no question is in both."""
    return HALVES[blake2b(row["instruction"].encode(), digest_size=1).digest()[0] % 2]


def summarise(rows: list[Row], part: set[int], rejected: dict[ReportableStep, set[int]], kit: Counter[str]) -> Row:
    """The figures of a part of the rows; `part` and `rejected` are numbers of rows."""
    bad = {number for number in part if not rows[number]["keep"]}
    figures: Row = {"keep": len(part - bad), "drop": len(bad)}
    figures["reasons"] = dict(Counter(rows[number]["why"] for number in bad))
    for step, numbers in rejected.items():
        wrong, good = len(numbers & part - bad), len(numbers & bad)
        figures[step] = {
            "precision": good / (good + wrong) if good + wrong else None,
            "precision_with_kit": good / (good + wrong + kit[step]) if good + wrong + kit[step] else None,
            "rejected": good + wrong,
            "caught": dict(Counter(rows[number]["why"] or "keep" for number in numbers & part)),
        }
    report_only = make_plan("service_advisor").refine.report_only
    dropped = set[int]().union(*(numbers for step, numbers in rejected.items() if step not in report_only)) & part
    figures["recall"] = len(dropped & bad) / max(len(bad), 1)
    figures["precision"] = len(dropped & bad) / max(len(dropped), 1)
    return figures


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
    return [n for n, reason in enumerate(reasons.to_pylist()) if reason and not reason.startswith(CONTRADICTION)]


def measure_limits() -> tuple[float, float]:
    """The share of cut posts that are found, and of whole posts that are taken for cut, over all LIMITS."""
    from tests.bench.pii import posts

    plan, bodies = make_plan("service_advisor"), [" ".join(body.split()) for _, body in posts()]
    bodies = random.Random(0).sample([body for body in bodies if len(body) > 40], 1_000)
    cut = recalled = wrong = 0
    for limit in LIMITS:
        rows = [
            {"instruction": f"Question {number}?", "input": "", "output": body[:limit].strip(), "topic": "any"}
            for number, body in enumerate(bodies)
        ]
        rejected = set(rejected_rows("answers", rows, plan))
        numbers = {number for number, body in enumerate(bodies) if len(body) > limit}
        cut += len(numbers)
        recalled += len(numbers & rejected)
        wrong += len(rejected - numbers)
    return recalled / cut, wrong / (len(LIMITS) * len(bodies) - cut)


def measure_dialogue() -> dict[str, float]:
    """The share of utterances that each step but relevance, for which they are off topic, rejects."""
    from tests.bench.refine import utterances

    rows, plan = list(islice(utterances(), UTTERANCES)), make_plan("service_advisor")
    return {step: len(rejected_rows(step, rows, plan)) / len(rows) for step in STEPS if step != "relevance"}
