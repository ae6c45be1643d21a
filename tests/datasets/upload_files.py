"""What a dealership may bring: its rows in every format, how they are added, and that nothing is kept of them."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from pipelines.core.files import read_jsonl
from pipelines.datasets.upload import list_uploads, stage_upload, uploads_folder
from pipelines.datasets.upload.readers import open_source
from pipelines.datasets.upload.speakers import SpeakerChoice
from pipelines.readers.source import Rejected, Source

T = "service_advisor"
HEADER = ["question", "context", "answer", "topic"]
ROWS = [
    ["What is the torque of the drain plug?", "drain plug | torque 38 Nm", "38 Nm", "engine"],
    ["Was bedeutet P0420 für Citroën?", "", "Katalysator unter der Schwelle “B.", "code_meaning"],
    ["How cold may it be?", "from -20 °C, to +40 °C", "-20 °C", "engine"],
]


def text(rows: list[list[str]], separator: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows([HEADER, *rows])
    return out.getvalue()


def objects(rows: list[list[Any]], header: list[str] | None = None, **options: Any) -> str:
    return "".join(json.dumps(dict(zip(header or HEADER, row, strict=True)), **options) + "\n" for row in rows)


def columns(rows: list[list[Any]]) -> dict[str, list[Any]]:
    return {column: [row[at] for row in rows] for at, column in enumerate(HEADER)}


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def parquet(path: Path, **columns: list[Any]) -> Path:
    import pyarrow as pa
    from pyarrow.parquet import write_table

    write_table(pa.table(columns), path)
    return path


def workbook(path: Path, rows: list[list[Any]], **others: list[list[Any]]) -> Path:
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    for title, content in {"Tickets": rows, **others}.items():
        sheet = book.create_sheet(title)
        for row in content:
            sheet.append(row)
    book.save(path)
    return path


def add(path: Path | str, **options: Any) -> Any:
    """Add as `--yes` does; the one upload."""
    with stage_upload(T, str(path), **options) as stage:
        (upload,) = stage.accept()
    return upload


def assert_nothing_kept() -> None:
    """No upload, no file, nothing half-written."""
    assert list_uploads(T) == []
    assert [path for path in uploads_folder(T).rglob("*") if path.name != ".lock"] == []


def rejected_rows(upload: Any) -> list[dict[str, Any]]:
    return read_jsonl(uploads_folder(T) / upload.id / "rejected.jsonl")


def read(path: Path, fields: dict[str, str] | None = None) -> Source:
    """Open a file, with what is said of its speakers; without, they are guessed."""
    return open_source(path, path.name, path.parent, choice=SpeakerChoice(fields or {}, guess=not fields))


def rows(source: Source) -> list[tuple[str, str]]:
    """Question and answer of each row that can be used."""
    return [(row["question"], row["answer"]) for _, row in source.rows() if not isinstance(row, Rejected)]


def faults(source: Source) -> list[tuple[int, str]]:
    """Number and reason of each row that cannot be used."""
    return [(number, row.reason) for number, row in source.rows() if isinstance(row, Rejected)]


def lines(*values: Any) -> str:
    """Values as lines of JSON."""
    return "".join(json.dumps(value) + "\n" for value in values)
