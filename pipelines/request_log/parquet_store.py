"""The settled part of the request log: Parquet files, one folder a kind and a day (UTC), for any reader of Parquet.

    exchanges/date=2026-11-21/000000000001-000000000731.parquet

A part is named for the first and the last of its rows' numbers. Numbers only rise, so a row of a day is settled when
the day has a part that ends with it or later: that is how a settling that was killed knows what it had done. Readers
other than `reading` may see rows twice for the moment in which parts are made one.
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
from pipelines.request_log.schema import schema
from pipelines.request_log.write_ahead_log import Landed

KEEP_DAYS = 90  # older days are removed
PARTS_A_DAY = 60  # more are made one
ROW_GROUP = 50_000  # rows
DAY = 86_400  # seconds


class Part(NamedTuple):
    first: int
    last: int
    path: Path


def day_of(at: float) -> str:
    """The folder of a row of this time (epoch seconds)."""
    return f"date={datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def days(folder: Path, since: float = 0, until: float = float("inf")) -> list[Path]:
    """A kind's folders with rows from `since` until before `until` (epoch seconds), oldest first."""
    found = []
    for path in sorted(folder.glob("date=*")):
        begin = datetime.combine(date_of(path), datetime.min.time(), UTC).timestamp()
        if begin < until and since < begin + DAY:
            found.append(path)
    return found


def date_of(day: Path) -> date:
    return date.fromisoformat(day.name.removeprefix("date="))


def parts(day: Path) -> list[Part]:
    """A day's parts, oldest first, without those that one made of them holds: a kill may have left them."""
    named = [(path, path.stem.partition("-")) for path in day.glob("*.parquet")]
    found = [Part(int(first), int(last), path) for path, (first, _, last) in named]
    kept: list[Part] = []
    for part in sorted(found, key=lambda part: (part.first, -part.last)):
        if not kept or part.last > kept[-1].last:
            kept.append(part)
    return kept


def last_of(day: Path) -> int:
    """The number up to which a day's rows are settled; 0 where none are."""
    return max((part.last for part in parts(day)), default=0)


def settle(folder: Path, rows: list[Landed]) -> None:
    """Write landed rows, in the order of their numbers, as a part of each kind and day that they belong to.

    A settling that was killed may have written some of these parts: their rows are not written again.
    """
    groups: dict[Path, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for number, kind, text in rows:
        row = json.loads(text)
        groups[folder / kind / day_of(row["at"])].append((number, row))
    for day, group in groups.items():
        done = last_of(day)
        if new := [(number, row) for number, row in group if number > done]:
            write(day, new[0][0], new[-1][0], [row for _, row in new])


def load() -> None:
    """Wait now for what the first writing would wait for."""
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist([], schema("exchanges")), io.BytesIO())


def write(day: Path, first: int, last: int, rows: list[dict[str, Any]]) -> None:
    from pyarrow import parquet

    with durable(day / f"{first:012}-{last:012}.parquet") as file:
        table = pa.Table.from_pylist(rows, schema(day.parent.name))
        parquet.write_table(table, file, compression="zstd", row_group_size=ROW_GROUP)


def tidy(folder: Path) -> None:
    """Make one part of a day's that is over, or that has many; remove days that are too old."""
    today = datetime.now(UTC).date()
    for day in days(folder):
        if date_of(day) < today - timedelta(days=KEEP_DAYS):
            shutil.rmtree(day)
        elif len(found := parts(day)) > (1 if date_of(day) < today else PARTS_A_DAY):
            compact(day, found)
        for old in set(day.glob("*.parquet")) - {part.path for part in parts(day)}:
            old.unlink()


def compact(day: Path, found: list[Part]) -> None:
    """One part of many; what it was made of is removed only after."""
    from pyarrow import dataset, parquet

    rows: list[pa.RecordBatch] = []
    columns = schema(day.parent.name)
    with (
        durable(day / f"{found[0].first:012}-{found[-1].last:012}.parquet") as file,
        parquet.ParquetWriter(file, columns, compression="zstd") as writer,
    ):
        for batch in dataset.dataset([str(part.path) for part in found], columns).to_batches(batch_size=ROW_GROUP):
            rows.append(batch)
            if sum(map(len, rows)) >= ROW_GROUP:
                writer.write_table(pa.Table.from_batches(rows, columns))
                rows = []
        writer.write_table(pa.Table.from_batches(rows, columns))


@contextmanager
def durable(target: Path) -> Iterator[IO[bytes]]:
    """Write a whole file that is on the disk, not only in the page cache: the landed rows are removed after it."""
    with atomic_write(target) as temporary, temporary.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
