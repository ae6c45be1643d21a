"""The request log: every acknowledged row is there once, whatever is killed; nothing personal is."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyarrow import csv, parquet
from pyarrow import json as arrow_json

from pipelines.cli.main import app
from pipelines.errors import WeaverError
from pipelines.serving.request_log import Exchange, Feedback, RequestLog, exchanges, feedbacks, folder, landing, parts
from pipelines.settings import settings
from pipelines.templates import template_files

T = "service_advisor"
DAY = 86_400


def exchange(id: str, at: float = 0, **other: Any) -> Exchange:
    asked = [{"role": "user", "content": "What does P0420 mean?"}]
    texts = {"messages": json.dumps(asked), "answer": "The catalyst is worn.", "route": f"{T}-v3@llama_cpp"}
    who = {
        "template": T,
        "version": 3,
        "backend": "llama_cpp",
        "key": "local",
        "user": "",
        "status": "ok",
        "cached": "",
    }
    figures = {"prompt_tokens": 12, "completion_tokens": 5, "queue_s": 0.0, "first_token_s": 0.1, "latency_s": 0.4}
    return Exchange(**{"id": id, "at": at or time.time(), "cost": 0.0} | texts | who | figures | other)


def opinion(id: str, key: str = "local", **said: Any) -> Feedback:
    return Feedback(**{"id": id, "at": time.time(), "key": key} | said)


def ids() -> list[str]:
    return exchanges()["id"].to_pylist()


def files(kind: str = "exchanges") -> list[str]:
    return sorted(str(path.relative_to(folder() / kind)) for path in (folder() / kind).rglob("*.parquet"))


@pytest.fixture
def log(home: Path) -> Iterator[RequestLog]:
    log = RequestLog(folder())
    yield log
    log.close()


def test_settled_and_landed_rows_are_one_table(log: RequestLog) -> None:
    now = time.time()
    for number in range(4):
        log.write(exchange(f"a{number}", now - 10 + number))
    log.settle()
    log.write(exchange("b", now, template="parts_inventory"))
    assert exchanges().column_names == list(Exchange.model_fields)
    assert ids() == ["a0", "a1", "a2", "a3", "b"]
    assert exchanges(template=T)["id"].to_pylist() == ["a0", "a1", "a2", "a3"]
    assert exchanges(since=now - 9, until=now - 7)["id"].to_pylist() == ["a1", "a2"]
    assert exchanges(since=now)["id"].to_pylist() == ["b"]


def test_without_a_log_there_are_no_rows(home: Path) -> None:
    assert len(exchanges()) == len(feedbacks()) == 0


def test_any_reader_of_parquet_reads_it(log: RequestLog) -> None:
    now = time.time()
    for at in (now - DAY, now):
        log.write(exchange(f"at {at}", at))
    log.settle()
    table = parquet.read_table(folder() / "exchanges")
    assert sorted(map(str, table["date"].to_pylist())) == [
        f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}" for at in (now - DAY, now)
    ]
    assert table["answer"].to_pylist() == ["The catalyst is worn."] * 2
    one = parquet.ParquetFile(folder() / "exchanges" / files()[0])
    assert one.schema_arrow.metadata[b"weaver_log"] == b"1"
    assert one.metadata.row_group(0).column(0).compression == "ZSTD"
    assert folder().stat().st_mode & 0o077 == 0, "conversations are for their owner's eyes"


WRITER = """
import os, sys, threading, time
from pipelines.serving.request_log import RequestLog, Exchange, folder
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
    assert landing.landed(folder() / "landing.sqlite") == []
    print(f"{len(acknowledged)} acknowledged rows in {kills} lives, each there once")


def test_a_settling_killed_before_it_removed_what_it_settled_doubles_nothing(log: RequestLog) -> None:
    """The parts stand, the rows as well; and more come, on the same days."""
    now = time.time()
    for number in range(6):
        log.write(exchange(f"a{number}", now - number % 2 * DAY))
    rows = landing.landed(folder() / "landing.sqlite")
    parts.settle(folder(), rows[:5])
    assert len(ids()) == 6
    log.write(exchange("b", now))
    assert sorted(ids()) == ["a0", "a1", "a2", "a3", "a4", "a5", "b"]
    log.settle()
    assert sorted(ids()) == ["a0", "a1", "a2", "a3", "a4", "a5", "b"]


def test_a_day_that_is_over_becomes_one_part(log: RequestLog) -> None:
    now = time.time()
    for number in range(3):
        log.write(exchange(f"a{number}", now - DAY))
        log.write(exchange(f"b{number}", now))
        log.settle()
    yesterday, *today = files()
    assert yesterday.endswith("/000000000001-000000000005.parquet") and len(today) == 3
    assert sorted(ids()) == ["a0", "a1", "a2", "b0", "b1", "b2"]


def test_a_compaction_that_was_killed_doubles_nothing(log: RequestLog) -> None:
    for number in range(3):
        log.write(exchange(f"a{number}"))
        log.settle()
    (day,) = parts.days(folder() / "exchanges")
    parts.compact(day, parts.parts(day))
    assert len(files()) == 4 and sorted(ids()) == ["a0", "a1", "a2"]
    log.settle()
    assert len(files()) == 1 and sorted(ids()) == ["a0", "a1", "a2"]


def test_many_parts_of_today_become_one(log: RequestLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PARTS_A_DAY", 3)
    for number in range(9):
        log.write(exchange(f"a{number}"))
        log.settle()
    assert len(files()) <= 3 and len(ids()) == 9


def test_old_days_go(log: RequestLog) -> None:
    old = time.time() - (parts.KEEP_DAYS + 2) * DAY
    log.write(exchange("old", old))
    log.write(exchange("new"))
    log.settle()
    assert ids() == ["new"]


def test_readers_see_every_row_once_while_it_is_written_and_settled(
    log: RequestLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PARTS_A_DAY", 2)
    written, stop = [0], threading.Event()

    def write() -> None:
        while not stop.is_set():
            log.write(exchange(f"a{written[0] + 1}"))
            written[0] += 1

    def settle() -> None:
        while not stop.is_set():
            log.settle()

    threads = [threading.Thread(target=work) for work in (write, settle)]
    for thread in threads:
        thread.start()
    try:
        end = time.monotonic() + 4
        while time.monotonic() < end:
            least = written[0]
            seen = ids()
            assert len(set(seen)) == len(seen) >= least
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_one_process_writes(log: RequestLog) -> None:
    with pytest.raises(WeaverError, match="another process writes the request log"):
        RequestLog(folder())


def test_it_may_be_closed_by_another_thread_and_opened_again(log: RequestLog) -> None:
    log.write(exchange("a"))
    closing = threading.Thread(target=log.close)
    closing.start()
    closing.join()
    again = RequestLog(folder())
    again.write(exchange("b"))
    assert ids() == ["a", "b"]
    again.close()


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
from pipelines.errors import WeaverError
from pipelines.serving.request_log import RequestLog, Exchange, exchanges, folder
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


@pytest.mark.parametrize("settled", [False, True])
def test_the_newest_feedback_of_a_key_counts(settled: bool, log: RequestLog) -> None:
    log.write(exchange("a", time.time() - 2 * DAY))
    if settled:
        log.settle()
    log.feedback(opinion("a", thumb="up"))
    log.feedback(opinion("a", key="workshop", thumb="up", comment="fine"))
    log.feedback(opinion("a", thumb="down", correction="It is below its threshold."))
    if settled:
        log.settle()
    rows = {row["key"]: row for row in feedbacks(template=T).to_pylist()}
    assert {key: row["thumb"] for key, row in rows.items()} == {"local": "down", "workshop": "up"}
    assert rows["local"]["correction"] == "It is below its threshold." and rows["workshop"]["comment"] == "fine"
    assert rows["local"]["answer"] == "The catalyst is worn." and rows["local"]["version"] == 3
    assert len(feedbacks(template="parts_inventory")) == len(feedbacks(until=1)) == 0
    if settled:
        assert parquet.read_table(folder() / "feedbacks").num_rows == 3, "the log is append-only"


def test_feedback_on_an_unknown_answer_is_refused(log: RequestLog) -> None:
    log.write(exchange("a"))
    log.settle()
    with pytest.raises(WeaverError, match="no answer has the id 'b'"):
        log.feedback(opinion("b", thumb="up"))
    assert len(feedbacks()) == 0


def test_nothing_personal_is_logged(log: RequestLog) -> None:
    """What a dataset would drop is masked; a name is one stand-in, also where no word announces it."""
    said = log.all_protected(["My name is Marjorie Quimby, SSN 219-09-9999.", "Thank you, Marjorie."], T)
    assert "<SSN>" in said[0] and "219" not in said[0]
    assert "Marjorie" not in " ".join(said) and "Quimby" not in said[0]
    standin = said[0].removeprefix("My name is ").split()[0]
    assert said[1] == f"Thank you, {standin}."
    assert log.protected("What does trouble code P0420 mean?", T) == "What does trouble code P0420 mean?"


def test_a_changed_policy_is_in_force_after_the_next_settling(log: RequestLog, home: Path) -> None:
    own = settings().templates / "own.yaml"
    own.parent.mkdir()
    text = template_files()[T].read_text().replace(f"name: {T}", "name: own")
    own.write_text(text)
    phone = "Call me at 313-555-0134."
    assert "<PHONE>" not in log.protected(phone, "own")
    own.write_text(f"{text}\nprivacy:\n  phone: mask\n")
    log.settle()
    assert log.protected(phone, "own") == "Call me at <PHONE>."
    own.write_text("no template")
    log.settle()
    assert log.protected(phone, "own") == "Call me at <PHONE>.", "a broken file does not stop the gateway"


@pytest.mark.slow
def test_a_request_does_not_wait_for_its_log(log: RequestLog) -> None:
    """Prints the figures: `pytest -s -m slow -k wait_for_its_log tests/serving/test_request_log.py`."""

    def waits(count: int, pause: float = 0.0) -> list[float]:
        """Microseconds of each write, sorted; rows of 1 kB that do not compress."""
        rows = [exchange(os.urandom(8).hex(), answer=os.urandom(300).hex()) for _ in range(count)]
        taken = []
        for row in rows:
            begin = time.perf_counter()
            log.write(row)
            taken.append((time.perf_counter() - begin) * 1e6)
            time.sleep(pause)
        return sorted(taken)

    def told(what: str, taken: list[float]) -> None:
        p50, p99, worst = (taken[int(len(taken) * share)] for share in (0.5, 0.99, 0.99999))
        print(f"{what}: p50 {p50:.0f} µs, p99 {p99:.0f} µs, longest {worst / 1e3:.1f} ms, {len(taken)} writes")

    begin = time.perf_counter()
    taken = waits(20_000)
    print(f"{len(taken) / (time.perf_counter() - begin):,.0f} writes a second, their making included")
    told("one after the other", taken)
    begin = time.perf_counter()
    log.settle()
    print(f"{len(taken) / (time.perf_counter() - begin):,.0f} rows settled a second")
    calm = waits(2_000, pause=0.005)
    told("up to 200 a second", calm)
    waits(1_000)
    settling = threading.Thread(target=log.settle)
    settling.start()
    told("while 1,000 rows are settled", waits(200, pause=0.002))
    settling.join()
    log.warm(T)
    for text in (
        "What does trouble code P0420 mean?",
        "2019 Honda Civic LX, 4 cylinders, 30 city mpg: what is its engine displacement?",
        "My name is Jane Doe, my VIN is 1HGCM82633A004352, call me at 313-555-0134.",
    ):
        begin = time.perf_counter()
        for _ in range(100):
            log.protected(text, T)
        print(f"{(time.perf_counter() - begin) * 1e4:,.0f} µs to protect {text!r}")
    assert calm[len(calm) // 2] < 1_000


def weaver(capsys: pytest.CaptureFixture[str], *verb: str) -> Any:
    app(["log", *verb, "--json"], standalone_mode=False)
    return json.loads(capsys.readouterr().out)


def test_the_log_is_shown_and_exported(log: RequestLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = time.time()
    for number in range(5):
        log.write(exchange(f"a{number}", now - 3 * DAY + number * DAY / 2))
    log.settle()
    log.feedback(opinion("a4", thumb="down", correction='Clean, "renewed".'))
    assert [row["id"] for row in weaver(capsys, "show", T, "--last", "3")] == ["a2", "a3", "a4"]
    yesterday = datetime.fromtimestamp(now - 1.2 * DAY).isoformat()
    assert [row["thumb"] for row in weaver(capsys, "show", T, "--since", yesterday)] == ["down"]
    app(["log", "show", T], standalone_mode=False)
    assert "P0420" in capsys.readouterr().out
    for suffix, read in {".parquet": parquet.read_table, ".csv": csv.read_csv, ".jsonl": arrow_json.read_json}.items():
        told = weaver(capsys, "export", str(tmp_path / f"log{suffix}"))
        assert told["rows"] == 5
        table = read(tmp_path / f"log{suffix}")
        assert table["id"].to_pylist() == ["a0", "a1", "a2", "a3", "a4"]
        assert table["correction"].to_pylist()[-1] == 'Clean, "renewed".'
    with pytest.raises(WeaverError, match=r"\.xlsx is no format"):
        weaver(capsys, "export", str(tmp_path / "log.xlsx"))
    with pytest.raises(WeaverError, match="--since 'yesterday'"):
        weaver(capsys, "show", T, "--since", "yesterday")
