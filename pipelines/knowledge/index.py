"""The index of a template's knowledge: its passages in a LanceDB table, of which one version is live.

A new version is built beside the live one: what is gone is deleted, and only what is new or changed is embedded. Then
the tag `live` is moved to it, in one step. A process that is killed on its way leaves the tag where it was; the next
build begins at the live version again, and what was embedded is not embedded again. The version before stays for
`rollback_index`.
"""

import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa

from pipelines.core.errors import WeaverError, did_you_mean
from pipelines.core.files import digest, disk_space_guard, file_lock
from pipelines.core.kits import find_knowledge_sources
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.knowledge.documents import list_documents, read_passages, recut_documents
from pipelines.knowledge.index_rows import SCHEMA, make_rows, read_embedded, row_digest, to_passages
from pipelines.knowledge.index_verdict import knowledge_folder
from pipelines.text.passages import Passage

T = TypeVar("T")
LIVE, PREVIOUS = "live", "previous"
CANDIDATE = "candidate"  # the newest version that was built
VERIFIED = "verified"  # the newest version that passed the index gate
BATCH = 4096  # passages that are embedded and written at a time
KEPT = timedelta(days=14)  # how long versions are kept
TABLE = f"passages_{digest(str(SCHEMA))[:8]}"  # another schema is another table, which the next sync fills


class IndexVersion(NamedTuple):
    """What a build of the index has changed."""

    version: int
    base: int  # the live version that it was built from; 0: none
    passages: int
    added: int
    changed: int
    removed: int
    embedded: int  # of the added and changed ones those whose text is new
    seconds: float


def index_folder(template: str) -> Path:
    """The folder of a template's index."""
    return knowledge_folder(template) / "index"


def open_table(template: str, create: bool = False) -> Any:
    """The LanceDB table of a template.

    Raises:
        WeaverError: there is none yet, or it is damaged.
    """
    import lancedb

    folder = index_folder(template)
    remedy = f"Run `weaver knowledge sync {template}`."
    if not (folder / f"{TABLE}.lance").exists():
        if not create:
            raise WeaverError(f"{template} has no knowledge index yet", remedy)
        with disk_space_guard(folder / TABLE):
            folder.mkdir(exist_ok=True)
            return lancedb.connect(folder).create_table(TABLE, schema=SCHEMA, exist_ok=True)
    try:
        return lancedb.connect(folder).open_table(TABLE)
    except (ValueError, RuntimeError, OSError) as error:
        raise WeaverError(
            f"the knowledge index in {folder} is damaged: {error}", f"Move that folder away. {remedy}"
        ) from error


def has_index(template: str) -> bool:
    """Whether a version of a template's index is live."""
    return (index_folder(template) / f"{TABLE}.lance").exists() and live_version(open_table(template)) > 0


def live_version(table: Any, tag: str = LIVE) -> int:
    """The number of the live version, or of the one with another tag; 0 if there is none."""
    tags = table.tags.list()
    return int(tags[tag]["version"]) if tag in tags else 0


def sync_index(template: str, records: bool = True) -> IndexVersion:
    """Bring the live index up to date with the template's sources and documents, whatever the index gate would say.

    Args:
        records: also with the records of kits; else those stay as they are in the live version, if there is one.

    Raises:
        WeaverError: a source is not known or cannot be read, or the disk is full; the live index is as it was.
    """
    plan = make_plan(template)
    recut_documents(plan)
    records = records or not has_index(template)
    passages = collect_passages(plan) if records else chain(live_records(template), document_passages(template))
    built = build_index(template, passages)
    switch_index(template, built.version, verified=records)
    return built


def live_rows(template: str, *columns: str) -> pa.Table:
    """The rows of the live version; some of their columns, or all."""
    table = open_table(template)
    table.checkout(live_version(table))
    return table.search().select(list(columns)).to_arrow() if columns else table.to_arrow()


def live_records(template: str) -> list[Passage]:
    """The records of kits in the live version."""
    return [passage for passage in to_passages(live_rows(template, *Passage._fields)) if not passage.of_document]


def document_passages(template: str) -> Iterator[Passage]:
    """The passages of the template's documents."""
    return chain.from_iterable(map(read_passages, list_documents(template)))


def collect_passages(plan: TrainingPlan) -> Iterator[Passage]:
    """The passages of the template's sources and documents.

    Raises:
        WeaverError: no kit has such a source.
    """
    modules = find_knowledge_sources()
    for source in plan.knowledge.sources:
        if source not in modules:
            raise WeaverError(
                f"{plan.template}: knowledge.sources names '{source}', which no kit has{did_you_mean(source, modules)}",
                f"Choose among: {', '.join(modules) or '(none)'}.",
            )
        yield from import_module(modules[source]).passages()
    yield from document_passages(plan.template)


def build_index(template: str, passages: Iterable[Passage]) -> IndexVersion:
    """Build a version with these passages, beside the live one.

    Raises:
        WeaverError: two passages have the same id, or the disk is full.
    """
    began = time.monotonic()
    complete = list(passages)
    if repeated := [id_ for id_, count in Counter(passage.id for passage in complete).items() if count > 1]:
        raise WeaverError(f"{template}: two passages have the id {repeated[0]}", "Correct the source that makes them.")
    folder = index_folder(template)
    with file_lock(folder.parent / ".index.lock", f"building the knowledge index of {template}"):
        table = open_table(template, create=True)
        current = live_version(table)
        if current:
            table.checkout(current)
        live = table.to_arrow().select(["id", "digest", "embedded", "vector"]) if current else SCHEMA.empty_table()
        digests = dict(zip(live["id"].to_pylist(), live["digest"].to_pylist(), strict=True))
        changed = [passage for passage in complete if digests.get(passage.id) != row_digest(passage)]
        removed = sorted(set(digests) - {passage.id for passage in complete})
        embedded = 0
        if changed or removed or not current:
            table.checkout_latest()
            vectors = read_embedded(table.to_arrow()) | read_embedded(live)
            if current and table.version != current:  # a build that was killed, or that did not go live, has left it
                table.restore(current)
            elif not current and table.count_rows():
                table.delete("true")
            outdated = [passage.id for passage in changed if passage.id in digests]
            with disk_space_guard(folder / TABLE):
                for ids in in_batches([*removed, *outdated]):
                    table.delete(f"id IN ({', '.join(map(quote, ids))})")
                for some in in_batches(changed):
                    rows, new = make_rows(some, vectors)
                    table.add(rows)
                    embedded += new
                compact(table)
        set_tag(table, CANDIDATE, table.version)
        added = sum(passage.id not in digests for passage in changed)
        seconds = time.monotonic() - began
        return IndexVersion(
            table.version,
            current,
            len(complete),
            added,
            len(changed) - added,
            len(removed),
            embedded,
            round(seconds, 3),
        )


def compact(table: Any) -> None:
    """Merge small files, and delete versions older than KEPT and than the tagged ones, which LanceDB would refuse."""
    tagged = {int(tag["version"]) for tag in table.tags.list().values()}
    ages = [datetime.now() - item["timestamp"] for item in table.list_versions() if item["version"] in tagged]
    table.optimize(cleanup_older_than=max([KEPT, *(age + timedelta(minutes=1) for age in ages)]))


def in_batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """BATCH of the items at a time."""
    return (items[at : at + BATCH] for at in range(0, len(items), BATCH))


def quote(text: str) -> str:
    """A string of SQL."""
    return "'" + text.replace("'", "''") + "'"


def switch_index(template: str, version: int, instead_of: int | None = None, verified: bool = False) -> bool:
    """Make a version live, in one step; the one that was live before stays for a rollback.

    Args:
        instead_of: the version that must be live still; nothing changes, and False is returned, where it is not.
        verified: the version passed the index gate, or somebody wants it whatever the gate says.
    """
    with file_lock(index_folder(template).parent / ".index.lock", f"switching the knowledge index of {template}"):
        table = open_table(template)
        current = live_version(table)
        if instead_of not in (None, current):
            return False
        if verified:
            set_tag(table, VERIFIED, version)
        if current == version:
            return True
        if current:
            set_tag(table, PREVIOUS, current)
        set_tag(table, LIVE, version)
        for other in index_folder(template).glob("passages_*.lance"):  # of another version of this program
            if other.stem != TABLE:
                shutil.rmtree(other)
        return True


def set_tag(table: Any, tag: str, version: int) -> None:
    """Move a tag, or make it."""
    if tag in table.tags.list():
        table.tags.update(tag, version)
    else:
        table.tags.create(tag, version)


def rollback_index(template: str) -> int:
    """Make the version before the live one live again; returns its number. The next sync brings it up to date.

    Raises:
        WeaverError: there is none.
    """
    tags = open_table(template).tags.list()
    if PREVIOUS not in tags:
        raise WeaverError(f"{template} has no version of its knowledge index before the live one", "Nothing changed.")
    switch_index(template, int(tags[PREVIOUS]["version"]))
    return int(tags[PREVIOUS]["version"])
