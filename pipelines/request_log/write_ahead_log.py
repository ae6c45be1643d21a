"""Where rows of the request log land first: a table of SQLite, in WAL mode.

A row that was added is in the page cache: no kill of this process can lose it. Once a second what was added is synced,
so that a power cut loses the last second at most, and leaves the table whole.
"""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from pipelines.core.errors import WeaverError

SYNC_SECONDS = 1.0
WAL_PAGES = 16_384  # of 4 KiB; with more, adds wait while SQLite's log is begun anew
REMOVED_AT_ONCE = 100  # rows; whoever writes meanwhile waits for so many
TABLE = (
    "CREATE TABLE IF NOT EXISTS landed "
    "(number INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, row TEXT NOT NULL)"
)
log = logging.getLogger(__name__)


class Landed(NamedTuple):
    number: int  # rises by one a row, and is never given twice
    kind: str
    row: str  # JSON


class Landing:
    """The one writer. Its methods may be called from any thread.

    Args:
        after: the last number that was given, as far as the settled parts know: a landing place that was lost, or
            that a power cut set back, goes on from there.
    Raises:
        WeaverError: the file is none that SQLite can write, or the disk is full.
    """

    def __init__(self, file: Path, after: int) -> None:
        self.file, self.lock, self.stopped, self.unsynced = file, threading.Lock(), threading.Event(), False
        with told(file):
            self.database = connected(file)
            self.database.execute(TABLE)
            (newest,) = self.database.execute("SELECT coalesce(max(number), 0) FROM landed").fetchone()
        self.last = max(newest, after)
        self.syncing = threading.Thread(target=self.keep_synced, name="request-log-sync", daemon=True)
        self.syncing.start()

    def add(self, kind: str, id: str, row: str) -> None:
        """Returns when a kill -9 cannot lose the row."""
        with self.lock, told(self.file):
            self.last += 1
            self.database.execute("INSERT INTO landed VALUES (?, ?, ?, ?)", (self.last, kind, id, row))
            self.unsynced = True

    def remove(self, last: int) -> None:
        """Rows up to this number are settled; the space that they took is used again."""
        gone = REMOVED_AT_ONCE
        while gone == REMOVED_AT_ONCE:
            with self.lock, told(self.file):
                some = "SELECT number FROM landed WHERE number <= ? ORDER BY number LIMIT ?"
                gone = self.database.execute(
                    f"DELETE FROM landed WHERE number IN ({some})", (last, REMOVED_AT_ONCE)
                ).rowcount
            time.sleep(0.001)  # a lock is not fair: who waits to add a row has its turn now
        with told(self.file), closing(connected(self.file)) as other:
            _, pages, _ = other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()  # adds go on meanwhile
            if pages > WAL_PAGES:
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def keep_synced(self) -> None:
        while not self.stopped.wait(SYNC_SECONDS):
            if self.unsynced:
                self.unsynced = False
                try:
                    with self.file.with_name(f"{self.file.name}-wal").open("rb") as added:
                        os.fsync(added.fileno())
                except OSError as error:
                    self.unsynced = True
                    log.warning("%s: not synced: %s", self.file, error)

    def close(self) -> None:
        self.stopped.set()
        self.syncing.join()
        with self.lock:
            self.database.close()


def landed(file: Path, kind: str = "*", limit: int = -1) -> list[Landed]:
    """The rows that have not been settled, by number; also while another process writes them."""
    found = select(file, "SELECT number, kind, row FROM landed WHERE kind GLOB ? ORDER BY number LIMIT ?", kind, limit)
    return [Landed(*row) for row in found]


def landed_row(file: Path, kind: str, id: str) -> str:
    """The row of a kind that has this id; "" if none has landed."""
    found = select(file, "SELECT row FROM landed WHERE kind = ? AND id = ?", kind, id)
    return found[0][0] if found else ""


def select(file: Path, query: str, *values: str | int) -> list[tuple]:
    if not file.exists():
        return []
    with told(file), closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=30)) as database:
        return database.execute(query, values).fetchall()


def connected(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file, timeout=30, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")  # of the disk; the page cache has it at once
    database.execute("PRAGMA wal_autocheckpoint=0")  # `remove` does it, and no request waits for the disk
    return database


@contextmanager
def told(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise WeaverError(
            f"{file} cannot be read or written: {error}",
            f"Free space on the disk of {file.parent}; a damaged file can be moved away: what is settled stays.",
        ) from error
