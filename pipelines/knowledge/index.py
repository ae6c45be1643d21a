"""The index of a template's knowledge: its passages in a LanceDB table, of which one version is live.

A new version is built beside the live one: what is gone is deleted, and only what is new or changed is embedded. Then
the tag `live` is moved to it, in one step. A process that is killed on its way leaves the tag where it was; the next
build begins at the live version again. The version before stays for `rollback_index`.
"""

import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from pipelines.core.errors import WeaverError, did_you_mean
from pipelines.core.files import digest, disk_space_guard, file_lock
from pipelines.core.fingerprint import SourceCode
from pipelines.core.kits import find_knowledge_sources
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.knowledge.documents import knowledge_folder, list_documents, read_passages, recut_documents
from pipelines.knowledge.terms import find_terms
from pipelines.text.embedder import PACKAGE, cache_folder, embed_rows
from pipelines.text.passages import Passage

T = TypeVar("T")
TERMS = SourceCode("pipelines.knowledge.terms")  # a change makes all rows anew, of which none is embedded again
LIVE, PREVIOUS = "live", "previous"
DIMENSIONS = 384
BATCH = 4096  # passages that are embedded and written at a time
KEPT = timedelta(days=14)  # how long versions are kept
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("title", pa.string()),
        ("source", pa.string()),
        ("page", pa.int32()),
        ("keys", pa.list_(pa.string())),
        ("safety_critical", pa.bool_()),
        ("since", pa.string()),
        ("digest", pa.string()),  # of the passage and of the code below
        ("embedded", pa.string()),  # digest of the text that the vector is of, and of the embedder
        ("terms", pa.string()),  # what BM25 counts, parted by spaces
        ("vector", pa.list_(pa.float32(), DIMENSIONS)),
    ]
)

TABLE = f"passages_{digest(str(SCHEMA))[:8]}"  # another schema is another table, which the next sync fills


class IndexVersion(NamedTuple):
    """What a build of the index has changed."""

    version: int
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


def live_version(table: Any) -> int:
    """The number of the live version; 0 if there is none."""
    tags = table.tags.list()
    return int(tags[LIVE]["version"]) if LIVE in tags else 0


def sync_index(template: str) -> IndexVersion:
    """Bring the live index up to date with the template's sources and documents.

    Raises:
        WeaverError: a source is not known or cannot be read, or the disk is full; the live index is as it was.
    """
    plan = make_plan(template)
    recut_documents(plan)
    built = build_index(template, collect_passages(plan))
    switch_index(template, built.version)
    return built


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
    for document in list_documents(plan.template):
        yield from read_passages(document)


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
            if current and table.version != current:
                table.restore(current)  # what a killed build has left behind
            outdated = [passage.id for passage in changed if passage.id in digests]
            with disk_space_guard(folder / TABLE):
                for ids in in_batches([*removed, *outdated]):
                    table.delete(f"id IN ({', '.join(map(quote, ids))})")
                vectors = dict(zip(live["embedded"].to_pylist(), range(len(live)), strict=True))
                for some in in_batches(changed):
                    rows, new = make_rows(some, live, vectors)
                    table.add(rows)
                    embedded += new
                compact(table)
        added = sum(passage.id not in digests for passage in changed)
        seconds = time.monotonic() - began
        return IndexVersion(
            table.version, len(complete), added, len(changed) - added, len(removed), embedded, round(seconds, 3)
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


def make_rows(some: Sequence[Passage], live: pa.Table, vectors: dict[str, int]) -> tuple[pa.Table, int]:
    """The rows of passages, and how many were embedded; the others have the vector of an equal text.

    Args:
        vectors: digest of an embedded text → its row in `live`.
    """
    texts = [embedded_text(passage) for passage in some]
    keys = [digest([PACKAGE, cache_folder().name, text]) for text in texts]
    matrix = np.zeros((len(some), DIMENSIONS), np.float32)
    new = [at for at, key in enumerate(keys) if key not in vectors]
    if new:
        matrix[new] = embed_rows([texts[at] for at in new])
    old = [at for at, key in enumerate(keys) if key in vectors]
    if old:
        matrix[old] = read_vectors(live.take([vectors[keys[at]] for at in old]))
    columns = {name: [getattr(passage, name) for passage in some] for name in Passage._fields}
    columns["keys"] = [list(passage.keys) for passage in some]
    flat = pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), DIMENSIONS)
    columns |= {"digest": [row_digest(passage) for passage in some], "embedded": keys}
    columns |= {"terms": [" ".join(find_terms(text)) for text in texts]}
    return pa.table(columns | {"vector": flat}, schema=SCHEMA), len(new)


def row_digest(passage: Passage) -> str:
    """What a row depends on; 64 hex digits."""
    return digest([passage.digest, TERMS.digest, PACKAGE, cache_folder().name])


def embedded_text(passage: Passage) -> str:
    """What is embedded and searched of a passage: what it is about, and what it says."""
    title = passage.title.removeprefix(passage.source)
    return passage.text if passage.text.startswith(title) else f"{title}\n{passage.text}"


def read_vectors(rows: pa.Table) -> np.ndarray:
    """The vectors of rows, float32 [rows, DIMENSIONS]."""
    column = rows["vector"].combine_chunks()
    return np.asarray(column.flatten().to_numpy(zero_copy_only=False)).reshape(-1, DIMENSIONS)


def switch_index(template: str, version: int) -> None:
    """Make a version live, in one step; the one that was live before stays for a rollback."""
    with file_lock(index_folder(template).parent / ".index.lock", f"switching the knowledge index of {template}"):
        table = open_table(template)
        current = live_version(table)
        if current == version:
            return
        if current:
            set_tag(table, PREVIOUS, current)
        set_tag(table, LIVE, version)
        for other in index_folder(template).glob("passages_*.lance"):  # of another version of this program
            if other.stem != TABLE:
                shutil.rmtree(other)


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
