"""Read rows from CSV, JSON Lines, Parquet or an Excel workbook; plain, gzipped or zipped.

Files are not trusted: the length of a line and the size of an unpacked archive are limited. Each row has its number in
the file, so that a rejected row is reported by its line; pandas and pyarrow read CSV without line numbers.
"""

import codecs
import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.core.errors import WeaverError
from pipelines.datasets.upload.archives import (
    ARCHIVE_SUFFIXES,
    CHUNK_BYTES,
    DATA_SUFFIXES,
    MAX_BYTES,
    assert_format,
    open_zip,
    unpack,
)

MAX_LINE_CHARS = 1 << 20  # characters
BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class Rejected(NamedTuple):
    """Why a row cannot be used."""

    reason: str  # the same text for all rows with this fault
    detail: str  # about this row


Row = tuple[int, dict[str, Any] | Rejected]


class Source(NamedTuple):
    """A file that was opened."""

    format: str
    encoding: str
    columns: list[str]
    unit: str  # what the numbers of rows count: line or row
    rows: Callable[[], Iterator[Row]]  # streams (number from 1, as an editor shows it; column → value, or Rejected)
    notes: list[str]


def open_source(path: Path, name: str, scratch: Path, encoding: str = "", sheet: str = "") -> Source:
    """Open a file of any supported format.

    Args:
        name: the file's name, for messages.
        scratch: a folder to unpack into.
        encoding: of text; empty detects it.
        sheet: of a workbook; empty takes the first.

    Raises:
        WeaverError: the file is empty, too large, of another format than its name says, or its encoding is unknown.
    """
    format_, notes = file_suffix(name), []
    assert_format(path, name, format_)
    if format_ in ARCHIVE_SUFFIXES:
        packed = format_
        path, format_ = unpack(path, name, packed, scratch)
        notes.append(f"unpacked from {packed}")
        assert_format(path, name, format_)
    if format_ == ".parquet":
        return read_parquet(path, name, notes)
    if format_ == ".xlsx":
        return read_workbook(path, name, sheet, notes)
    encoding = encoding or detect_encoding(path, name, notes)
    return {".csv": read_csv, ".jsonl": read_json_lines}[format_](path, name, encoding, notes)


def file_suffix(name: str) -> str:
    """The suffix of a file name in lower case.

    Raises:
        WeaverError: the format is not supported.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in (*DATA_SUFFIXES, *ARCHIVE_SUFFIXES):
        raise WeaverError(
            f"{name} is not a {', '.join(DATA_SUFFIXES)} file",
            "Save it in one of these formats; it may be packed as .gz or .zip.",
        )
    return suffix


def detect_encoding(path: Path, name: str, notes: list[str]) -> str:
    """The encoding of a text file: that of its byte order mark; else UTF-8 if all bytes are; else Windows-1252.

    Args:
        notes: gets a note for each encoding that does not fit.
    """
    with path.open("rb") as stream:
        head = stream.read(4096)
        for bom, encoding in BOMS.items():
            if head.startswith(bom):
                return encoding
        if b"\0" in head:
            raise WeaverError(
                f"{name} is binary, or UTF-16 without a byte order mark",
                "Save it as UTF-8, or give its encoding, for example --encoding utf-16-le.",
            )
    for encoding in ("utf-8", "cp1252"):
        decoder, line = codecs.getincrementaldecoder(encoding)(), 1
        try:
            with path.open("rb") as stream:
                while chunk := stream.readline(CHUNK_BYTES):
                    decoder.decode(chunk)
                    line += chunk.endswith(b"\n")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            byte = f"byte 0x{error.object[error.start]:02x}"
            notes.append(f"not {encoding}: line {line}, {byte}: {error.reason}")
        else:
            return encoding
    raise WeaverError(f"{name}: {'; '.join(notes)}", "Save it as UTF-8, or give its encoding with --encoding.")


def read_lines(path: Path, name: str, encoding: str) -> Iterator[str]:
    """The lines of a text file with their ends.

    Raises:
        WeaverError: a line is longer than MAX_LINE_CHARS, or cannot be decoded.
    """
    number = 0
    try:
        with path.open(encoding=encoding, newline="") as stream:
            while line := stream.readline(MAX_LINE_CHARS + 1):
                number += 1
                if len(line) > MAX_LINE_CHARS:
                    raise WeaverError(
                        f"{name}, line {number} is longer than {MAX_LINE_CHARS} characters",
                        "Write one row per line, and check that this is the right file.",
                    )
                yield line
    except (UnicodeError, LookupError) as error:
        raise WeaverError(f"{name}, line {number + 1}: {error}", "Save it as UTF-8, or correct --encoding.") from error


def read_csv(path: Path, name: str, encoding: str, notes: list[str]) -> Source:
    """A CSV file with a header; its separator is the one that splits the header into the most columns."""
    csv.field_size_limit(MAX_LINE_CHARS)  # limits what an unclosed quote takes in
    first = next(read_lines(path, name, encoding), "")
    separator = max(",;\t|", key=lambda s: len(next(csv.reader([first], delimiter=s), [])))

    def records() -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(read_lines(path, name, encoding), delimiter=separator, strict=True)
        before = 0
        try:
            for cells in reader:
                if any(cells):
                    yield before + 1, cells
                before = reader.line_num
        except csv.Error as error:
            raise WeaverError(
                f"{name}, line {reader.line_num}: {error}", "Close the quote that is open, or double it within a text."
            ) from error

    header = [column.strip() or f"column {number}" for number, column in enumerate(next(records(), (0, []))[1], 1)]
    assert_columns(header, name)

    def rows() -> Iterator[Row]:
        rows_after_header = records()
        next(rows_after_header)
        for number, cells in rows_after_header:
            if len(cells) != len(header):
                detail = f"{len(cells)} cells, the header has {len(header)}: {', '.join(cells[:4])}"
                yield number, Rejected("number of cells differs from the header", detail)
            else:
                yield number, dict(zip(header, cells, strict=True))

    separator_name = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}[separator]
    return Source(f"CSV, separated by {separator_name}", encoding, header, "line", rows, notes)


def read_json_lines(path: Path, name: str, encoding: str, notes: list[str]) -> Source:
    """A JSON Lines file, one object per line; its columns are the keys of all objects."""

    def rows() -> Iterator[Row]:
        for number, line in enumerate(read_lines(path, name, encoding), 1):
            if line.isspace():
                continue
            try:
                value = json.loads(line)
                if "\\u" in line:
                    json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is valid JSON, but not text
            except (ValueError, RecursionError) as error:
                yield number, Rejected("not JSON", f"{error}: '{line[:60].strip()}'")
                continue
            yield number, value if isinstance(value, dict) else Rejected("not a JSON object", str(value)[:60])

    columns: dict[str, None] = {}
    first_rejected: Rejected | None = None
    for _, row in rows():
        if isinstance(row, Rejected):
            first_rejected = first_rejected or row
        else:
            columns.update(dict.fromkeys(row))
    if not columns:
        raise WeaverError(
            f"{name} contains no JSON object{f': {first_rejected.detail}' if first_rejected else ''}",
            "Write one JSON object per line, without an array around them.",
        )
    return Source("JSON Lines", encoding, list(columns), "line", rows, notes)


def read_parquet(path: Path, name: str, notes: list[str]) -> Source:
    """A Parquet file."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise WeaverError(f"{name} cannot be read as Parquet: {error}", "Export it again.") from error
    metadata = file.metadata
    size = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    if size > MAX_BYTES:
        raise WeaverError(f"{name} unpacks to {size} bytes", f"Split it into files of at most {MAX_BYTES >> 30} GiB.")
    assert_columns(file.schema_arrow.names, name)

    def rows() -> Iterator[Row]:
        number = 0
        try:
            for batch in file.iter_batches(batch_size=1000):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
        except (pa.ArrowException, OSError, UnicodeError) as error:
            raise WeaverError(f"{name}, after row {number}: {error}", "Export it again.") from error

    return Source("Parquet", "utf-8", file.schema_arrow.names, "row", rows, notes)


def read_workbook(path: Path, name: str, sheet: str, notes: list[str]) -> Source:
    """A sheet of an .xlsx workbook; of a formula its text is read, not its stored value."""
    import openpyxl

    with open_zip(path, name):
        pass
    try:
        book = openpyxl.load_workbook(path, read_only=True)
    except Exception as error:  # openpyxl's parsers raise various errors on a broken workbook
        raise WeaverError(f"{name} cannot be read as a workbook: {error}", "Save it again as .xlsx.") from error
    if sheet and sheet not in book.sheetnames:
        raise WeaverError(f"{name} has no sheet '{sheet}'", f"Choose one of: {', '.join(book.sheetnames)}.")
    chosen = book[sheet] if sheet else book.worksheets[0]
    chosen.reset_dimensions()  # the size that the file states may be wrong
    if others := [title for title in book.sheetnames if title != chosen.title]:
        notes.append(f"sheets that are not read: {', '.join(others)}")

    def records() -> Iterator[tuple[int, list[Any]]]:
        number = 0
        try:
            for number, cells in enumerate(chosen.iter_rows(values_only=True), 1):
                if any(cell is not None for cell in cells):
                    yield number, list(cells)
        except Exception as error:
            raise WeaverError(f"{name}, after row {number}: {error}", "Save it again as .xlsx.") from error

    cells = next(records(), (0, []))[1]
    while cells and cells[-1] is None:
        cells.pop()
    header = [str(cell).strip() if cell is not None else f"column {at}" for at, cell in enumerate(cells, 1)]
    assert_columns(header, name)

    def rows() -> Iterator[Row]:
        rows_after_header = records()
        next(rows_after_header)
        for number, cells in rows_after_header:
            if any(cell is not None for cell in cells[len(header) :]):
                yield (
                    number,
                    Rejected("more cells than the header", f"{len(cells)} cells, the header has {len(header)}"),
                )
            else:
                yield number, dict(zip(header, [*cells, *[None] * len(header)], strict=False))

    return Source(f"workbook, sheet {chosen.title}", "utf-8", header, "row", rows, notes)


def assert_columns(header: list[str], name: str) -> None:
    """
    Raises:
        WeaverError: there is no column, or two have the same name.
    """
    if not header:
        raise WeaverError(f"{name} has no rows", "Write the names of the columns in the first row.")
    repeated = sorted({f"'{column}'" for column in header if header.count(column) > 1})
    if repeated:
        raise WeaverError(f"{name} has two columns named {', '.join(repeated)}", "Rename one of them.")
