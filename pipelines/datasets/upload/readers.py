"""Rows out of whatever file a dealership has: CSV, JSON Lines, Parquet, a workbook; plain, gzipped or zipped.

Nothing in a file is trusted: no line is read beyond a bound, no archive unpacked beyond one.
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

    reason: str  # the same for all such rows
    detail: str


Row = tuple[int, dict[str, Any] | Rejected]


class Source(NamedTuple):
    """A file that can be read.

    rows: (line or row number, from 1 as an editor shows it; column → value, or why there is none), streamed.
    """

    format: str
    encoding: str
    columns: list[str]
    unit: str  # what the numbers count: line or row
    rows: Callable[[], Iterator[Row]]
    notes: list[str]


def open_source(path: Path, name: str, scratch: Path, encoding: str = "", sheet: str = "") -> Source:
    """A file as rows.

    Args:
        name: what the user calls it, for messages.
        scratch: a folder to unpack into.
        encoding: of text, if the user knows better than its bytes tell.
        sheet: of a workbook; empty takes the first.

    Raises:
        WeaverError: it is empty, no data, not what its name says, too large, or in no encoding we know.
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
    found = Path(name).suffix.lower()
    if found not in (*DATA_SUFFIXES, *ARCHIVE_SUFFIXES):
        raise WeaverError(
            f"{name} is none of {', '.join(DATA_SUFFIXES)}", "Save it as one of these; .gz and .zip may follow."
        )
    return found


def detect_encoding(path: Path, name: str, notes: list[str]) -> str:
    """The encoding of a text: what its byte order mark says, else UTF-8 if all of it is, else Windows-1252."""
    with path.open("rb") as stream:
        head = stream.read(4096)
        for bom, encoding in BOMS.items():
            if head.startswith(bom):
                return encoding
        if b"\0" in head:
            raise WeaverError(
                f"{name} is binary, or UTF-16 without a byte order mark",
                "Save it as UTF-8; or say what it is with --encoding utf-16-le.",
            )
    for encoding in ("utf-8", "cp1252"):
        decoder, line = codecs.getincrementaldecoder(encoding)(), 1
        try:
            with path.open("rb") as stream:
                while piece := stream.readline(CHUNK_BYTES):
                    decoder.decode(piece)
                    line += piece.endswith(b"\n")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            byte = f"byte 0x{error.object[error.start]:02x}"
            notes.append(f"not {encoding}: line {line}, {byte}: {error.reason}")
        else:
            return encoding
    raise WeaverError(f"{name}: {'; '.join(notes)}", "Save it as UTF-8; or name its encoding with --encoding.")


def read_lines(path: Path, name: str, encoding: str) -> Iterator[str]:
    """The lines of a text with their ends, none of them longer than can be held."""
    number = 0
    try:
        with path.open(encoding=encoding, newline="") as stream:
            while line := stream.readline(MAX_LINE_CHARS + 1):
                number += 1
                if len(line) > MAX_LINE_CHARS:
                    raise WeaverError(
                        f"{name}, line {number} is longer than {MAX_LINE_CHARS} characters",
                        "Write one row a line; is this the right file?",
                    )
                yield line
    except (UnicodeError, LookupError) as error:
        raise WeaverError(f"{name}, line {number + 1}: {error}", "Save it as UTF-8; or correct --encoding.") from error


def read_csv(path: Path, name: str, encoding: str, notes: list[str]) -> Source:
    """CSV: the separator that parts the header most, a header, then rows."""
    csv.field_size_limit(MAX_LINE_CHARS)  # a quote that is never closed would swallow the rest of the file
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
        every = records()
        next(every)
        for number, cells in every:
            if len(cells) != len(header):
                told = f"{len(cells)} cells, the header has {len(header)}: {cells[:4]}"
                yield number, Rejected("another number of cells than the header", told)
            else:
                yield number, dict(zip(header, cells, strict=True))

    named = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}[separator]
    return Source(f"CSV, parted by {named}", encoding, header, "line", rows, notes)


def read_json_lines(path: Path, name: str, encoding: str, notes: list[str]) -> Source:
    """JSON Lines: an object a line; its columns are the keys of all of them."""

    def rows() -> Iterator[Row]:
        for number, line in enumerate(read_lines(path, name, encoding), 1):
            if line.isspace():
                continue
            try:
                value = json.loads(line)
                if "\\u" in line:
                    json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is JSON, but no text
            except (ValueError, RecursionError) as error:
                yield number, Rejected("no JSON", f"{error}: {line[:60]!r}")
                continue
            yield number, value if isinstance(value, dict) else Rejected("no JSON object", repr(value)[:60])

    columns: dict[str, None] = {}
    refused: Rejected | None = None
    for _, row in rows():
        if isinstance(row, Rejected):
            refused = refused or row
        else:
            columns.update(dict.fromkeys(row))
    if not columns:
        raise WeaverError(
            f"{name} holds no JSON object{f': {refused.detail}' if refused else ''}",
            "Write one JSON object a line; a JSON array is no JSON Lines.",
        )
    return Source("JSON Lines", encoding, list(columns), "line", rows, notes)


def read_parquet(path: Path, name: str, notes: list[str]) -> Source:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise WeaverError(f"{name} is no Parquet file that can be read: {error}", "Export it again.") from error
    about = file.metadata
    size = sum(about.row_group(group).total_byte_size for group in range(about.num_row_groups))
    if size > MAX_BYTES:
        raise WeaverError(f"{name} comes to {size} bytes", f"Cut it in files of at most {MAX_BYTES >> 30} GiB.")
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
    """A sheet of an .xlsx workbook; a formula is shown as one, its value is not trusted."""
    import openpyxl

    with open_zip(path, name):
        pass
    try:
        book = openpyxl.load_workbook(path, read_only=True)
    except Exception as error:  # whatever a broken workbook makes openpyxl's parsers raise
        raise WeaverError(f"{name} is no workbook that can be read: {error}", "Save it again as .xlsx.") from error
    if sheet and sheet not in book.sheetnames:
        raise WeaverError(f"{name} has no sheet {sheet!r}", f"Choose one of: {', '.join(book.sheetnames)}.")
    chosen = book[sheet] if sheet else book.worksheets[0]
    chosen.reset_dimensions()  # what the file says of its size need not be so
    if others := [title for title in book.sheetnames if title != chosen.title]:
        notes.append(f"not read: the sheets {', '.join(others)}")

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
        every = records()
        next(every)
        for number, cells in every:
            if any(cell is not None for cell in cells[len(header) :]):
                yield (
                    number,
                    Rejected("more cells than the header", f"{len(cells)} cells, the header has {len(header)}"),
                )
            else:
                yield number, dict(zip(header, [*cells, *[None] * len(header)], strict=False))

    return Source(f"workbook, sheet {chosen.title}", "utf-8", header, "row", rows, notes)


def assert_columns(header: list[str], name: str) -> None:
    if not header:
        raise WeaverError(f"{name} holds nothing", "The first row has to name the columns.")
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise WeaverError(f"{name} has two columns {', '.join(map(repr, twice))}", "Rename one of them.")
