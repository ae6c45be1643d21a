"""A dealership's own documents: added, replaced by a newer version of the same name, removed.

WEAVER_HOME/knowledge/<template>/documents/<name>.json is a document; it names the folder files/<id>/ with the file and
its passages.jsonl. The record is written last, and replaced in one step: a document is there as a whole or not at all.
"""

import json
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.core.artifacts import Artifact
from pipelines.core.errors import Unavailable, WeaverError, did_you_mean
from pipelines.core.files import canonical_json, digest, disk_space_guard, file_lock
from pipelines.core.fingerprint import SourceCode
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.knowledge.chunks import Withheld, make_passages
from pipelines.knowledge.index_verdict import documents_folder
from pipelines.knowledge.reading import SUFFIXES, read_document
from pipelines.readers.stores import FetchFile, find_files
from pipelines.text.passages import Passage

CODE = SourceCode("pipelines.knowledge.chunks")  # how a document is read and cut; a change cuts all documents anew
PASSAGES = "passages.jsonl"
REMEDY = "Add the document again."


class Document(Artifact):
    """A document that was added."""

    name: str
    template: str
    folder: str  # of its file and passages, in files/
    digest: str  # SHA-256 of the file
    fingerprint: str  # of the code and settings that cut it
    since: str  # the day from which it holds, ISO 8601
    added: str  # ISO 8601, UTC
    passages: int
    pages: int  # of which a passage was made; 0: the format has no pages
    withheld: list[dict[str, Any]]  # title, page, reason
    notes: list[str]


def list_documents(template: str) -> list[Document]:
    """A template's documents by name."""
    return [Document.load(file, REMEDY) for file in sorted(documents_folder(template).glob("[!.]*.json"))]


def file_folder(template: str, folder: str) -> Path:
    """The folder of a document's file and passages."""
    return documents_folder(template) / "files" / folder


def read_passages(document: Document) -> Iterator[Passage]:
    """The passages of a document, as they were cut when it was added."""
    with (file_folder(document.template, document.folder) / PASSAGES).open("rb") as stream:
        for fields in map(json.loads, stream):
            yield Passage(**fields | {"keys": tuple(fields["keys"])})


class Added(NamedTuple):
    """What became of files."""

    documents: list[Document]  # new, or replaced by another version
    unchanged: list[str]  # names of those that are there already
    rejected: list[str]  # messages: the file, what is wrong with it and what to do


def add_documents(template: str, sources: Sequence[str], since: str = "") -> Added:
    """Read documents and keep them; one of the same name is replaced. A file that cannot be read is left out.

    Args:
        sources: files, folders of files, or s3://bucket/key (a key that ends with / is a folder).
        since: the day from which they hold, ISO 8601; empty: the day on which each file was last written.

    Raises:
        WeaverError: there is no such file or folder; or not one of the files can be read, with the messages of all.
    """
    plan, added = make_plan(template), Added([], [], [])
    since = parse_day(since) if since else ""
    with change_documents(template):
        for name, fetch in chain.from_iterable(find_files(source, SUFFIXES) for source in sources):
            try:
                document = add_document(plan, name, fetch, since)
            except Unavailable:
                raise
            except WeaverError as error:
                added.rejected.append(str(error))
                continue
            if document:
                added.documents.append(document)
            else:
                added.unchanged.append(name)
    if added.rejected and not added.documents and not added.unchanged:
        raise WeaverError("\n".join(added.rejected))
    return added


@contextmanager
def change_documents(template: str) -> Iterator[None]:
    """Hold the lock of a template's documents; in the end, files that no document names are deleted."""
    home = documents_folder(template)
    with file_lock(home / ".lock", f"changing the documents of {template}"), disk_space_guard(home / "files"):
        try:
            yield
        finally:
            used = {document.folder for document in list_documents(template)}
            for folder in home.glob("files/*"):
                if folder.name not in used:  # of a replaced document, or of a process that was killed
                    shutil.rmtree(folder)


def add_document(plan: TrainingPlan, name: str, fetch: FetchFile, since: str) -> Document | None:
    """Copy a file, cut it and keep it; None if this very content is there already.

    Raises:
        WeaverError: the file cannot be read, or no passage of it may be used.
    """
    folder = file_folder(plan.template, uuid.uuid4().hex[:12])
    folder.mkdir(parents=True)
    file = folder / name
    fetch(file)
    record = documents_folder(plan.template) / f"{name}.json"
    current = Document.load(record, REMEDY) if record.exists() else None
    since = since or datetime.fromtimestamp(file.stat().st_mtime, UTC).date().isoformat()
    if (
        current
        and (current.digest, current.fingerprint) == (digest(file), fingerprint(plan))
        and current.since == since
    ):
        return None
    return cut_document(plan, file, since).save(record)


def cut_document(plan: TrainingPlan, file: Path, since: str) -> Document:
    """Write the passages of a file beside it.

    Raises:
        WeaverError: the file cannot be read, or no passage of it may be used.
    """
    withheld, notes = list[Withheld](), list[str]()
    count, pages = 0, set[int]()
    with (file.parent / PASSAGES).open("w", encoding="utf-8") as stream:
        for item in make_passages(file.name, read_document(file, file.name, notes), plan, since):
            if isinstance(item, Withheld):
                withheld.append(item)
                continue
            stream.write(canonical_json(item._asdict()) + "\n")
            count += 1
            pages.add(item.page)
    if not count:
        reasons = sorted({item.reason for item in withheld})
        raise WeaverError(
            f"{file.name}: all of its {len(withheld)} passages are withheld: {'; '.join(reasons)}",
            "Remove what they name from the document, or change the template's privacy section; then add it again.",
        )
    return Document(
        name=file.name,
        template=plan.template,
        folder=file.parent.name,
        digest=digest(file),
        fingerprint=fingerprint(plan),
        since=since,
        added=datetime.now(UTC).isoformat(timespec="seconds"),
        passages=count,
        pages=len(pages - {0}),
        withheld=[item._asdict() for item in withheld],
        notes=notes,
    )


def remove_document(template: str, name: str) -> Document:
    """Delete a document.

    Raises:
        WeaverError: there is no such document; lists those there are.
    """
    make_plan(template)
    with change_documents(template):
        documents = {document.name: document for document in list_documents(template)}
        if name not in documents:
            raise WeaverError(
                f"{template} has no document '{name}'{did_you_mean(name, documents)}",
                f"Choose one of: {', '.join(documents) or '(none)'}.",
            )
        (documents_folder(template) / f"{name}.json").unlink()
        return documents[name]


def recut_documents(plan: TrainingPlan) -> list[Document]:
    """Cut the documents anew that were cut by other code, by another length or another privacy policy; returns them."""
    if all(document.fingerprint == fingerprint(plan) for document in list_documents(plan.template)):
        return []
    cut = []
    with change_documents(plan.template):
        for document in list_documents(plan.template):
            if document.fingerprint != fingerprint(plan):
                file = file_folder(plan.template, document.folder) / document.name
                copy = file_folder(plan.template, uuid.uuid4().hex[:12]) / document.name
                copy.parent.mkdir()
                shutil.copy2(file, copy)
                record = documents_folder(plan.template) / f"{document.name}.json"
                cut.append(cut_document(plan, copy, document.since).save(record))
    return cut


def fingerprint(plan: TrainingPlan) -> str:
    """What the passages of a document depend on, beside its file."""
    return digest([CODE.digest, plan.digest("privacy"), plan.knowledge.passage_chars])


def parse_day(text: str) -> str:
    """A day as ISO 8601.

    Raises:
        WeaverError: it is none.
    """
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise WeaverError(f"'{text}' is no day", "Write it as 2026-11-30.") from error
