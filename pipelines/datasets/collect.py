"""Rows from where they are kept: a kit's dataset builder, or a .jsonl file of one's own."""

import importlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from pipelines.core import progress
from pipelines.core.artifacts import CollectedFeedback, Records
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, memoize_dir, read_jsonl, write_jsonl, write_text
from pipelines.core.fingerprint import SourceCode
from pipelines.core.kits import find_builders, load_kits
from pipelines.core.plan import TrainingPlan
from pipelines.core.validation import did_you_mean
from pipelines.datasets import upload as intake
from pipelines.datasets.refine.duplicates import QUESTION_COLUMNS, normalised_words
from pipelines.datasets.topics import assign_topics

CODE = SourceCode(__name__)  # the code of a kit's builder is among its sources
log = logging.getLogger(__name__)

Row = dict[str, Any]
RowBuilder = Callable[[], list[Row]]


def collect(harvest: CollectedFeedback, plan: TrainingPlan, work: Path) -> Records:
    """Build or read the rows of `plan.data.source`, and take those that `weaver dataset add` brought to the template,
    and those that people's corrections came to.

    They are not judged here: that is the contract's. A correction of a question that another row answers is left out:
    the record has the last word, and a question one answer.

    Returns:
        A folder with records.jsonl: instruction, input, output, topic, source, key, kind, facts and group of each row,
        as far as the source gives them.

    Raises:
        WeaverError: there is no such builder or file, names the nearest; a line is not a JSON object.
    """
    source = plan.data.source
    rows, sources = locate_source(source)
    uploads = intake.list_uploads(plan.template)
    sources |= {f"intake/{upload.id}/{upload.file}": upload.digest for upload in uploads}
    if harvest.rows:
        sources["feedback"] = digest(Path(harvest.uri) / "rows.jsonl")

    def build(folder: Path) -> None:
        progress.report_progress(plan.template, "collect", 0, 1, source)
        found = rows()
        for upload in uploads:
            found += [fill_defaults(row, upload.file) for row in intake.read_upload(upload)]
        if harvest.rows:
            found += select_corrections(read_jsonl(Path(harvest.uri) / "rows.jsonl"), found)
        write_jsonl(folder / "records.jsonl", found)
        counts = {"digest": digest(folder / "records.jsonl"), "rows": len(found), "sources": sources}
        write_text(folder / "counts.json", json.dumps(counts, indent=1))
        log.info("%d rows from %s", len(found), source)
        progress.report_progress(plan.template, "collect", 1, 1, f"{len(found)} rows")

    folder = memoize_dir(work / "collect" / digest([source, sources, CODE.digest])[:12], build)
    return Records(uri=str(folder), **json.loads((folder / "counts.json").read_text()))


def select_corrections(rows: list[Row], known: list[Row]) -> list[Row]:
    """The rows of corrections that ask what no known row asks.

    Each has the topic of the known row that it is like, and the group of the known row whose record it has.
    """
    asked = {question_key(row) for row in known}
    groups = {tuple(normalised_words(str(row["input"]))): row.get("group", "") for row in known if row.get("input")}
    new = []
    for row in rows:
        if question_key(row) not in asked:
            about = normalised_words(row["input"] or row["instruction"])
            group = groups.get(tuple(about), digest(about)[:16])
            new.append(fill_defaults(row | {"group": group}, row["source"]))
    log.info("%d corrected questions; %d are answered by other rows already", len(rows), len(rows) - len(new))
    return assign_topics(new, known)


def question_key(row: Row) -> tuple[str, ...]:
    return tuple(" ".join(normalised_words(str(row.get(column, "")))) for column in QUESTION_COLUMNS)


def locate_source(source: str) -> tuple[RowBuilder, dict[str, str]]:
    """How to get the rows of a `data.source`, and what they depend on: where they come from → version or digest."""
    return locate_file(Path(source)) if source.endswith(".jsonl") else locate_builder(source)


def locate_builder(name: str) -> tuple[RowBuilder, dict[str, str]]:
    """A kit's builder, and what its rows depend on: its packages' versions and the kit's code."""
    known = find_builders()
    if name not in known:
        raise WeaverError(
            f"data.source: there is no dataset builder {name!r}{did_you_mean(name, known)}",
            f"Choose one of {', '.join(known) or '(none)'}, or give the path of a .jsonl file.",
        )
    module: ModuleType = importlib.import_module(known[name])
    kit = load_kits()[name.partition(".")[0]].folder
    code = {str(path.relative_to(kit)): digest(path) for path in sorted(kit.rglob("*.py"))}
    return module.build, module.sources() | {f"kits/{name.replace('.', '/')}.py": digest(code)}


def locate_file(path: Path) -> tuple[RowBuilder, dict[str, str]]:
    path = path.expanduser().resolve()
    if not path.is_file():
        beside = [str(file) for file in path.parent.glob("*.jsonl")]
        raise WeaverError(
            f"data.source: {path} does not exist{did_you_mean(str(path), beside)}",
            "Give the whole path of a .jsonl file, one JSON object a line; or a kit's builder.",
        )
    return lambda: [fill_defaults(row, f"{path.name}:{i}") for i, row in enumerate(read_jsonl(path), 1)], {
        path.name: digest(path)
    }


def fill_defaults(row: Row, where: str) -> Row:
    """Fill in what a row of one's own may leave out.

    source: file name and line; key: empty; facts: none to check; kind: grounded if there is an input to answer from,
    else knowledge; group: the key, else one for all rows with the same input, or without input the same instruction.
    """
    about = row.get("input") or row.get("instruction")
    return {
        "source": where,
        "key": "",
        "facts": {},
        "kind": "grounded" if row.get("input") else "knowledge",
        "group": str(row.get("key") or digest(normalised_words(str(about)))[:16]),
    } | row
