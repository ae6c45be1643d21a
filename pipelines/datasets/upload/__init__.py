"""Uploads: a dealership's own rows, which are added to those of the template's source after a preview.

An upload is a folder WEAVER_HOME/uploads/<template>/<id>/ with the original file (original/), rows.jsonl,
rejected.jsonl (each row that cannot be used, with its line and the reason) and upload.json. It exists completely or not
at all.
"""

import json
import logging
import shlex
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from pipelines.clients.token_counter import token_counter
from pipelines.core.artifacts import Artifact
from pipelines.core.errors import WeaverError
from pipelines.core.files import DISK_FULL, canonical_json, digest, file_lock, write_text
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings
from pipelines.core.templates import load_template
from pipelines.datasets.upload.column_mapping import ColumnMapping
from pipelines.datasets.upload.readers import open_source
from pipelines.datasets.upload.speakers import SpeakerChoice
from pipelines.readers.archives import ARCHIVE_SUFFIXES, DATA_SUFFIXES, extract, zip_members
from pipelines.readers.source import Rejected, Source
from pipelines.readers.stores import FetchFile, find_files, unreadable_files
from pipelines.text.counts import format_count

log = logging.getLogger(__name__)

LOG_EVERY_ROWS = 100_000  # rows between two progress messages
PREVIEW_ROWS = 3  # rows of a preview, and rejected rows of each reason
CHECKED_ROWS = 1000  # rows whose tokens are counted at a time
CheckedRow = tuple[int, Any, dict[str, Any] | Rejected]
MAX_VALUE_CHARS = 2000  # characters of a rejected row's value that are kept with the reason; the original file has all


class Upload(Artifact):
    """A file that was uploaded, or its preview."""

    id: str
    template: str
    file: str
    digest: str  # SHA-256 of the original file
    format: str
    encoding: str
    unit: str = "line"  # what the numbers of its rows count: line, row or object
    sheet: str = ""  # of a workbook
    columns: list[dict[str, str]]  # column, field (empty: none) and how it was mapped
    topic: str  # of all rows; empty if each has its own
    notes: list[str]
    unknown_topics: dict[str, int] = {}  # as the file names them → rows that are rejected for it
    confirm: list[str] = []  # the options that confirm what was guessed; empty if nothing was
    rows: int
    rejected: dict[str, int]  # reason → rows
    first: list[dict[str, Any]]
    examples: list[str]  # of rejected rows
    at: str  # ISO 8601, UTC


def uploads_folder(template: str) -> Path:
    """The folder of a template's uploads."""
    return settings().home / "uploads" / template


def list_uploads(template: str) -> list[Upload]:
    """A template's accepted uploads, oldest first."""
    uploads = [
        Upload.load(path, "Restore it from a backup, or move its folder away and add the file again.")
        for path in uploads_folder(template).glob("[!.]*/upload.json")
    ]
    return sorted(uploads, key=lambda upload: (upload.at, upload.id))


def read_upload(upload: Upload) -> Iterator[dict[str, Any]]:
    """The accepted rows of an upload, in the order of its file."""
    with (uploads_folder(upload.template) / upload.id / "rows.jsonl").open("rb") as stream:
        yield from map(json.loads, stream)


@contextmanager
def stage_upload(
    template: str,
    source: str,
    columns: dict[str, str] | None = None,
    topic: str = "",
    encoding: str = "",
    sheet: str = "",
    guess: bool = False,
    topic_names: dict[str, str] | None = None,
) -> Iterator["StagedUpload"]:
    """Read files into a staging folder. `accept()` keeps them; without it they are deleted when the context ends.

    Args:
        source: a file, a folder of files, or s3://bucket/key (a key that ends with / is a folder).
        columns: column → field, for columns that their names do not map; `A,B,C` → input: these are the record.
        topic: the topic of all rows; empty if each has its own.
        encoding: of text files; empty detects it.
        sheet: of workbooks; empty takes the one with columns.
        guess: map columns by what they seem to hold too, for a person to confirm; `Upload.confirm` says how.
        topic_names: a topic as the file names it → the template's.

    Raises:
        WeaverError: names the file, the line or the column at fault, and what to do; nothing was kept.
        Unavailable: the object store cannot be reached.
    """
    plan = make_plan(template)
    home = uploads_folder(template)
    with file_lock(home / ".lock", f"adding to the dataset of {template}", timeout=0):
        for abandoned in home.glob(".staged-*"):  # by a process that was killed
            shutil.rmtree(abandoned)
        work = home / f".staged-{uuid.uuid4().hex[:8]}"
        try:
            work.mkdir()
            staged = StagedUpload(plan, work, guess, topic_names or {})
            for name, fetch in find_files(source, (*DATA_SUFFIXES, *ARCHIVE_SUFFIXES)):
                staged.read(name, fetch, columns or {}, topic, encoding, sheet)
            staged.duplicates += [f"{name} is not read: {why}" for name, why in unreadable_files(source)]
            if not staged.uploads:
                raise WeaverError(
                    "; ".join(staged.duplicates), "To read it in another way, run `weaver dataset remove` first."
                )
            yield staged
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            raise WeaverError(
                f"the disk is full: {home} cannot be written ({error.strerror})", "Free some space, and add it again."
            ) from error
        finally:
            shutil.rmtree(work, ignore_errors=True)


class StagedUpload:
    """Files that were read but not yet accepted.

    Attributes:
        uploads: one per file.
        duplicates: a message for each file that was uploaded before, or that a folder has but cannot be read.
    """

    def __init__(self, plan: TrainingPlan, work: Path, guess: bool, topic_names: dict[str, str]) -> None:
        self.topic_names = topic_names
        self.template, self.plan, self.work, self.guess = plan.template, plan, work, guess
        self.counter = token_counter(plan.base.model, plan.system_prompt)
        template = plan.template
        self.uploads: list[Upload] = []
        self.duplicates: list[str] = []
        self.ids = {
            row["id"]: f"{upload.file}, upload {upload.id}"
            for upload in list_uploads(template)
            for row in read_upload(upload)
            if "id" in row
        }

    def read(self, name: str, fetch: FetchFile, columns: dict[str, str], topic: str, encoding: str, sheet: str) -> None:
        """Read one file into its own staged upload.

        Raises:
            WeaverError: the file cannot be read, its columns cannot be mapped, or no row can be used.
        """
        folder = self.work / str(len(self.uploads))
        (folder / "original").mkdir(parents=True)
        original = folder / "original" / Path(name).name
        fetch(original)
        if original.suffix.lower() == ".zip" and len(members := zip_members(original, name)) > 1:
            packed = folder.rename(self.work / f"archive-{uuid.uuid4().hex[:8]}") / "original" / original.name
            for member in members:
                inside = partial(extract, packed, name, member)
                self.read(f"{name}/{member}", inside, columns, topic, encoding, sheet)
            shutil.rmtree(packed.parent.parent)
            return
        sha = digest(original)
        source = open_source(original, name, folder, encoding, sheet, SpeakerChoice(columns, self.guess))
        earlier = [*list_uploads(self.template), *self.uploads]
        if same := [upload for upload in earlier if (upload.digest, upload.format) == (sha, source.format)]:
            self.duplicates.append(f"{name} was added before, as upload {same[0].id} ({same[0].file})")
            shutil.rmtree(folder)
            return
        mapping = ColumnMapping(source, name, columns, self.plan.contract, topic, self.guess, self.topic_names)
        if mapping.asks_records:
            mapping.find_patterns(self.plan.data.source)
        rejected: Counter[str] = Counter()
        first: list[dict[str, Any]] = []
        examples: list[str] = []
        count = 0
        place = f"{name}, sheet {source.sheet}" if source.sheet else name
        with (folder / "rows.jsonl").open("w") as accepted_file, (folder / "rejected.jsonl").open("w") as rejected_file:
            for number, values, row in self.check_rows(source, mapping, place):
                if isinstance(row, Rejected):
                    rejected[row.reason] += 1
                    if rejected[row.reason] <= PREVIEW_ROWS:
                        examples.append(f"{place}, {source.unit} {number}: {row.reason}: {row.detail}")
                    entry = {"file": name, source.unit: number, "reason": row.reason, "detail": row.detail}
                    entry |= {"sheet": source.sheet} if source.sheet else {}
                    rejected_file.write(canonical_json(entry | {"values": shorten_values(values)}) + "\n")
                    continue
                if (number % LOG_EVERY_ROWS) == 0:
                    log.info("%s: %s %d, %s can be used", name, source.unit, number, format_count(count, "row"))
                row = {"source": f"{place}:{number}"} | row
                accepted_file.write(canonical_json(row) + "\n")
                count += 1
                if len(first) < PREVIEW_ROWS:
                    first.append(row)
        if not count:
            remedy = "Correct these rows, or map the columns with --map."
            if mapping.unknown_topics:
                theirs = shlex.quote(f"{next(iter(mapping.unknown_topics))}=NAME")
                remedy = (
                    f"Say which topic of the template it is: --topic {theirs}; or --topic NAME sets that of all rows."
                )
            raise WeaverError(
                f"{name}: no row can be used" + "".join(f"\n  - {example}" for example in examples),
                remedy if examples else "It has only a header: add rows to it.",
            )
        for unpacked in folder.glob("unpacked.*"):
            unpacked.unlink()
        sides = [(speaker.name, speaker.field) for speaker in source.speakers]
        identity = [sha, source.format, mapping.fields, topic, *mapping.record, *self.topic_names.items(), *sides]
        upload = Upload(
            id=digest(identity)[:12], template=self.template,
            file=name, digest=sha, format=source.format, encoding=source.encoding, unit=source.unit,
            sheet=source.sheet, columns=mapping.describe_columns(),
            topic=topic, notes=[*source.notes, *mapping.notes], unknown_topics=dict(mapping.unknown_topics),
            confirm=mapping.guessed_options(), rows=count,
            rejected=dict(rejected), first=first, examples=examples,
            at=datetime.now(UTC).isoformat(timespec="microseconds"),
        )  # fmt: skip
        write_text(folder / "upload.json", upload.model_dump_json(indent=1) + "\n")
        self.uploads.append(upload)

    def check_rows(self, source: Source, mapping: ColumnMapping, place: str) -> Iterator[CheckedRow]:
        """Each row of a file: its number, its values, and the row that it becomes, or why it cannot be used."""
        rows = source.rows()
        while batch := list(islice(rows, CHECKED_ROWS)):
            checked = [
                (number, values, row)
                for number, values in batch
                for row in ([values] if isinstance(values, Rejected) else mapping.to_rows(values))
            ]
            usable = [row for _, _, row in checked if not isinstance(row, Rejected)]
            excess = iter(self.counter.excess(usable, self.plan.train.max_length))
            for number, values, row in checked:
                if not isinstance(row, Rejected) and (tokens := next(excess)) is not None:
                    detail = f"it has {tokens} tokens, train.max_length is {self.plan.train.max_length}"
                    yield number, values, Rejected("too long to train on", f"{detail}; shorten it")
                elif not isinstance(row, Rejected) and "id" in row and row["id"] in self.ids:
                    where = self.ids[row["id"]]
                    yield number, values, Rejected("duplicate id", f"id '{row['id']}' is used in {where}")
                else:
                    if not isinstance(row, Rejected) and "id" in row:
                        self.ids[row["id"]] = f"{place}, {source.unit} {number}"
                    yield number, values, row

    def accept(self) -> list[Upload]:
        """Keep the uploads: the template's next dataset has these rows."""
        for number, upload in enumerate(self.uploads):
            (self.work / str(number)).rename(uploads_folder(self.template) / upload.id)
        return self.uploads


def remove_upload(template: str, id_: str) -> Upload:
    """Delete an upload: the next dataset does not have its rows; dataset versions that have them keep them.

    Raises:
        WeaverError: there is no such upload; lists those there are.
    """
    load_template(template)
    home = uploads_folder(template)
    with file_lock(home / ".lock", f"adding to the dataset of {template}", timeout=0):
        uploads = {upload.id: upload for upload in list_uploads(template)}
        if id_ not in uploads:
            choices = ", ".join(f"{upload.id} ({upload.file})" for upload in uploads.values())
            raise WeaverError(f"{template} has no upload '{id_}'", f"Choose one of: {choices or '(none)'}.")
        removed = home / f".staged-{uuid.uuid4().hex[:8]}"
        (home / id_).rename(removed)
        shutil.rmtree(removed)
        return uploads[id_]


def shorten_values(values: Any) -> Any:
    """The values of a rejected row, cut to MAX_VALUE_CHARS."""
    if isinstance(values, Rejected):
        return shorten_values(values.values) if values.values else None
    return {
        column: value if len(str(value)) <= MAX_VALUE_CHARS else f"{str(value)[:MAX_VALUE_CHARS]}…"
        for column, value in values.items()
    }
