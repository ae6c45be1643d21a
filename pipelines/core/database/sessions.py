"""Transactions on the database, and what goes wrong with them in plain English.

A reader sees one state of the database from its first query on. A writer on SQLite has the whole file to itself
(BEGIN IMMEDIATE), a writer on PostgreSQL the lock that it names (an advisory lock of its transaction): what it read
before it writes is still true when it commits. Killed anywhere, a transaction is whole or not there.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool, QueuePool

from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.files import DISK_FULL, disk_space_guard
from pipelines.core.settings import settings

LOCK_SECONDS = 30.0  # how long a writer waits for another one
DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


def database_url() -> URL:
    """Where the database is: WEAVER_DATABASE_URL, or the SQLite file in WEAVER_HOME.

    Raises:
        WeaverError: the setting is not an address of SQLite or PostgreSQL.
    """
    setting = settings().database_url.get_secret_value()
    if not setting:
        return URL.create("sqlite", database=str(settings().home / "weaver.db"))
    remedy = "Write it as postgresql://user:password@host/database, or leave it empty for SQLite in WEAVER_HOME."
    try:
        url = make_url(setting)
    except ArgumentError:
        raise WeaverError("WEAVER_DATABASE_URL is not the address of a database", remedy) from None
    url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise WeaverError(f"WEAVER_DATABASE_URL names {url.drivername}, which is not supported", remedy)
    return url


def connect_database() -> Engine:
    """The database, its schema up to date; connections are opened when they are used.

    Raises:
        WeaverError: the schema cannot be brought up to date.
        Unavailable: PostgreSQL does not answer.
    """
    from pipelines.core.database.migrate import ensure_schema

    url = database_url()
    with translate_database_error(url):
        engine = create_database_engine(url)
        ensure_schema(engine)
    return engine


@cache
def create_database_engine(url: URL) -> Engine:
    """An engine per address and process, without looking at the schema."""
    if url.get_backend_name() == "sqlite":
        # A connection per transaction costs a fifth of a millisecond, and none is ever carried over a fork.
        engine = create_engine(url, poolclass=NullPool, connect_args={"check_same_thread": False})
        event.listen(engine, "do_connect", create_private_file)
        event.listen(engine, "connect", configure_sqlite)
        event.listen(engine, "begin", begin_sqlite)
        return engine
    try:
        engine = create_engine(url, poolclass=QueuePool, pool_size=2, max_overflow=10, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise WeaverError(
            f"the PostgreSQL driver is not installed: {error}", "Install it: pip install 'psycopg[binary]'."
        ) from error
    os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))
    event.listen(engine, "connect", configure_postgresql)
    return engine


def create_private_file(_dialect: object, _record: object, arguments: list[str], _options: object) -> None:
    """Make the SQLite file before SQLite does, so that only its owner can read it; its WAL takes the same mode."""
    file = Path(arguments[0])
    if not file.exists():
        with disk_space_guard(file):
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))


def configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    """Set up a new connection to SQLite: patient with locks, and durable."""
    connection.isolation_level = None  # transactions are begun by `begin_sqlite`, not by the driver
    connection.execute(f"PRAGMA busy_timeout = {round(LOCK_SECONDS * 1000)}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")  # what was committed outlives a power cut


def begin_sqlite(connection: Connection) -> None:
    """Begin a transaction; one that writes takes the lock at once, so that it cannot fail half-way."""
    options = connection.get_execution_options()
    if not options.get("no_transaction"):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("write") else "BEGIN")


def configure_postgresql(connection: object, _record: object) -> None:
    """Set up a new connection to PostgreSQL: patient with locks for a limited time."""
    with connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(f"SET lock_timeout = {round(LOCK_SECONDS * 1000)}")
    connection.commit()  # type: ignore[attr-defined]


@contextmanager
def read_session() -> Iterator[Session]:
    """A transaction that only reads; objects may be used after it.

    Raises:
        WeaverError: the database cannot be read; says why.
        Unavailable: PostgreSQL does not answer.
    """
    engine = connect_database()
    with translate_database_error(engine.url), Session(engine, expire_on_commit=False, autoflush=False) as session:
        yield session


@contextmanager
def write_session(lock: str) -> Iterator[Session]:
    """A transaction that writes, committed when the block ends well; objects may be used after it.

    Args:
        lock: what nobody else may write at the same time: the name of a table, as a rule.
    Raises:
        WeaverError: the database cannot be written, or another process held it for `LOCK_SECONDS`; nothing was.
        Unavailable: PostgreSQL does not answer.
    """
    engine = connect_database().execution_options(write=True)
    with translate_database_error(engine.url), Session(engine, expire_on_commit=False) as session:
        session.connection()  # SQLite's lock is taken now, not with the first statement
        if engine.dialect.name == "postgresql":
            session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:lock))"), {"lock": f"weaver {lock}"})
        yield session
        session.flush()
        commit(session, lock)


def commit(session: Session, _lock: str) -> None:
    """The one moment at which something changes."""
    session.commit()


class ChangePoll:
    """Tells processes that look several times per second whether anything may have changed in the database."""

    def __init__(self) -> None:
        self.connection: Connection | None = None

    def read_version(self) -> int:
        """A number that differs after every change by another transaction.

        On SQLite it is a counter in shared memory (some microseconds). PostgreSQL has none: it always differs.
        """
        engine = connect_database()
        if engine.dialect.name != "sqlite":
            return time.monotonic_ns()
        with translate_database_error(engine.url):
            if self.connection is None:
                self.connection = engine.connect().execution_options(no_transaction=True)
            version: int = self.connection.exec_driver_sql("PRAGMA data_version").scalar_one()
        return version

    def close(self) -> None:
        """Close its connection."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


@contextmanager
def translate_database_error(url: URL) -> Iterator[None]:
    """Say what is wrong with the database, and what to do.

    Raises:
        WeaverError, Unavailable: instead of any error of SQLAlchemy or of a driver.
    """
    try:
        yield
    except SQLAlchemyError as error:
        raise describe_error(url, error) from error
    except sqlite3.Error as error:  # from `configure_sqlite`, before SQLAlchemy has the connection
        raise describe_sqlite_error(url, error) from error
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        raise WeaverError(
            f"the database {url.database} cannot be opened: {error.strerror}",
            "Make WEAVER_HOME writable for the user that runs this.",
        ) from error


def describe_error(url: URL, error: SQLAlchemyError) -> WeaverError:
    """Return what a database error means for whoever runs NeuroWeaver, and the remedy."""
    cause = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(cause, sqlite3.Error):
        return describe_sqlite_error(url, cause)
    shown = url.render_as_string(hide_password=True)
    message = str(cause or error).strip().splitlines()[0]
    state = getattr(cause, "sqlstate", None)
    if state == "55P03":
        return locked(shown)
    if state == "25006":
        return WeaverError(f"the database {shown} is read-only", "Let the user of WEAVER_DATABASE_URL write to it.")
    if state == "53100":
        return WeaverError(f"the disk of the database {shown} is full", "Free space on the server; then run again.")
    if isinstance(error, DBAPIError) and (error.connection_invalidated or (cause is not None and state is None)):
        return Unavailable(
            f"the database {shown} does not answer: {message}", "Start PostgreSQL, or correct WEAVER_DATABASE_URL."
        )
    return WeaverError(f"the database {shown} refused: {message}", "Correct what it names; then run again.")


def describe_sqlite_error(url: URL, error: sqlite3.Error) -> WeaverError:
    """Return what an error of SQLite means: locked, disk full, no database, read-only."""
    file, name = url.database, getattr(error, "sqlite_errorname", "")
    folder = Path(file or "").parent
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return locked(str(file))
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return WeaverError(
            f"the database {file} cannot be written: {error}",
            f"Free space on the disk that holds {folder}, or set WEAVER_HOME to a folder on a larger one; then run "
            "again. Nothing was half-written.",
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return WeaverError(
            f"the database {file} cannot be opened for writing: {error}",
            f"Make the file and the folder {folder} writable for the user that runs this.",
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return WeaverError(
            f"the database {file} is damaged: {error}",
            "Restore it from a backup; or move it away to begin an empty one (the ledger and the API keys are then "
            "lost).",
        )
    return WeaverError(f"the database {file} refused: {error}", "Correct what it names; then run again.")


def locked(database: str) -> WeaverError:
    """Return the error for a database that another process held for too long."""
    return WeaverError(
        f"the database {database} was locked by another process for {LOCK_SECONDS:g} s",
        "Run again. If it stays locked, end the process that holds it: a backup tool or a database browser, as a rule.",
    )
