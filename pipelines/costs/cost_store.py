"""The ledger of costs: what every execution of a stage took, also of those that failed or were killed.

Tables of SQLite: any number of processes write at a time, and a crash leaves them whole. An execution is written when
it begins and again while it runs, so that of one that is killed the last minute at most is missing.
"""

import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any, Literal, TypeVar

import psutil
from pydantic import Field

from pipelines.core.artifacts import Artifact
from pipelines.core.errors import WeaverError
from pipelines.core.files import disk_space_guard
from pipelines.core.settings import settings

KEEP_DAYS = 3 * 366  # older rows are removed


class Row(Artifact):
    """A row of the table that is named as its class: text, and numbers."""

    id: str = Field(default_factory=lambda: uuid.uuid4().hex)
    at: float = Field(default_factory=time.time)  # epoch seconds
    template: str


class Execution(Row):
    """One execution of a stage, from `at`; money in the currency of params.yaml, at the rates of that day."""

    stage: str
    state: Literal["running", "done", "failed", "killed"] = "running"
    process: str  # id and birth of the process that runs it: how it is known to be dead
    run: str = ""  # the Airflow run; "" by hand
    mlflow_run: str = ""  # the run of the training that it belongs to, once that is known
    plan: str = ""  # digest
    model: str = ""  # the base
    seconds: float = 0.0
    cpu_seconds: float = 0.0  # with child processes
    gpu_seconds: float = 0.0  # of all GPUs together
    peak_rss_mib: float = 0.0  # of the process until then
    energy_kwh_estimated: float = 0.0
    co2_kg_estimated: float = 0.0
    cost: float = 0.0


class Training(Row):
    """How fast a training was: what the next is forecast from."""

    kind: str  # digest of the base, of the settings that decide on speed, and of the machine
    mlflow_run: str = ""  # "": a calibration of a few steps
    plan: str  # digest
    tokens: float  # that it saw, without padding
    heldout_tokens: float  # weighed once at the end; none in a calibration
    step_seconds: float  # of the optimiser steps alone
    seconds: float  # from loading the base to the last figure
    peak_rss_mib: float
    forecast_seconds: float = 0.0  # what the estimate before it said; 0: there was none

    @property
    def error(self) -> float | None:
        """How far the estimate was off, as a share of what it took: 0.1 is 10% too long."""
        return self.forecast_seconds / self.seconds - 1 if self.forecast_seconds else None


class Forecast(Row):
    """What the budget stage expected of a training."""

    plan: str  # digest
    seconds: float
    basis: str


class Quantised(Row):
    """How a version answered in one form of its weights: what `make bench B=quantise` measured."""

    version: str
    form: str  # int8 or int4
    seconds: float  # an answer, asked one at a time, by processor time on its threads
    score: float  # mean on held-out questions
    loss_high: float  # the upper end of the interval of what is lost over int8
    questions: float


R = TypeVar("R", bound=Row)


def path() -> Path:
    return settings().home / "costs" / "ledger.sqlite"


def keep(row: Row) -> None:
    """Write a row, in the place of what was written of it before.

    Raises:
        WeaverError: the ledger cannot be written.
    """
    values = row.model_dump()
    with opened(type(row)) as ledger:
        names = ", ".join(f":{name}" for name in values)
        ledger.execute(f"INSERT OR REPLACE INTO {type(row).__name__} VALUES ({names})", values)


def read(table: type[R], /, since: float = 0, until: float = inf, **wanted: str) -> list[R]:
    """The rows from `since` until before `until` (epoch seconds), oldest first.

    Args:
        wanted: column → what it must be; "" takes any.
    Raises:
        WeaverError: the ledger cannot be read.
    """
    if not path().exists():
        return []
    wanted = {name: value for name, value in wanted.items() if value}
    where = "".join(f" AND {name} = :{name}" for name in wanted)
    with opened(table) as ledger:
        query = f"SELECT * FROM {table.__name__} WHERE at >= :since AND at < :until{where} ORDER BY at"
        found = ledger.execute(query, wanted | {"since": since, "until": until}).fetchall()
    return [table(**dict(zip(table.model_fields, row, strict=True))) for row in found]


def executions(since: float = 0, until: float = inf, **wanted: str) -> list[Execution]:
    """As `read`; one whose process is dead was killed: what was written of it last is what is known."""
    return [
        one.model_copy(update={"state": "killed"}) if one.state == "running" and not alive(one.process) else one
        for one in read(Execution, since, until, **wanted)
    ]


def this_process() -> str:
    process = psutil.Process()
    return f"{process.pid} {process.create_time():.2f}"


def alive(process: str) -> bool:
    number, _, born = process.partition(" ")
    try:
        return f"{psutil.Process(int(number)).create_time():.2f}" == born
    except psutil.NoSuchProcess:
        return False


def day(at: float) -> str:
    """The day of a time (epoch seconds), in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def month(text: str = "") -> tuple[float, float]:
    """The begin and end (epoch seconds) of a calendar month in UTC, as 2026-11; of the present one if not given.

    Raises:
        WeaverError: it is no month.
    """
    try:
        begin = datetime.strptime(text, "%Y-%m") if text else datetime.now(UTC)
    except ValueError as error:
        raise WeaverError(f"{text!r} is no month", "Write it as 2026-11.") from error
    begin = begin.replace(day=1, hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    end = begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
    return begin.timestamp(), end.timestamp()


@contextmanager
def opened(kind: type[Row]) -> Iterator[sqlite3.Connection]:
    """The ledger in a transaction of its own; whoever else writes is waited for."""
    columns = ", ".join(f"{name} {column(field.annotation)}" for name, field in kind.model_fields.items())
    try:
        with disk_space_guard(path()):
            ledger = sqlite3.connect(path(), timeout=30)
        try:
            with ledger:
                ledger.execute("PRAGMA journal_mode=WAL")
                ledger.execute("PRAGMA synchronous=NORMAL")  # no kill loses a row; a power cut may lose the last
                ledger.execute(f"CREATE TABLE IF NOT EXISTS {kind.__name__} ({columns}, PRIMARY KEY (id))")
                ledger.execute(f"DELETE FROM {kind.__name__} WHERE at < ?", (time.time() - KEEP_DAYS * 86_400,))
                yield ledger
        finally:
            ledger.close()
    except sqlite3.Error as error:
        raise WeaverError(
            f"{path()} cannot be read or written: {error}",
            f"Free space on the disk of {path().parent}; a damaged file can be moved away: another is begun.",
        ) from error


def column(kind: Any) -> str:
    return "REAL NOT NULL" if kind is float else "TEXT NOT NULL"
