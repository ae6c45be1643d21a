"""Rows that a dealership brings itself, beside those of the template's source: shown first, then accepted whole.

An upload is a folder WEAVER_HOME/intake/<template>/<id>/ with the file as it came (original/), rows.jsonl,
refused.jsonl (each row that cannot be used, its place and the reason) and upload.json; whole, or not there.
"""

import json
import logging
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.core.artifacts import Artifact
from pipelines.core.errors import WeaverError
from pipelines.core.files import DISK_FULL, canonical_json, digest, file_lock, write_text
from pipelines.core.plan import Contract
from pipelines.core.settings import settings
from pipelines.core.templates import load_template
from pipelines.datasets.upload.archives import ARCHIVE_SUFFIXES, DATA_SUFFIXES
from pipelines.datasets.upload.column_mapping import ColumnMapping
from pipelines.datasets.upload.readers import Rejected, open_source
from pipelines.datasets.upload.stores import find_files

log = logging.getLogger(__name__)

LOG_EVERY_ROWS = 100_000  # rows between two words of progress
PREVIEW_ROWS = 3  # rows of a preview, and refused rows of each reason
MAX_VALUE_CHARS = 2000  # characters of a refused row that are kept with the reason; the original has it all


class Upload(Artifact):
    """A file that was added, or its preview."""

    id: str
    template: str
    file: str
    digest: str  # SHA-256 of the file as it came
    format: str
    encoding: str
    columns: list[dict[str, str]]  # column, field (empty: none) and how that was found
    topic: str  # of all rows; empty if they have their own
    notes: list[str]
    rows: int
    refused: dict[str, int]  # reason → rows
    first: list[dict[str, Any]]
    examples: list[str]  # of refused rows
    at: str  # ISO 8601, UTC


def uploads_folder(template: str) -> Path:
    return settings().home / "intake" / template


def list_uploads(template: str) -> list[Upload]:
    """What was accepted for a template, oldest first."""
    found = [
        Upload.model_validate_json(path.read_text()) for path in uploads_folder(template).glob("[!.]*/upload.json")
    ]
    return sorted(found, key=lambda upload: (upload.at, upload.id))


def read_upload(upload: Upload) -> Iterator[dict[str, Any]]:
    """The accepted rows of an upload, in the order of its file."""
    with (uploads_folder(upload.template) / upload.id / "rows.jsonl").open("rb") as stream:
        yield from map(json.loads, stream)


@contextmanager
def stage_upload(
    template: str,
    place: str,
    columns: dict[str, str] | None = None,
    topic: str = "",
    encoding: str = "",
    sheet: str = "",
) -> Iterator["StagedUpload"]:
    """Read files into a place beside the uploads; `accept()` what is there, or leave and it is gone.

    Args:
        place: a file, a folder of files, or s3://bucket/key (a key that ends with / is a folder).
        columns: column → field, where the names do not say it.
        topic: of all rows.
        encoding, sheet: of the files, if they do not tell.

    Raises:
        WeaverError: the file, the line or the column that is wrong, and what to do; nothing was kept.
        Unavailable: the object store does not answer.
    """
    contract = load_template(template).contract
    home = uploads_folder(template)
    with file_lock(home / ".lock", f"adding to the dataset of {template}", timeout=0):
        for left in home.glob(".staged-*"):  # by a process that was killed
            shutil.rmtree(left)
        work = home / f".staged-{uuid.uuid4().hex[:8]}"
        try:
            work.mkdir()
            stage = StagedUpload(template, contract, work)
            for name, bring in find_files(place, (*DATA_SUFFIXES, *ARCHIVE_SUFFIXES)):
                stage.read(name, bring, columns or {}, topic, encoding, sheet)
            if not stage.uploads:
                raise WeaverError(
                    "; ".join(stage.known), "To read it in another way, `weaver dataset remove` it first."
                )
            yield stage
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            raise WeaverError(
                f"no room left under {home}: {error.strerror}", "Free some space; add it again."
            ) from error
        finally:
            shutil.rmtree(work, ignore_errors=True)


class StagedUpload:
    def __init__(self, template: str, contract: Contract, work: Path) -> None:
        self.template, self.contract, self.work = template, contract, work
        self.uploads: list[Upload] = []
        self.known: list[str] = []  # files that were added before
        self.ids = {
            row["id"]: f"{upload.file}, upload {upload.id}"
            for upload in list_uploads(template)
            for row in read_upload(upload)
            if "id" in row
        }

    def read(self, name: str, bring: Any, columns: dict[str, str], topic: str, encoding: str, sheet: str) -> None:
        """Read a file into a staged upload of its own."""
        place = self.work / str(len(self.uploads))
        (place / "original").mkdir(parents=True)
        original = place / "original" / Path(name).name
        bring(original)
        sha = digest(original)
        source = open_source(original, name, place, encoding, sheet)
        every = [*list_uploads(self.template), *self.uploads]
        if known := [upload for upload in every if (upload.digest, upload.format) == (sha, source.format)]:
            self.known.append(f"{name} is there already, as upload {known[0].id} ({known[0].file})")
            shutil.rmtree(place)
            return
        mapping = ColumnMapping(source, name, columns, topic)
        spreadsheet = source.format.startswith(("CSV", "workbook"))
        refused: Counter[str] = Counter()
        first: list[dict[str, Any]] = []
        examples: list[str] = []
        count = 0
        with (place / "rows.jsonl").open("w") as good, (place / "refused.jsonl").open("w") as bad:
            for number, values in source.rows():
                where = f"{source.unit} {number}"
                row = values if isinstance(values, Rejected) else mapping.row(values, self.contract, spreadsheet)
                if not isinstance(row, Rejected) and "id" in row:
                    if row["id"] in self.ids:
                        row = Rejected("an id that is there", f"id {row['id']!r} is that of {self.ids[row['id']]}")
                    else:
                        self.ids[row["id"]] = f"{name}, {where}"
                if isinstance(row, Rejected):
                    refused[row.reason] += 1
                    if refused[row.reason] <= PREVIEW_ROWS:
                        examples.append(f"{name}, {where}: {row.reason}: {row.detail}")
                    told = {"file": name, source.unit: number, "reason": row.reason, "detail": row.detail}
                    bad.write(canonical_json(told | {"values": shorten_values(values)}) + "\n")
                    continue
                if (number % LOG_EVERY_ROWS) == 0:
                    log.info("%s: %s, %d rows can be used", name, where, count)
                row = {"source": f"{name}:{number}"} | row
                good.write(canonical_json(row) + "\n")
                count += 1
                if len(first) < PREVIEW_ROWS:
                    first.append(row)
        if not count:
            raise WeaverError(
                f"{name}: no row can be used" + "".join(f"\n  - {example}" for example in examples),
                "Correct these rows, or say which column is which with --map."
                if examples
                else "It has a header alone.",
            )
        for unpacked in place.glob("unpacked.*"):
            unpacked.unlink()
        made = Upload(
            id=digest([sha, source.format, mapping.fields, topic])[:12], template=self.template, file=name, digest=sha,
            format=source.format, encoding=source.encoding, columns=mapping.told(), topic=topic, notes=source.notes,
            rows=count, refused=dict(refused), first=first, examples=examples,
            at=datetime.now(UTC).isoformat(timespec="microseconds"),
        )  # fmt: skip
        write_text(place / "upload.json", made.model_dump_json(indent=1) + "\n")
        self.uploads.append(made)

    def accept(self) -> list[Upload]:
        """From here on the template's dataset has these rows."""
        for number, upload in enumerate(self.uploads):
            (self.work / str(number)).rename(uploads_folder(self.template) / upload.id)
        return self.uploads


def remove_upload(template: str, id_: str) -> Upload:
    """Take an upload back: the next dataset is without its rows. Datasets that were made keep them.

    Raises:
        WeaverError: there is no such upload; names those there are.
    """
    load_template(template)
    home = uploads_folder(template)
    with file_lock(home / ".lock", f"adding to the dataset of {template}", timeout=0):
        known = {upload.id: upload for upload in list_uploads(template)}
        if id_ not in known:
            there = ", ".join(f"{upload.id} ({upload.file})" for upload in known.values())
            raise WeaverError(f"{template} has no upload {id_!r}", f"Choose one of: {there or '(none)'}.")
        gone = home / f".staged-{uuid.uuid4().hex[:8]}"
        (home / id_).rename(gone)
        shutil.rmtree(gone)
        return known[id_]


def shorten_values(values: Any) -> Any:
    """What a refused row held, as far as it can be kept beside the reason."""
    if isinstance(values, Rejected):
        return None
    return {
        column: value if len(str(value)) <= MAX_VALUE_CHARS else f"{str(value)[:MAX_VALUE_CHARS]}…"
        for column, value in values.items()
    }
