"""The database under many writers, kills, locks, full disks and changes of its schema; on SQLite and PostgreSQL."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, insert, inspect, select, text

from pipelines.core.database import ChangePoll, connect_database, migrate, read_session, sessions, write_session
from pipelines.core.database.tables import AlertEvent, Base, StageExecution, TrainingForecast
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.settings import settings

from ..servers import PostgreSQL

WRITE = """
import sys
from pipelines.core.database import write_session
from pipelines.core.database.tables import TrainingForecast
from sqlalchemy import func, select
for _ in range(int(sys.argv[1])):
    with write_session("counter") as session:
        last = session.scalar(select(func.max(TrainingForecast.seconds))) or 0.0
        session.add(TrainingForecast(template="t", plan="", seconds=last + 1, basis=""))
"""
DIE = """
import os, signal
from pipelines.core.database import write_session
from pipelines.core.database.tables import TrainingForecast
with write_session("counter") as session:
    session.add(TrainingForecast(template="t", plan="", seconds=1.0, basis="killed"))
    session.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    server = PostgreSQL().start()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database of each kind; returns the kind."""
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        monkeypatch.setenv("WEAVER_DATABASE_URL", server.create_database())
        settings.cache_clear()
    return str(request.param)


def run(code: str, *arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE)


def add_forecast(basis: str = "") -> None:
    with write_session("counter") as session:
        session.add(TrainingForecast(template="t", plan="", seconds=1.0, basis=basis))


def count() -> int:
    with read_session() as session:
        return session.scalar(select(func.count()).select_from(TrainingForecast)) or 0


def test_models_and_migrations_agree(database: str) -> None:
    with connect_database().connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
        script = ScriptDirectory.from_config(migrate.alembic_config())
        assert [script.get_current_head()] == script.get_heads() == [migrate.HEAD]
        assert migrate.current_revision(connection) == migrate.HEAD


def test_many_processes_may_be_the_first_and_no_update_is_lost(database: str) -> None:
    writers = [run(WRITE, "5") for _ in range(4)]
    assert [writer.wait(timeout=120) for writer in writers] == [0] * 4
    with read_session() as session:
        assert sorted(session.scalars(select(TrainingForecast.seconds))) == [float(n) for n in range(1, 21)]


def test_a_killed_writer_leaves_nothing_behind_and_holds_nobody_up(database: str) -> None:
    add_forecast()
    assert run(DIE).wait(timeout=60) == -signal.SIGKILL
    began = time.monotonic()
    add_forecast()
    assert count() == 2
    assert time.monotonic() - began < 10


def test_a_writer_that_fails_writes_nothing(database: str) -> None:
    with pytest.raises(ZeroDivisionError), write_session("counter") as session:
        session.add(TrainingForecast(template="t", plan="", seconds=1.0, basis=""))
        session.flush()
        print(1 / 0)
    assert count() == 0


def test_a_locked_database_is_waited_for_and_then_named(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "LOCK_SECONDS", 2.0)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with write_session("counter"):
            held.set()
            release.wait(30)

    connect_database()
    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    with pytest.raises(WeaverError, match="was locked by another process for 2 s") as locked:
        add_forecast()
    assert not isinstance(locked.value, Unavailable) and count() == 0
    threading.Timer(0.5, release.set).start()
    add_forecast()
    holder.join()
    assert count() == 1


def test_a_process_that_was_forked_has_connections_of_its_own(database: str) -> None:
    add_forecast()
    child = os.fork()
    if not child:
        try:
            add_forecast("child")
        finally:
            os._exit(0 if count() == 2 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert count() == 2


def test_the_ledger_cannot_be_changed_removed_or_emptied(database: str) -> None:
    columns = {column.key: 1 if column.type.python_type is int else "x" for column in Base.metadata.tables["ledger"].c}
    with write_session("ledger") as session:
        session.execute(insert(Base.metadata.tables["ledger"]).values(columns | {"record": {}}))
    for statement in ("UPDATE ledger SET why = 'no'", "DELETE FROM ledger", "TRUNCATE ledger"):
        with pytest.raises(WeaverError, match=r"append-only|syntax error"), write_session("ledger") as session:
            session.execute(text(statement))
    with read_session() as session:
        assert session.scalar(text("SELECT why FROM ledger")) == "x"


LATER = """
import os, signal
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None
def upgrade():
    op.add_column("training_forecasts", sa.Column("currency", sa.String(), nullable=False, server_default="USD"))
    op.create_table("later", sa.Column("id", sa.Integer(), primary_key=True))
    if os.environ.get("DIE"):
        os.kill(os.getpid(), signal.SIGKILL)
"""
MIGRATE = """
import sys
from pathlib import Path
from pipelines.core.database import connect_database, migrate
migrate.MIGRATIONS, migrate.HEAD = Path(sys.argv[1]), "0002"
connect_database()
"""


def test_a_later_schema_keeps_the_rows_and_an_older_program_says_so(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_forecast("kept")
    shutil.copytree(migrate.MIGRATIONS, tmp_path / "migrations")
    (tmp_path / "migrations" / "versions" / "0002_later.py").write_text(LATER)

    monkeypatch.setenv("DIE", "yes")
    assert run(MIGRATE, str(tmp_path / "migrations")).wait(timeout=60) == -signal.SIGKILL
    assert not inspect(connect_database()).has_table("later"), "a killed migration is as if it had not begun"
    monkeypatch.delenv("DIE")
    assert run(MIGRATE, str(tmp_path / "migrations")).wait(timeout=60) == 0
    with read_session() as session:
        assert session.execute(text("SELECT basis, currency FROM training_forecasts")).all() == [("kept", "USD")]
    with read_session() as session:
        assert [row.basis for row in session.scalars(select(TrainingForecast))] == ["kept"]
    add_forecast("by the older program, which does not know the column")

    monkeypatch.setattr(migrate, "ready", set())
    with pytest.raises(WeaverError, match="has schema 0002, and this version of NeuroWeaver knows only up to 0001"):
        connect_database()


def test_times_are_utc_and_defaults_are_as_declared(database: str) -> None:
    from datetime import UTC, datetime, timedelta, timezone

    at = datetime(2026, 3, 2, 9, tzinfo=timezone(timedelta(hours=2)))
    with write_session("alerts") as session:
        session.add(AlertEvent(at=at, channels=["mail"]))
        session.add(StageExecution(template="t", stage="s", process="1 0"))
    with read_session() as session:
        (event,) = session.scalars(select(AlertEvent))
        (execution,) = session.scalars(select(StageExecution))
    assert event.at == at and event.at.tzinfo is UTC and event.since is None and event.channels == ["mail"]
    assert (execution.state, execution.cost, execution.run) == ("running", 0.0, "")


def test_a_poll_sees_what_another_process_wrote_and_else_nothing(home: Path) -> None:
    poll = ChangePoll()
    before = poll.read_version()
    assert poll.read_version() == before
    assert run(WRITE, "1").wait(timeout=60) == 0
    after = poll.read_version()
    assert after != before
    assert poll.read_version() == after
    poll.close()
