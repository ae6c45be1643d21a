"""The write-ahead log: rows of the request log are written here first, into a table of SQLite in WAL mode.

An added row is in the page cache: no kill of this process can lose it. Once a second the rows are synced to the disk,
so that a power cut loses the last second at most, and leaves the table intact.
"""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.core.errors import WeaverError

SYNC_SECONDS = 1.0
MAX_WAL_PAGES = 16_384  # of 4 KiB; with more, SQLite's own log is truncated, for which adds wait
REMOVE_BATCH = 100  # rows; a concurrent add waits for so many
TABLE = (
    "CREATE TABLE IF NOT EXISTS pending "
    "(number INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, row TEXT NOT NULL)"
)
log = logging.getLogger(__name__)


class PendingRow(NamedTuple):
    """A row that has not been flushed to Parquet."""

    number: int  # rises by one per row, and is never used twice
    kind: str
    row: str  # JSON


class WriteAheadLog:
    """The one writer. Its methods may be called from any thread.

    Args:
        after: the highest number in the Parquet files: a write-ahead log that was lost, or that a power cut set back,
            continues from there.
    Raises:
        WeaverError: the file is not an SQLite database, or the disk is full.
    """

    def __init__(self, file: Path, after: int) -> None:
        self.file, self.lock, self.stopped, self.unsynced = file, threading.Lock(), threading.Event(), False
        with translate_sqlite_error(file):
            self.database = connect(file)
            self.database.execute(TABLE)
            (newest,) = self.database.execute("SELECT coalesce(max(number), 0) FROM pending").fetchone()
        self.last = max(newest, after)
        self.syncing = threading.Thread(target=self.sync_periodically, name="request-log-sync", daemon=True)
        self.syncing.start()

    def add(self, kind: str, id: str, row: str) -> None:
        """Add a row; once this returns, kill -9 cannot lose it."""
        with self.lock, translate_sqlite_error(self.file):
            self.last += 1
            self.database.execute("INSERT INTO pending VALUES (?, ?, ?, ?)", (self.last, kind, id, row))
            self.unsynced = True

    def remove(self, last: int) -> None:
        """Remove the rows up to this number, which have been flushed; their space is used again."""
        removed = REMOVE_BATCH
        while removed == REMOVE_BATCH:
            with self.lock, translate_sqlite_error(self.file):
                batch = "SELECT number FROM pending WHERE number <= ? ORDER BY number LIMIT ?"
                removed = self.database.execute(
                    f"DELETE FROM pending WHERE number IN ({batch})", (last, REMOVE_BATCH)
                ).rowcount
            time.sleep(0.001)  # a lock is not fair: let a waiting add have it now
        with translate_sqlite_error(self.file), closing(connect(self.file)) as other:
            _, pages, _ = other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()  # adds go on meanwhile
            if pages > MAX_WAL_PAGES:
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def sync_periodically(self) -> None:
        """Sync added rows to the disk, once a second; runs in a thread of its own."""
        while not self.stopped.wait(SYNC_SECONDS):
            if self.unsynced:
                self.unsynced = False
                try:
                    with self.file.with_name(f"{self.file.name}-wal").open("rb") as wal:
                        os.fsync(wal.fileno())
                except OSError as error:
                    self.unsynced = True
                    log.warning("%s could not be synced to the disk, and is tried again: %s", self.file, error)

    def close(self) -> None:
        """Stop syncing, and close the database."""
        self.stopped.set()
        self.syncing.join()
        with self.lock:
            self.database.close()


def read_pending(file: Path, kind: str = "*", limit: int = -1) -> list[PendingRow]:
    """The rows that have not been flushed, by number; also while another process writes them."""
    rows = select(file, "SELECT number, kind, row FROM pending WHERE kind GLOB ? ORDER BY number LIMIT ?", kind, limit)
    return [PendingRow(*row) for row in rows]


def find_pending(file: Path, kind: str, id: str) -> str:
    """The row of a kind with this id, as JSON; "" if there is none."""
    rows = select(file, "SELECT row FROM pending WHERE kind = ? AND id = ?", kind, id)
    return str(rows[0][0]) if rows else ""


def select(file: Path, query: str, *values: str | int) -> list[tuple[Any, ...]]:
    """The result of a query; empty where there is no database."""
    if not file.exists():
        return []
    with (
        translate_sqlite_error(file),
        closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=30)) as database,
    ):
        return database.execute(query, values).fetchall()


def connect(file: Path) -> sqlite3.Connection:
    """A connection for writing."""
    database = sqlite3.connect(file, timeout=30, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")  # to the disk; the page cache has rows at once
    database.execute("PRAGMA wal_autocheckpoint=0")  # `remove` does it, so that no request waits for the disk
    return database


@contextmanager
def translate_sqlite_error(file: Path) -> Iterator[None]:
    """Turn SQLite's errors into a WeaverError that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise WeaverError(
            f"{file} cannot be read or written: {error}",
            f"Free space on the disk of {file.parent}; if the file is damaged, move it away: the Parquet files stay.",
        ) from error
