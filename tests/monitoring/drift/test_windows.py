"""Windows of a real request log: whole ones only, the same for whoever looks, and sampled the same way."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.monitoring.drift import windows
from pipelines.request_log import Feedback, RequestLog, log_folder

from ...request_log.rows import T, exchange

HOUR = 3_600
MIDNIGHT = time.time() // (24 * HOUR) * 24 * HOUR


@pytest.fixture
def log(home: Path) -> Iterator[RequestLog]:
    log = RequestLog(log_folder())
    yield log
    log.close()


@pytest.mark.parametrize(
    ("hours", "now", "end"), [(24, 5 * HOUR, 0), (6, 13 * HOUR, 12), (6, 12 * HOUR + 30, 6), (0.01, 73, 0)]
)
def test_a_window_is_looked_at_once_its_last_request_is_answered(hours: float, now: float, end: float) -> None:
    assert windows.last_window_end(hours, MIDNIGHT + now, grace=60) == pytest.approx(MIDNIGHT + end * HOUR)


def test_rows_are_cut_at_multiples_of_the_hours(log: RequestLog) -> None:
    for number, at in enumerate((-3, 1, 2, 3, 7)):
        log.write(exchange(f"a{number}", MIDNIGHT + at * HOUR))
    log.flush()
    rows = windows.read_requests(T, 3, MIDNIGHT - 9 * HOUR, MIDNIGHT + 9 * HOUR)
    found = windows.split_into_windows(rows, 3)
    assert [(round(one.since - MIDNIGHT) // HOUR, len(some)) for one, some in found.items()] == [
        (-3, 1),
        (0, 2),
        (3, 1),
        (6, 1),
    ]
    assert all(one.until - one.since == 3 * HOUR for one in found)


def test_what_others_answered_and_what_nobody_saw_is_left_out(log: RequestLog) -> None:
    conversation = [{"role": "system", "content": "s"}, {"role": "user", "content": "one"}]
    conversation += [{"role": "assistant", "content": "a"}, {"role": "user", "content": "two"}]
    log.write(exchange("a", MIDNIGHT, messages=json.dumps(conversation)))
    log.write(exchange("other version", MIDNIGHT, version=2))
    log.write(exchange("other template", MIDNIGHT, template="parts_inventory"))
    log.write(exchange("shadow", MIDNIGHT, shadow_of="a"))
    (row,) = windows.read_requests(T, 3, MIDNIGHT - 1, MIDNIGHT + 1)
    assert row == {"id": "a", "at": MIDNIGHT, "question": "two", "answer": "The catalyst is worn.", "status": "ok"}


def test_thumbs_count_when_they_come(log: RequestLog) -> None:
    log.write(exchange("a", MIDNIGHT - HOUR))
    log.write(exchange("b", MIDNIGHT - HOUR))
    log.write_feedback(Feedback(id="a", at=MIDNIGHT, key="k", thumb="down"))
    log.write_feedback(Feedback(id="b", at=MIDNIGHT, key="k", comment="hm"))
    assert windows.read_thumbs_down(T, 3, MIDNIGHT - 1, MIDNIGHT + 1) == [True]
    assert windows.read_thumbs_down(T, 3, MIDNIGHT - HOUR, MIDNIGHT - 1) == []


def test_a_large_window_is_sampled_by_its_ids_alone() -> None:
    rows = [{"id": f"a{number}", "at": number} for number in range(1_000)]
    some = windows.sample_rows(rows, 100)
    assert len(some) == 100 and some == sorted(some, key=lambda row: row["at"])
    assert {row["id"] for row in windows.sample_rows(rows[::-1], 100)} == {row["id"] for row in some}
    assert windows.sample_rows(rows[:5], 100) == rows[:5]
