"""Rows that met their contract become train and held-out rows: a few pure steps, each saying what it drops and why."""

import json
import logging
import unicodedata
from collections import Counter
from itertools import zip_longest
from pathlib import Path
from typing import Any

from pipelines import progress
from pipelines.artifacts import Splits, Validation
from pipelines.datasets import duplicates, split
from pipelines.datasets.duplicates import ALL, Index, Row
from pipelines.files import digest, once, read_jsonl, write_jsonl, write_text
from pipelines.plan import Refine, TrainingPlan

log = logging.getLogger(__name__)

Kept = list[Row]
Dropped = list[Row]  # with a `reason`


def refine(validation: Validation, plan: TrainingPlan, work: Path) -> Splits:
    """Clean, deduplicate, sample and split the rows.

    Returns:
        A folder with train.jsonl, heldout.jsonl, dropped.jsonl (each row with its `reason`) and report.json (rows in
        and out of each step; rows per topic and kind of each split).

    Raises:
        WeaverError: a split, or a topic of a split, would be empty.
    """
    code = [digest(Path(module)) for module in (__file__, duplicates.__file__, split.__file__)]
    fingerprint = digest([validation.records.digest, plan.digest("refine"), code])[:12]

    def build(folder: Path) -> None:
        rows, dropped, steps = read_jsonl(Path(validation.records.uri) / "records.jsonl"), [], []
        for done, (name, step) in enumerate(STEPS.items()):
            progress.report(plan.template, "refine", done, len(STEPS) + 1, name)
            before = len(rows)
            rows, lost = step(rows, plan.refine)
            dropped += lost
            steps.append(account(name, before, len(rows), lost))
        progress.report(plan.template, "refine", len(STEPS), len(STEPS) + 1, "split")
        train, heldout, lost = part(rows, plan.refine)
        steps.append(account("split", len(rows), len(train) + len(heldout), lost))
        write_jsonl(folder / "train.jsonl", train)
        write_jsonl(folder / "heldout.jsonl", heldout)
        write_jsonl(folder / "dropped.jsonl", dropped + lost)
        report = {"digest": split.digest_of(folder), "steps": steps, "train": census(train), "heldout": census(heldout)}
        write_text(folder / "report.json", json.dumps(report, indent=1))

    folder = once(work / "refine" / fingerprint, build)
    report = json.loads((folder / "report.json").read_text())
    return Splits(
        uri=str(folder),
        digest=report["digest"],
        rows={name: report[name]["rows"] for name in ("train", "heldout")},
        dropped=dict(sum((Counter(step["dropped"]) for step in report["steps"]), Counter())),
    )


def normalise(rows: list[Row], _: Refine) -> tuple[Kept, Dropped]:
    """One spelling a text: Unicode NFC, single spaces, no blank lines; facts like the answers they stand in."""

    def clean(text: str) -> str:
        lines = (" ".join(line.split()) for line in unicodedata.normalize("NFC", text).splitlines())
        return "\n".join(filter(None, lines))

    return [
        row | {c: clean(row[c]) for c in ALL} | {"facts": {k: clean(v) for k, v in row["facts"].items()}}
        for row in rows
    ], []


def drop_exact_duplicates(rows: list[Row], _: Refine) -> tuple[Kept, Dropped]:
    kept: dict[tuple[str, ...], Row] = {}
    dropped = []
    for row in rows:
        if kept.setdefault(tuple(row[c] for c in ALL), row) is not row:
            dropped.append(row | {"reason": "exact duplicate"})
    return list(kept.values()), dropped


def drop_near_duplicates(rows: list[Row], settings: Refine) -> tuple[Kept, Dropped]:
    index = Index(settings.near_duplicate)
    dropped = [row | {"reason": "near-duplicate"} for row in rows if index.find_or_add(row)]
    return index.rows, dropped


def sample(rows: list[Row], settings: Refine) -> tuple[Kept, Dropped]:
    """`settings.rows` rows, topic by topic in turn; which ones depends on their text and the seed alone."""
    if not 0 < settings.rows < len(rows):
        return rows, []
    topics: dict[str, list[int]] = {}
    for number in sorted(range(len(rows)), key=lambda i: digest([settings.seed, *(rows[i][c] for c in ALL)])):
        topics.setdefault(rows[number]["topic"], []).append(number)
    turns = [number for turn in zip_longest(*topics.values()) for number in turn if number is not None]
    chosen = set(turns[: settings.rows])
    return (
        [row for number, row in enumerate(rows) if number in chosen],
        [row | {"reason": "not sampled"} for number, row in enumerate(rows) if number not in chosen],
    )


STEPS = {
    "normalise": normalise,
    "exact duplicates": drop_exact_duplicates,
    "near-duplicates": drop_near_duplicates,
    "sample": sample,
}


def part(rows: list[Row], settings: Refine) -> tuple[Kept, Kept, Dropped]:
    """Train rows, held-out rows, and train rows dropped because a held-out row asks nearly the same."""
    train, heldout = split.split(rows, settings.heldout_share, settings.seed)
    known = {id(row) for row, _ in split.leaks(train, heldout, settings.near_duplicate)}
    dropped = [row | {"reason": "near-duplicate of held-out"} for row in train if id(row) in known]
    train = [row for row in train if id(row) not in known]
    split.assert_both_sides(train, heldout)
    split.assert_no_leak(train, heldout, settings.near_duplicate)
    return train, heldout, dropped


def account(step: str, rows_in: int, rows_out: int, dropped: Dropped) -> dict[str, Any]:
    reasons = dict(Counter(row["reason"] for row in dropped))
    log.info("%s: %d rows in, %d out, dropped %s", step, rows_in, rows_out, reasons or "none")
    return {"step": step, "in": rows_in, "out": rows_out, "dropped": reasons}


def census(rows: list[Row]) -> dict[str, Any]:
    counts = {column: dict(sorted(Counter(row[column] for row in rows).items())) for column in ("topic", "kind")}
    return {"rows": len(rows), "topics": counts["topic"], "kinds": counts["kind"]}
