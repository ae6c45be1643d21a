"""Every acknowledged row is in the log exactly once, whatever is killed, lost or full."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.core.errors import WeaverError
from pipelines.request_log import RequestLog, log_folder, parquet_store, write_ahead_log

from .rows import DAY, exchange, files, ids

WRITER = """
import os, sys, threading, time
from pipelines.request_log import RequestLog, Exchange, log_folder
log = RequestLog(log_folder())
template = Exchange.model_validate_json(sys.argv[1])
def flush():
    while True:
        log.flush()
threading.Thread(target=flush, daemon=True).start()
number = 0
while True:
    number += 1
    row = template.model_copy(update={"id": f"{template.id}-{number}", "at": time.time() - number % 2 * 86400})
    log.write(row)
    os.write(1, f"{row.id}\\n".encode())
"""


@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_acknowledged_rows_survive_a_kill(kills: int, home: Path, tmp_path: Path) -> None:
    """Killed at a different moment each time, always while it writes and flushes."""
    acknowledged: list[str] = []
    for life in range(kills):
        output = tmp_path / "acknowledged"
        with output.open("wb") as out:
            command = [sys.executable, "-c", WRITER, exchange(f"life {life}").model_dump_json()]
            writer = subprocess.Popen(command, stdout=out)
        while not output.stat().st_size:
            assert writer.poll() is None
            time.sleep(0.01)
        time.sleep(0.37 * life % 1)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        acknowledged += output.read_text().splitlines()
    unacknowledged = set(ids()) - set(acknowledged)
    assert len(unacknowledged) <= kills, "a row may be there whose acknowledgement was killed"
    assert len(ids()) == len(set(ids())) and set(acknowledged) <= set(ids())
    log = RequestLog(log_folder())
    log.flush()
    log.close()
    assert sorted(ids()) == sorted({*acknowledged, *unacknowledged})
    assert write_ahead_log.read_pending(log_folder() / "write_ahead_log.sqlite") == []
    print(f"{len(acknowledged)} acknowledged rows in {kills} lives, each there once")


def test_a_flush_that_is_killed_before_it_removes_its_rows_duplicates_nothing(log: RequestLog) -> None:
    """The Parquet files and the rows are both there; and further rows come, of the same days."""
    now = time.time()
    for number in range(6):
        log.write(exchange(f"a{number}", now - number % 2 * DAY))
    rows = write_ahead_log.read_pending(log_folder() / "write_ahead_log.sqlite")
    parquet_store.append_rows(log_folder(), rows[:5])
    assert len(ids()) == 6
    log.write(exchange("b", now))
    assert sorted(ids()) == ["a0", "a1", "a2", "a3", "a4", "a5", "b"]
    log.flush()
    assert sorted(ids()) == ["a0", "a1", "a2", "a3", "a4", "a5", "b"]


def test_a_compaction_that_is_killed_duplicates_nothing(log: RequestLog) -> None:
    for number in range(3):
        log.write(exchange(f"a{number}"))
        log.flush()
    (day,) = parquet_store.list_days(log_folder() / "exchanges")
    parquet_store.compact(day, parquet_store.list_files(day))
    assert len(files()) == 4 and sorted(ids()) == ["a0", "a1", "a2"]
    log.flush()
    assert len(files()) == 1 and sorted(ids()) == ["a0", "a1", "a2"]


def test_a_second_writer_is_rejected(log: RequestLog) -> None:
    with pytest.raises(WeaverError, match="another process writes the request log"):
        RequestLog(log_folder())


@pytest.mark.parametrize("later_row", ["flushed", "pending"])
def test_a_lost_write_ahead_log_hides_no_later_row(later_row: str, log: RequestLog) -> None:
    """As after a power cut: the Parquet files have higher numbers than the write-ahead log."""
    for number in range(3):
        log.write(exchange(f"a{number}"))
    log.flush()
    log.close()
    for file in log_folder().glob("write_ahead_log.sqlite*"):
        file.unlink()
    again = RequestLog(log_folder())
    again.write(exchange("b"))
    if later_row == "flushed":
        again.flush()
    assert ids() == ["a0", "a1", "a2", "b"]
    again.close()


def test_a_damaged_write_ahead_log_is_an_error(home: Path) -> None:
    log_folder().mkdir(parents=True)
    (log_folder() / "write_ahead_log.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(WeaverError, match=r"write_ahead_log\.sqlite cannot be read or written: file is not a database"):
        RequestLog(log_folder())
    (log_folder() / "write_ahead_log.sqlite").unlink()
    RequestLog(log_folder()).close()


FULL = """
import resource, sys
from pipelines.core.errors import WeaverError
from pipelines.request_log import RequestLog, Exchange, read_exchanges, log_folder
log = RequestLog(log_folder())
row = Exchange.model_validate_json(sys.argv[1])
written = []
def write(id):
    log.write(row.model_copy(update={"id": id}))
    written.append(id)
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
try:
    while True:
        write(f"a{len(written)}")
except WeaverError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
write("after")
print(read_exchanges()["id"].to_pylist() == written, len(written))
resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
try:
    log.flush()
except WeaverError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
print(read_exchanges()["id"].to_pylist() == written)
log.flush()
print(read_exchanges()["id"].to_pylist() == written)
"""


def test_a_full_disk_is_an_error_and_loses_no_row(home: Path) -> None:
    command = [sys.executable, "-c", FULL, exchange("a").model_dump_json()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "cannot be read or written: disk I/O error" in done.stdout and "Free space" in done.stdout
    assert "no room left to write" in done.stdout
    assert done.stdout.count("True") == 3 and "False" not in done.stdout, done.stdout
