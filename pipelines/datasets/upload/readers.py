"""Open a file of any supported format as rows; plain, gzipped or zipped.

Files are not trusted: the length of a line and the size of an unpacked archive are limited. Each row has its number in
the file, so that a rejected row is reported by its line.
"""

import re
from pathlib import Path

from pipelines.core.errors import WeaverError
from pipelines.datasets.upload.json_reader import read_json
from pipelines.datasets.upload.mailbox_reader import read_mailbox
from pipelines.datasets.upload.parquet_reader import read_parquet
from pipelines.datasets.upload.question_lines import has_question_lines, read_question_lines
from pipelines.datasets.upload.speakers import SpeakerChoice
from pipelines.datasets.upload.turn_tables import reduce_table
from pipelines.datasets.upload.whatsapp import is_whatsapp, read_whatsapp
from pipelines.readers.archives import (
    ARCHIVE_SUFFIXES,
    DATA_SUFFIXES,
    OTHER_SUFFIXES,
    TEXT_SUFFIXES,
    WORKBOOK_SUFFIXES,
    assert_format,
    is_text,
    read_head,
    unpack,
)
from pipelines.readers.csv_reader import read_csv
from pipelines.readers.encodings import assert_known, detect_encoding
from pipelines.readers.source import Source
from pipelines.readers.workbook_reader import read_workbook

JSON_START = re.compile(r"[\ufeff\s]*(?:\{|\[\s*[\[{\"\]])")
NO_CHOICE = SpeakerChoice()
JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")


def open_source(
    path: Path, name: str, scratch: Path, encoding: str = "", sheet: str = "", choice: SpeakerChoice = NO_CHOICE
) -> Source:
    """Open a file of any supported format; the conversations of chats are rows.

    Args:
        name: the file's name, for messages.
        scratch: a folder to unpack into.
        encoding: of text; empty detects it.
        sheet: of a workbook; empty takes the one with columns.
        choice: who of the speakers of a chat answers for the dealership.

    Raises:
        WeaverError: the file is empty, too large, of another format than its name says, or its encoding is unknown; or
            nothing says who answers in a chat.
    """
    return reduce_table(open_rows(path, name, scratch, encoding, sheet), name, choice)


def open_rows(path: Path, name: str, scratch: Path, encoding: str, sheet: str) -> Source:
    """Open a file as it is: a table of messages has one message in each row."""
    format_, notes = file_format(path, name), list[str]()
    assert_format(path, name, format_)
    if format_ in ARCHIVE_SUFFIXES:
        packed = format_
        path, format_ = unpack(path, name, packed, scratch)
        notes.append(f"unpacked from {packed}")
        assert_format(path, name, format_)
    if format_ == ".parquet":
        return read_parquet(path, name, notes)
    if format_ in WORKBOOK_SUFFIXES:
        return read_workbook(path, name, sheet, notes)
    if format_ == ".mbox":
        return read_mailbox(path, name, notes)
    if encoding:
        assert_known(encoding)
    encoding = encoding or detect_encoding(path, name, notes)
    if format_ in JSON_SUFFIXES or (format_ == ".txt" and starts_like_json(path, encoding)):
        return read_json(path, name, encoding, notes)
    if format_ == ".txt" and is_whatsapp(path, name, encoding):
        return read_whatsapp(path, name, encoding, notes)
    if format_ == ".txt" and has_question_lines(path, name, encoding):
        return read_question_lines(path, name, encoding, notes)
    return read_csv(path, name, encoding, notes)


def starts_like_json(path: Path, encoding: str) -> bool:
    """Whether a text file begins with an object or an array of objects or texts; `[10:00] Hello` is neither."""
    with path.open(encoding=encoding, errors="replace") as stream:
        return JSON_START.match(stream.read(4096)) is not None


def file_format(path: Path, name: str) -> str:
    """The format of a file, as its suffix in lower case.

    Raises:
        WeaverError: the format is not supported.
    """
    suffix = Path(name).suffix.lower()
    if suffix == ".xls" and is_text(read_head(path)):
        return ".txt"  # many programs name a text with tabs, or a web page, .xls
    if suffix in OTHER_SUFFIXES:
        kind, remedy = OTHER_SUFFIXES[suffix]
        raise WeaverError(f"{name} is {kind}, which cannot be read", remedy)
    if suffix not in (*DATA_SUFFIXES, *TEXT_SUFFIXES, *ARCHIVE_SUFFIXES):
        raise WeaverError(
            f"{name} cannot be read: its name ends in '{suffix}'" if suffix else f"{name} has no suffix, such as .csv",
            f"Save it as one of {', '.join(DATA_SUFFIXES)}; it may be packed as .gz or .zip.",
        )
    return suffix
