"""The rows of a home's SQLite file, as somebody with a database browser has them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

Rows = list[dict[str, Any]]


@contextmanager
def open_database(home: Path) -> Iterator[sqlite3.Connection]:
    """A transaction on the file."""
    with closing(sqlite3.connect(home / "weaver.db", timeout=30)) as connection, connection:
        connection.row_factory = sqlite3.Row
        yield connection


def read_rows(home: Path, table: str) -> Rows:
    """All rows of a table; none where there is no table yet."""
    if not (home / "weaver.db").exists():
        return []
    with open_database(home) as connection:
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY rowid")]


def read_alerts(home: Path) -> Rows:
    """The events of alerts that were raised, oldest first."""
    return [row for row in read_rows(home, "alert_events") if row["event"] == "raised"]
