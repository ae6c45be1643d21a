"""Rows go through the write-ahead log into Parquet files; every reader sees each row exactly once."""

import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyarrow import parquet

from pipelines.request_log import Exchange, RequestLog, log_folder, parquet_store, read_exchanges, read_feedback

from .rows import DAY, T, exchange, files, ids


def test_flushed_and_pending_rows_are_one_table(log: RequestLog) -> None:
    now = time.time()
    for number in range(4):
        log.write(exchange(f"a{number}", now - 10 + number))
    log.flush()
    log.write(exchange("b", now, template="parts_inventory"))
    assert read_exchanges().column_names == list(Exchange.model_fields)
    assert ids() == ["a0", "a1", "a2", "a3", "b"]
    assert read_exchanges(template=T)["id"].to_pylist() == ["a0", "a1", "a2", "a3"]
    assert read_exchanges(since=now - 9, until=now - 7)["id"].to_pylist() == ["a1", "a2"]
    assert read_exchanges(since=now)["id"].to_pylist() == ["b"]


def test_without_a_log_there_are_no_rows(home: Path) -> None:
    assert len(read_exchanges()) == len(read_feedback()) == 0


def test_any_reader_of_parquet_reads_it(log: RequestLog) -> None:
    now = time.time()
    for at in (now - DAY, now):
        log.write(exchange(f"at {at}", at))
    log.flush()
    table = parquet.read_table(log_folder() / "exchanges")
    assert sorted(map(str, table["date"].to_pylist())) == [
        f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}" for at in (now - DAY, now)
    ]
    assert table["answer"].to_pylist() == ["The catalyst is worn."] * 2
    file = parquet.ParquetFile(log_folder() / "exchanges" / files()[0])
    assert file.schema_arrow.metadata[b"weaver_log"] == b"1"
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert log_folder().stat().st_mode & 0o077 == 0, "only the owner may read conversations"


def test_the_files_of_a_day_that_is_over_are_merged(log: RequestLog) -> None:
    now = time.time()
    for number in range(3):
        log.write(exchange(f"a{number}", now - DAY))
        log.write(exchange(f"b{number}", now))
        log.flush()
    yesterday, *today = files()
    assert yesterday.endswith("/000000000001-000000000005.parquet") and len(today) == 3
    assert sorted(ids()) == ["a0", "a1", "a2", "b0", "b1", "b2"]


def test_many_files_of_today_are_merged(log: RequestLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_store, "MAX_FILES_PER_DAY", 3)
    for number in range(9):
        log.write(exchange(f"a{number}"))
        log.flush()
    assert len(files()) <= 3 and len(ids()) == 9


def test_old_days_are_deleted(log: RequestLog) -> None:
    old = time.time() - (parquet_store.RETENTION_DAYS + 2) * DAY
    log.write(exchange("old", old))
    log.write(exchange("new"))
    log.flush()
    assert ids() == ["new"]


def test_readers_see_every_row_once_while_it_is_written_and_flushed(
    log: RequestLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_store, "MAX_FILES_PER_DAY", 2)
    written, stop = [0], threading.Event()

    def write() -> None:
        while not stop.is_set():
            log.write(exchange(f"a{written[0] + 1}"))
            written[0] += 1

    def flush() -> None:
        while not stop.is_set():
            log.flush()

    threads = [threading.Thread(target=work) for work in (write, flush)]
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


def test_it_can_be_closed_by_another_thread_and_opened_again(log: RequestLog) -> None:
    log.write(exchange("a"))
    closing = threading.Thread(target=log.close)
    closing.start()
    closing.join()
    again = RequestLog(log_folder())
    again.write(exchange("b"))
    assert ids() == ["a", "b"]
    again.close()


@pytest.mark.slow
def test_a_request_does_not_wait_for_its_log(log: RequestLog) -> None:
    """Prints the figures: `pytest -s -m slow -k wait_for_its_log tests/request_log/test_flush.py`."""

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

    def report(what: str, taken: list[float]) -> None:
        p50, p99, worst = (taken[int(len(taken) * share)] for share in (0.5, 0.99, 0.99999))
        print(f"{what}: p50 {p50:.0f} µs, p99 {p99:.0f} µs, longest {worst / 1e3:.1f} ms, {len(taken)} writes")

    begin = time.perf_counter()
    taken = waits(20_000)
    print(f"{len(taken) / (time.perf_counter() - begin):,.0f} writes per second, creating the rows included")
    report("one after the other", taken)
    begin = time.perf_counter()
    log.flush()
    print(f"{len(taken) / (time.perf_counter() - begin):,.0f} rows flushed per second")
    calm = waits(2_000, pause=0.005)
    report("up to 200 per second", calm)
    waits(1_000)
    flushing = threading.Thread(target=log.flush)
    flushing.start()
    report("while 1,000 rows are flushed", waits(200, pause=0.002))
    flushing.join()
    log.warm_up(T)
    for text in (
        "What does trouble code P0420 mean?",
        "2019 Honda Civic LX, 4 cylinders, 30 city mpg: what is its engine displacement?",
        "My name is Jane Doe, my VIN is 1HGCM82633A004352, call me at 313-555-0134.",
    ):
        begin = time.perf_counter()
        for _ in range(100):
            log.protect_text(text, T)
        print(f"{(time.perf_counter() - begin) * 1e4:,.0f} µs to protect {text!r}")
    assert calm[len(calm) // 2] < 1_000
