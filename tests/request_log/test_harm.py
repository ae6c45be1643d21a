"""Every acknowledged row is there once, whatever is killed, lost or full."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.core.errors import WeaverError
from pipelines.request_log import RequestLog, folder, parquet_store, write_ahead_log

from .rows import DAY, exchange, files, ids

WRITER = """
import os, sys, threading, time
from pipelines.request_log import RequestLog, Exchange, folder
log = RequestLog(folder())
template = Exchange.model_validate_json(sys.argv[1])
def settle():
    while True:
        log.settle()
threading.Thread(target=settle, daemon=True).start()
number = 0
while True:
    number += 1
    row = template.model_copy(update={"id": f"{template.id}-{number}", "at": time.time() - number % 2 * 86400})
    log.write(row)
    os.write(1, f"{row.id}\\n".encode())
"""


@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_what_was_acknowledged_survives_a_kill(kills: int, home: Path, tmp_path: Path) -> None:
    """Killed at another moment each time, always while it writes and settles at once."""
    acknowledged: list[str] = []
    for life in range(kills):
        told = tmp_path / "acknowledged"
        with told.open("wb") as out:
            command = [sys.executable, "-c", WRITER, exchange(f"life {life}").model_dump_json()]
            writer = subprocess.Popen(command, stdout=out)
        while not told.stat().st_size:
            assert writer.poll() is None
            time.sleep(0.01)
        time.sleep(0.37 * life % 1)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        acknowledged += told.read_text().splitlines()
    unacknowledged = set(ids()) - set(acknowledged)
    assert len(unacknowledged) <= kills, "a row may stand whose acknowledgement was killed"
    assert len(ids()) == len(set(ids())) and set(acknowledged) <= set(ids())
    log = RequestLog(folder())
    log.settle()
    log.close()
    assert sorted(ids()) == sorted({*acknowledged, *unacknowledged})
    assert write_ahead_log.landed(folder() / "landing.sqlite") == []
    print(f"{len(acknowledged)} acknowledged rows in {kills} lives, each there once")


def test_a_settling_killed_before_it_removed_what_it_settled_doubles_nothing(log: RequestLog) -> None:
    """The parts stand, the rows as well; and more come, on the same days."""
    now = time.time()
    for number in range(6):
        log.write(exchange(f"a{number}", now - number % 2 * DAY))
    rows = write_ahead_log.landed(folder() / "landing.sqlite")
    parquet_store.settle(folder(), rows[:5])
    assert len(ids()) == 6
    log.write(exchange("b", now))
    assert sorted(ids()) == ["a0", "a1", "a2", "a3", "a4", "a5", "b"]
    log.settle()
    assert sorted(ids()) == ["a0", "a1", "a2", "a3", "a4", "a5", "b"]


def test_a_compaction_that_was_killed_doubles_nothing(log: RequestLog) -> None:
    for number in range(3):
        log.write(exchange(f"a{number}"))
        log.settle()
    (day,) = parquet_store.days(folder() / "exchanges")
    parquet_store.compact(day, parquet_store.parts(day))
    assert len(files()) == 4 and sorted(ids()) == ["a0", "a1", "a2"]
    log.settle()
    assert len(files()) == 1 and sorted(ids()) == ["a0", "a1", "a2"]


def test_one_process_writes(log: RequestLog) -> None:
    with pytest.raises(WeaverError, match="another process writes the request log"):
        RequestLog(folder())


@pytest.mark.parametrize("lost", ["settled", "landed"])
def test_a_landing_place_that_is_lost_hides_no_later_row(lost: str, log: RequestLog) -> None:
    """As a power cut may: the parts know more rows than the table."""
    for number in range(3):
        log.write(exchange(f"a{number}"))
    log.settle()
    log.close()
    for file in folder().glob("landing.sqlite*"):
        file.unlink()
    again = RequestLog(folder())
    again.write(exchange("b"))
    if lost == "settled":
        again.settle()
    assert ids() == ["a0", "a1", "a2", "b"]
    again.close()


def test_a_damaged_landing_place_is_told(home: Path) -> None:
    folder().mkdir(parents=True)
    (folder() / "landing.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(WeaverError, match=r"landing\.sqlite cannot be read or written: file is not a database"):
        RequestLog(folder())
    (folder() / "landing.sqlite").unlink()
    RequestLog(folder()).close()


FULL = """
import resource, sys
from pipelines.core.errors import WeaverError
from pipelines.request_log import RequestLog, Exchange, exchanges, folder
log = RequestLog(folder())
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
print(exchanges()["id"].to_pylist() == written, len(written))
resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
try:
    log.settle()
except WeaverError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
print(exchanges()["id"].to_pylist() == written)
log.settle()
print(exchanges()["id"].to_pylist() == written)
"""


def test_a_full_disk_refuses_rows_and_keeps_those_before(home: Path) -> None:
    command = [sys.executable, "-c", FULL, exchange("a").model_dump_json()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "cannot be read or written: disk I/O error" in done.stdout and "Free space" in done.stdout
    assert "no room left to write" in done.stdout
    assert done.stdout.count("True") == 3 and "False" not in done.stdout, done.stdout
