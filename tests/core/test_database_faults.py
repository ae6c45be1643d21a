"""What can be wrong with the database: a full disk, a file of another user, damage, a server that is away."""

import resource
import sqlite3
import stat
import time
from pathlib import Path

import pytest

from pipelines.core.database import write_session
from pipelines.core.database.tables import TrainingForecast
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.settings import settings

from .test_database import add_forecast, count, run


def test_only_its_owner_reads_the_file(home: Path) -> None:
    with write_session("counter") as session:
        session.add(TrainingForecast(template="t", plan="", seconds=1.0, basis=""))
        session.flush()
        files = [home / "weaver.db", home / "weaver.db-wal"]
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]


FILL = """
import resource, sys
from pathlib import Path
from pipelines.core.database import write_session
from pipelines.core.database.tables import TrainingForecast
from pipelines.core.errors import WeaverError
with write_session("counter"):
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
try:
    with write_session("counter") as session:
        session.add(TrainingForecast(template="t", plan="", seconds=1.0, basis="x" * 1_000_000))
except WeaverError as error:
    sys.exit(str(error))
"""


def test_a_full_disk_is_named_and_nothing_is_half_written(home: Path) -> None:
    add_forecast()
    filled = run(FILL)
    _, message = filled.communicate(timeout=60)
    assert filled.returncode == 1
    assert b"weaver.db cannot be written" in message and b"Free space on the disk" in message
    add_forecast()
    assert count() == 2
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


READ_ONLY = """
import os, sys
from pipelines.core.database import write_session
from pipelines.core.database.migrate import ensure_schema
from pipelines.core.errors import WeaverError
import sqlalchemy.dialects.sqlite
if os.geteuid() == 0:
    os.setuid(65534)  # root may write everything
try:
    with write_session("counter"):
        pass
except WeaverError as error:
    sys.exit(str(error))
"""


def test_a_file_that_may_not_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        monkeypatch.setenv("WEAVER_HOME", folder)
        settings.cache_clear()
        add_forecast()
        (Path(folder) / "weaver.db").chmod(0o444)
        Path(folder).chmod(0o555)
        reader = run(READ_ONLY)
        _, message = reader.communicate(timeout=60)
        Path(folder).chmod(0o755)
        settings.cache_clear()
    assert reader.returncode == 1
    assert b"weaver.db cannot be opened for writing" in message and b"writable" in message


def test_a_damaged_file_is_named(home: Path) -> None:
    (home / "weaver.db").write_bytes(b"not a database" * 100)
    with pytest.raises(WeaverError, match=r"weaver\.db is damaged") as damaged:
        add_forecast()
    assert "backup" in damaged.value.remedy


def test_a_server_that_is_away_is_unavailable_and_its_password_is_not_shown(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEAVER_DATABASE_URL", "postgresql://weaver:s3cret@127.0.0.1:1/weaver")
    settings.cache_clear()
    with pytest.raises(Unavailable, match="does not answer") as away:
        add_forecast()
    assert "s3cret" not in str(away.value) and "s3cret" not in repr(settings())


@pytest.mark.parametrize("url", ["nonsense s3cret", "mysql://user:s3cret@host/name"])
def test_an_address_of_another_kind_is_named(url: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEAVER_DATABASE_URL", url)
    settings.cache_clear()
    with pytest.raises(WeaverError, match="WEAVER_DATABASE_URL") as wrong:
        add_forecast()
    assert "s3cret" not in str(wrong.value) and "postgresql://" in wrong.value.remedy


def test_a_transaction_costs_milliseconds(home: Path) -> None:
    add_forecast()
    began = time.process_time()
    for _ in range(50):
        add_forecast()
    assert (time.process_time() - began) / 50 < 0.02
    with sqlite3.connect(home / "weaver.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
