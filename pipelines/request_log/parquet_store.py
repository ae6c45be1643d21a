"""The Parquet files of the request log, in one folder per kind and day (UTC), for any reader of Parquet.

    exchanges/date=2026-11-21/000000000001-000000000731.parquet

A file is named for the first and the last number of its rows. Numbers only rise, so a row of a day has been flushed
when the day has a file that ends with its number or a later one: so a flush that was killed can be repeated. Readers
other than `queries` may see rows twice for the moment in which files are merged.
"""

import io
import json
import os
import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, Any, NamedTuple

import pyarrow as pa

from pipelines.core.files import atomic_write
from pipelines.request_log.schema import arrow_schema
from pipelines.request_log.write_ahead_log import PendingRow

RETENTION_DAYS = 90  # older days are deleted
MAX_FILES_PER_DAY = 60  # with more, they are merged
ROW_GROUP = 50_000  # rows
DAY = 86_400  # seconds


class ParquetFile(NamedTuple):
    """A file, and the numbers of its first and last row."""

    first: int
    last: int
    path: Path


def day_name(at: float) -> str:
    """The name of the folder of rows of this time (epoch seconds)."""
    return f"date={datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def list_days(folder: Path, since: float = 0, until: float = float("inf")) -> list[Path]:
    """A kind's folders with rows from `since` until before `until` (epoch seconds), oldest first."""
    folders = []
    for path in sorted(folder.glob("date=*")):
        begin = datetime.combine(date_of(path), datetime.min.time(), UTC).timestamp()
        if begin < until and since < begin + DAY:
            folders.append(path)
    return folders


def date_of(day: Path) -> date:
    """The date of a day's folder."""
    return date.fromisoformat(day.name.removeprefix("date="))


def list_files(day: Path) -> list[ParquetFile]:
    """A day's files, oldest first, without those that a merged file contains: a kill may have left them behind."""
    names = [(path, path.stem.partition("-")) for path in day.glob("*.parquet")]
    files = [ParquetFile(int(first), int(last), path) for path, (first, _, last) in names]
    current: list[ParquetFile] = []
    for file in sorted(files, key=lambda file: (file.first, -file.last)):
        if not current or file.last > current[-1].last:
            current.append(file)
    return current


def last_row_number(day: Path) -> int:
    """The number up to which a day's rows have been flushed; 0 where none have."""
    return max((file.last for file in list_files(day)), default=0)


def append_rows(folder: Path, rows: list[PendingRow]) -> None:
    """Write rows of the write-ahead log, in the order of their numbers, as a file of each kind and day.

    Idempotent: rows that a killed flush has written are not written again.
    """
    groups: dict[Path, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for number, kind, text in rows:
        row = json.loads(text)
        groups[folder / kind / day_name(row["at"])].append((number, row))
    for day, group in groups.items():
        last = last_row_number(day)
        if new := [(number, row) for number, row in group if number > last]:
            write_file(day, new[0][0], new[-1][0], [row for _, row in new])


def warm_up() -> None:
    """Import what the first write would wait for."""
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist([], arrow_schema("exchanges")), io.BytesIO())


def write_file(day: Path, first: int, last: int, rows: list[dict[str, Any]]) -> None:
    """Write the rows with these first and last numbers."""
    from pyarrow import parquet

    with write_durably(day / f"{first:012}-{last:012}.parquet") as file:
        table = pa.Table.from_pylist(rows, arrow_schema(day.parent.name))
        parquet.write_table(table, file, compression="zstd", row_group_size=ROW_GROUP)


def maintain(folder: Path) -> None:
    """Merge the files of a day that is over or has many; delete days older than RETENTION_DAYS."""
    today = datetime.now(UTC).date()
    for day in list_days(folder):
        if date_of(day) < today - timedelta(days=RETENTION_DAYS):
            shutil.rmtree(day)
        elif len(files := list_files(day)) > (1 if date_of(day) < today else MAX_FILES_PER_DAY):
            compact(day, files)
        for merged in set(day.glob("*.parquet")) - {file.path for file in list_files(day)}:
            merged.unlink()


def compact(day: Path, files: list[ParquetFile]) -> None:
    """Merge files into one; `maintain` deletes the merged ones afterwards."""
    from pyarrow import dataset, parquet

    rows: list[pa.RecordBatch] = []
    columns = arrow_schema(day.parent.name)
    with (
        write_durably(day / f"{files[0].first:012}-{files[-1].last:012}.parquet") as file,
        parquet.ParquetWriter(file, columns, compression="zstd") as writer,
    ):
        for batch in dataset.dataset([str(file.path) for file in files], columns).to_batches(batch_size=ROW_GROUP):
            rows.append(batch)
            if sum(map(len, rows)) >= ROW_GROUP:
                writer.write_table(pa.Table.from_batches(rows, columns))
                rows = []
        writer.write_table(pa.Table.from_batches(rows, columns))


@contextmanager
def write_durably(target: Path) -> Iterator[IO[bytes]]:
    """Write a file atomically, and to the disk rather than the page cache: its rows then leave the write-ahead log."""
    with atomic_write(target) as temporary, temporary.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
