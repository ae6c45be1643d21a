"""What every execution of a stage took and cost, also of those that failed or were killed: tables of the database.

An execution is written when it begins and every minute while it runs, so that of one that is killed the last minute
at most is missing.
"""

import platform
import time
from datetime import UTC, datetime
from math import inf
from typing import TypeVar

import psutil
from sqlalchemy import delete, select

from pipelines.core.database import read_session, write_session
from pipelines.core.database.tables import (
    CostRow,
    QuantisationResult,
    StageExecution,
    TrainingForecast,
    TrainingTiming,
)
from pipelines.core.errors import WeaverError

__all__ = ["QuantisationResult", "StageExecution", "TrainingForecast", "TrainingTiming"]

KEEP_DAYS = 3 * 366  # older rows are removed
HEARTBEAT_SECONDS = 60.0  # between two writes of an execution that runs: what is missing of one that is killed
LOST_SECONDS = 3 * HEARTBEAT_SECONDS

R = TypeVar("R", bound=CostRow)


def save_row(row: CostRow) -> None:
    """Write a row, in place of what was written of it before.

    Raises:
        WeaverError: the database cannot be written.
    """
    table = type(row)
    with write_session("costs") as session:
        session.execute(delete(table).where(table.at < time.time() - KEEP_DAYS * 86_400))
        session.merge(table(**row.to_dict()))


def read_rows(table: type[R], /, since: float = 0, until: float = inf, **equal: str) -> list[R]:
    """The rows from `since` until before `until` (epoch seconds), oldest first.

    Args:
        equal: column → its value; "" takes any.
    Raises:
        WeaverError: the database cannot be read.
    """
    query = select(table).where(table.at >= since, table.at < until).order_by(table.at)
    query = query.filter_by(**{name: value for name, value in equal.items() if value})
    with read_session() as session:
        return list(session.scalars(query))


def read_executions(since: float = 0, until: float = inf, **equal: str) -> list[StageExecution]:
    """As `read_rows`; one whose process is dead was killed: what was written of it last is what is known."""
    rows = read_rows(StageExecution, since, until, **equal)
    for row in rows:
        if row.state == "running" and not is_alive(row):
            row.state = "killed"
    return rows


def identify_process() -> str:
    """This process: the machine, its id and its start; ids come again, the three together do not."""
    process = psutil.Process()
    return f"{platform.node()} {process.pid} {process.create_time():.2f}"


def is_alive(execution: StageExecution) -> bool:
    """Whether the process of an execution still runs; on another machine, whether it was heard of lately."""
    machine, _, process = execution.process.partition(" ")
    if machine != platform.node():
        return time.time() - execution.at - execution.seconds < LOST_SECONDS
    number, _, started = process.partition(" ")
    try:
        return f"{psutil.Process(int(number)).create_time():.2f}" == started
    except psutil.NoSuchProcess:
        return False


def format_day(at: float) -> str:
    """The day of a time (epoch seconds), in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def month_bounds(text: str = "") -> tuple[float, float]:
    """The start and the end (epoch seconds) of a calendar month in UTC, as 2026-11; of the current one if it is empty.

    Raises:
        WeaverError: it is not a month.
    """
    try:
        begin = datetime.strptime(text, "%Y-%m") if text else datetime.now(UTC)
    except ValueError as error:
        raise WeaverError(f"'{text}' is not a month", "Write it as 2026-11.") from error
    begin = begin.replace(day=1, hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    end = begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
    return begin.timestamp(), end.timestamp()
