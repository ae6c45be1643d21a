"""The stored costs under many writers, kills and the turn of a month."""

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.core.errors import WeaverError
from pipelines.core.make_plan import make_plan
from pipelines.costs import meter
from pipelines.costs.cost_store import StageExecution, month_bounds, read_executions, save_row
from pipelines.costs.meter import measure_costs

T = "service_advisor"
WRITE = """
import sys
from pipelines.costs.meter import measure_costs
from pipelines.core.make_plan import make_plan
for _ in range(10):
    with measure_costs(make_plan("service_advisor"), sys.argv[1]):
        pass
"""
DIE = """
import os, signal, time
from pipelines.costs import meter
from pipelines.core.make_plan import make_plan
meter.HEARTBEAT_SECONDS = 0.05
with meter.measure_costs(make_plan("service_advisor"), "fine_tune", "night"):
    time.sleep(0.6)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def execution(at: float, cost: float = 1.0, **other: str) -> StageExecution:
    return StageExecution(
        **{"template": T, "stage": "fine_tune", "state": "done", "process": "1 0"} | other, at=at, cost=cost
    )


def test_stages_that_end_at_once_are_all_in_it(home: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, stage]) for stage in ("collect", "refine", "evaluate")]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    found = read_executions()
    assert len({one.id for one in found}) == 30
    assert {one.state for one in found} == {"done"}
    assert len(read_executions(stage="refine")) == 10


def test_a_killed_stage_has_cost_what_it_took_until_then(home: Path) -> None:
    assert subprocess.run([sys.executable, "-c", DIE], timeout=120).returncode == -9
    (one,) = read_executions(run="night")
    assert one.state == "killed"
    assert one.seconds > 0.3 and one.cost > 0


def test_a_failed_stage_is_in_it_and_fails_as_it_did(home: Path) -> None:
    with pytest.raises(ZeroDivisionError), measure_costs(make_plan(T), "evaluate"):
        print(1 / 0)
    (one,) = read_executions()
    assert (one.state, one.stage) == ("failed", "evaluate")


def test_a_stage_that_runs_is_in_it_as_running(home: Path) -> None:
    with measure_costs(make_plan(T), "refine"):
        assert [one.state for one in read_executions()] == ["running"]
    assert [one.state for one in read_executions()] == ["done"]


def test_a_damaged_database_stops_no_stage_and_is_an_error_for_readers(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (home / "weaver.db").write_bytes(b"not a database" * 100)
    with measure_costs(make_plan(T), "refine"):
        pass
    assert "the costs of refine are not stored" in caplog.text
    with pytest.raises(WeaverError, match=r"weaver\.db is damaged"):
        read_executions()


def test_a_month_is_utcs_and_ends_where_the_next_begins(home: Path) -> None:
    begin, end = month_bounds("2026-12")
    assert (begin, end) == (datetime(2026, 12, 1, tzinfo=UTC).timestamp(), datetime(2027, 1, 1, tzinfo=UTC).timestamp())
    for at in (begin - 0.001, begin, end - 0.001, end):
        save_row(execution(at))
    assert [one.at for one in read_executions(*month_bounds("2026-12"))] == [begin, end - 0.001]
    now, _ = month_bounds()
    assert now <= time.time() < now + 31 * 86_400
    with pytest.raises(WeaverError, match="'2026-13' is not a month"):
        month_bounds("2026-13")


def test_what_is_older_than_three_years_is_gone(home: Path) -> None:
    save_row(execution(time.time() - 4 * 366 * 86_400))
    save_row(execution(time.time()))
    assert len(read_executions()) == 1


def test_a_heartbeat_is_a_minute() -> None:
    assert meter.HEARTBEAT_SECONDS <= 60


def test_an_execution_of_another_machine_runs_until_it_was_not_heard_of_for_three_minutes(home: Path) -> None:
    for seconds in (100.0, 10.0):
        save_row(
            StageExecution(template=T, stage="refine", process="elsewhere 1 0", at=time.time() - 250, seconds=seconds)
        )
    assert [execution.state for execution in read_executions()] == ["running", "killed"]
