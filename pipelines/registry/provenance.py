"""What a dataset's rows are and where they come from: counted in the rows, and told by the kit that built them."""

import importlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from pipelines.core.artifacts import DataReport, DatasetVersion
from pipelines.core.kits import find_builders, load_kits

SYNTHETIC = "synthetic:"  # how the source of a made-up row begins
SPLITS = ("train", "heldout")
RowCounts = dict[str, dict[str, dict[str, int]]]  # topic, kind or source → its values → split → rows


def count_rows(dataset: DatasetVersion) -> RowCounts:
    """How many rows of each split every topic, kind and source has; a row's line number is no source of its own."""
    counts = {column: Counter[tuple[str, str]]() for column in ("topic", "kind", "source")}
    for split in SPLITS:
        with (Path(dataset.uri) / f"{split}.jsonl").open(encoding="utf-8") as stream:
            for row in map(json.loads, stream):
                for column, count in counts.items():
                    count[re.sub(r":\d+$", "", str(row.get(column) or "unknown")), split] += 1
    return {
        column: {value: {split: count[value, split] for split in SPLITS} for value in sorted({v for v, _ in count})}
        for column, count in counts.items()
    }


def synthetic_share(counted: RowCounts) -> float:
    """The share of the rows to train on that nobody ever said or recorded."""
    rows = {source: count["train"] for source, count in counted["source"].items()}
    return sum(count for source, count in rows.items() if source.startswith(SYNTHETIC)) / max(sum(rows.values()), 1)


def list_packages(source: str) -> dict[str, str]:
    """The packages that a kit's dataset builder reads → their versions; none for a file of one's own."""
    if source not in find_builders():
        return {}
    versions: dict[str, str] = importlib.import_module(find_builders()[source]).sources()
    return versions


def list_uploaded_sources(counted: RowCounts, used: dict[str, str]) -> list[str]:
    """Sources that are neither made up nor of a builder's packages: files of the dealership's own."""
    return [name for name in counted["source"] if not name.startswith(SYNTHETIC) and name.partition(":")[0] not in used]


def read_kit_readme(source: str, counted: RowCounts) -> tuple[list[list[str]], str, str]:
    """What the README of the kit says: of the builder's sources (what, about, licence), a note on them, and of its
    rows (Markdown, both).

    Of a package with many tables, those are told that the rows name; all of them where the rows name none.
    """
    kit, _, builder = source.partition(".")
    readme = load_kits()[kit].folder / "README.md" if source in find_builders() else Path()
    if not readme.is_file():
        return [], "", ""
    head, *sections = re.split(r"(?m)^## ", readme.read_text(encoding="utf-8"))
    used = list_packages(source)
    named = {part for name in counted["source"] for part in re.split(r"[ :/]", name)}
    lines = []
    for line in re.findall(r"(?m)^\| (`.+) \|$", head):
        what, *rest = line.split(" | ")
        package, *tables = re.findall(r"`([^`]+)`", what)
        if package in used and (package not in named or not tables or named & set(tables)):
            lines.append([what, *rest])
    about = [
        text.strip()
        for title, _, text in (section.partition("\n") for section in sections)
        if f"`{builder}.py`" in title or "`records/" in title  # its own, and what it shares with others
    ]
    return lines, head.rpartition("|\n")[2].strip(), "\n\n".join(reversed(about))


def read_refinement_steps(dataset: DatasetVersion, report: DataReport | None) -> list[dict[str, Any]]:
    """What each step of the refinement did (in, out, changed, released, dropped by reason).

    Empty without a report of this dataset version, or where its folder is not on this machine.
    """
    if report is None or not report.describes(dataset):
        return []
    file = Path(report.uri) / "report.json"
    if not file.is_file():
        return []
    steps: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["steps"]
    return steps
