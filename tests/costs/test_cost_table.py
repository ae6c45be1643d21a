"""`weaver costs`: stages and requests in one table."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.cli.main import app
from pipelines.costs.cost_store import StageExecution, format_day, month_bounds, save_row
from pipelines.costs.cost_table import read_cost_lines, sum_cost_lines
from pipelines.request_log import RequestLog, log_folder

from ..request_log.rows import T, exchange

LAST, THIS = (
    format_day(month_bounds()[0] - 1)[:7],
    format_day(month_bounds()[0])[:7],
)  # months; the request log keeps ninety days


@pytest.fixture
def spending(home: Path) -> None:
    """Two stages and three requests last month, and something in this one."""
    begin, end = month_bounds(LAST)
    for at, stage, cost in ((begin, "refine", 1.0), (begin + 90_000, "fine_tune", 5.0), (end, "fine_tune", 7.0)):
        figures = {"seconds": 60.0, "cpu_seconds": 90.0, "energy_kwh_estimated": 0.5, "cost": cost}
        save_row(StageExecution(template=T, stage=stage, at=at, state="done", process="1 0", model="m", **figures))
    log = RequestLog(log_folder())
    for number, at in enumerate((begin + 1, begin + 2, end + 1)):
        log.write(exchange(str(number), at, cost=0.25, latency_s=2.0, version=number))
    log.flush()
    log.write(exchange("fresh", begin + 90_001, cost=0.25, latency_s=2.0, version=1))
    log.close()


@pytest.mark.parametrize(
    ("by", "costs"),
    [
        ("stage", {"fine_tune": 5.0, "refine": 1.0, "requests": 0.75}),
        ("day", {f"{LAST}-01": 1.5, f"{LAST}-02": 5.25}),
        ("model", {"m": 6.0, "version 0": 0.25, "version 1": 0.5}),
    ],
)
def test_a_month_by_day_stage_or_model(spending: None, by: Any, costs: dict[str, float]) -> None:
    found = read_cost_lines(T, by, LAST)
    assert {line.name: line.cost for line in found} == costs
    whole = sum_cost_lines(found)
    assert (whole.cost, whole.count, whole.seconds, whole.energy_kwh_estimated) == (6.75, 5, 126.0, 1.0)
    assert read_cost_lines("parts_inventory", by, LAST) == []


def test_the_verb_says_the_same_to_scripts_and_people(spending: None) -> None:
    said = CliRunner().invoke(app, ["costs", T, "--month", THIS, "--json"])
    told = json.loads(said.stdout)
    assert [(line["name"], line["cost"]) for line in told["lines"]] == [("fine_tune", 7.0), ("requests", 0.25)]
    assert told["total"]["cost"] == 7.25 and told["currency"] == "USD"
    assert "Nothing was spent" in CliRunner().invoke(app, ["costs", T, "--month", "2020-01"]).stdout
    shown = CliRunner().invoke(app, ["costs", "--by", "day", "--month", LAST], env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.exception
