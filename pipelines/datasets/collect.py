"""The stage that collects a run's rows: from a kit's builder or a .jsonl file, from uploads and from feedback."""

import importlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from pipelines.core import progress
from pipelines.core.artifacts import CollectedFeedback, Records
from pipelines.core.errors import WeaverError, did_you_mean
from pipelines.core.files import digest, memoize_dir, read_jsonl, write_jsonl, write_text
from pipelines.core.fingerprint import SourceCode
from pipelines.core.kits import find_builders, load_kits
from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine.duplicates import normalised_words
from pipelines.datasets.topics import assign_topics
from pipelines.datasets.upload import list_uploads, read_upload
from pipelines.text.counts import format_count
from pipelines.text.question_index import QUESTION_COLUMNS

CODE = SourceCode(__name__)  # the code of a kit's builder is among its sources
log = logging.getLogger(__name__)

Row = dict[str, Any]
RowBuilder = Callable[[], list[Row]]


def collect(feedback: CollectedFeedback, plan: TrainingPlan, work: Path) -> Records:
    """Build or read the rows of `plan.data.source`; add the template's uploads and the corrections from feedback.

    The rows are not validated here: the next stage validates them. A correction of a question that another row already
    answers is left out, because a question has one answer and the record takes precedence.

    Returns:
        A folder with records.jsonl: instruction, input, output, topic, source, key, kind, facts and group of each row,
        as far as the source gives them.

    Raises:
        WeaverError: the builder or the file does not exist (names the nearest), or a line is not a JSON object.
    """
    source = plan.data.source
    build_rows, sources = locate_source(source)
    uploads = list_uploads(plan.template)
    sources |= {f"uploads/{upload.id}/{upload.file}": upload.digest for upload in uploads}
    if feedback.rows:
        sources["feedback"] = digest(Path(feedback.uri) / "rows.jsonl")

    def build(folder: Path) -> None:
        progress.report_progress(plan.template, "collect", 0, 1, source)
        collected = build_rows()
        for upload in uploads:
            collected += [fill_defaults(row, upload.file) for row in read_upload(upload)]
        if feedback.rows:
            collected += select_corrections(read_jsonl(Path(feedback.uri) / "rows.jsonl"), collected)
        write_jsonl(folder / "records.jsonl", collected)
        counts = {"digest": digest(folder / "records.jsonl"), "rows": len(collected), "sources": sources}
        write_text(folder / "counts.json", json.dumps(counts, indent=1))
        log.info("%s from %s", format_count(len(collected), "row"), source)
        progress.report_progress(plan.template, "collect", 1, 1, format_count(len(collected), "row"))

    folder = memoize_dir(work / "collect" / digest([source, sources, CODE.digest])[:12], build)
    return Records(uri=str(folder), **json.loads((folder / "counts.json").read_text()))


def select_corrections(corrections: list[Row], rows: list[Row]) -> list[Row]:
    """The corrections of questions that no other row asks.

    Each gets the topic of the row that it is most similar to, and the group of the row that has the same record.
    """
    questions = {question_key(row) for row in rows}
    groups = {tuple(normalised_words(str(row["input"]))): row.get("group", "") for row in rows if row.get("input")}
    selected = []
    for row in corrections:
        if question_key(row) not in questions:
            about = normalised_words(row["input"] or row["instruction"])
            group = groups.get(tuple(about), digest(about)[:16])
            selected.append(fill_defaults(row | {"group": group}, row["source"]))
    dropped = len(corrections) - len(selected)
    log.info("%d corrected questions; other rows already answer %d of them", len(corrections), dropped)
    return assign_topics(selected, rows)


def question_key(row: Row) -> tuple[str, ...]:
    """What two rows that ask the same have in common."""
    return tuple(" ".join(normalised_words(str(row.get(column, "")))) for column in QUESTION_COLUMNS)


def locate_source(source: str) -> tuple[RowBuilder, dict[str, str]]:
    """How to get the rows of a `data.source`, and what they depend on: package or file → version or digest."""
    return locate_file(Path(source)) if source.endswith(".jsonl") else locate_builder(source)


def locate_builder(name: str) -> tuple[RowBuilder, dict[str, str]]:
    """A kit's builder, and what its rows depend on: its packages' versions and the kit's code."""
    builders = find_builders()
    if name not in builders:
        raise WeaverError(
            f"data.source: there is no dataset builder '{name}'{did_you_mean(name, builders)}",
            f"Choose one of {', '.join(builders) or '(none)'}, or give the path of a .jsonl file.",
        )
    module: ModuleType = importlib.import_module(builders[name])
    kit = load_kits()[name.partition(".")[0]].folder
    code = {str(path.relative_to(kit)): digest(path) for path in sorted(kit.rglob("*.py"))}
    return module.build, module.sources() | {f"kits/{name.replace('.', '/')}.py": digest(code)}


def locate_file(path: Path) -> tuple[RowBuilder, dict[str, str]]:
    """The rows of a .jsonl file, and the digest of its bytes."""
    path = path.expanduser().resolve()
    if not path.is_file():
        neighbours = [str(file) for file in path.parent.glob("*.jsonl")]
        raise WeaverError(
            f"data.source: {path} does not exist{did_you_mean(str(path), neighbours)}",
            "Give the full path of a .jsonl file with one JSON object per line, or the name of a kit's builder.",
        )
    return lambda: [fill_defaults(row, f"{path.name}:{i}") for i, row in enumerate(read_jsonl(path), 1)], {
        path.name: digest(path)
    }


def fill_defaults(row: Row, where: str) -> Row:
    """Fill in the columns that a dealership's own rows may leave out.

    source: file name and line; key: empty; facts: none to check; kind: grounded if there is an input to answer from,
    else knowledge; group: the key, else one group for all rows with the same input, or, if they have none, with the
    same instruction.
    """
    about = row.get("input") or row.get("instruction")
    return {
        "source": where,
        "key": "",
        "facts": {},
        "kind": "grounded" if row.get("input") else "knowledge",
        "group": str(row.get("key") or digest(normalised_words(str(about)))[:16]),
    } | row
