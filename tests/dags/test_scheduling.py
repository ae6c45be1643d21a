"""Airflow's own scheduler at ten times of day: a DAG that is switched on runs what a person triggered, nothing else.

The DAGs are those of dags/retrain.py. Their templates differ in how long ago the last slot of their schedule was.
"""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.settings import REPOSITORY
from pipelines.core.templates import find_template_files

MINUTES_AGO = (1, 2, 5, 10, 60, 140, 300, 720, 1000, 1430)  # since the last slot of a nightly schedule


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """DAG → run → its state, and the tasks that the scheduler has sent to the executor."""
    home, airflow = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("airflow")
    (home / "templates").mkdir()
    text, now, crons = find_template_files()["service_advisor"].read_text(), datetime.now(UTC), {}
    for state in ("new", "paused"):
        for minutes in MINUTES_AGO:
            slot, name = now - timedelta(minutes=minutes), f"{state}_{minutes}"
            crons[name] = f"{slot.minute} {slot.hour} * * *"
            own = text.replace("name: service_advisor", f"name: {name}").replace('"0 2 * * *"', f'"{crons[name]}"')
            assert crons[name] in own
            (home / "templates" / f"{name}.yaml").write_text(own)
    environment = os.environ | {
        "AIRFLOW_HOME": str(airflow),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "WEAVER_PROFILE": "cpu",
        "WEAVER_HOME": str(home),
    }
    for command in (
        [Path(sys.executable).with_name("airflow"), "db", "migrate"],
        [sys.executable, Path(__file__).with_name("scheduler_probe.py"), json.dumps(crons)],
    ):
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("minutes", MINUTES_AGO)
@pytest.mark.parametrize("state", ["new", "paused"])
def test_only_the_run_that_was_triggered_exists_and_it_has_begun(
    runs: dict[str, dict[str, Any]], state: str, minutes: int
) -> None:
    assert runs[f"retrain_{state}_{minutes}"] == {"by_hand": ["running", ["wait_for_turn"]]}


def test_airflows_own_timetable_would_run_the_slot_of_a_minute_ago(runs: dict[str, dict[str, Any]]) -> None:
    """Where this fails, Airflow has changed (airflow#64162) and `UpcomingCronTimetable` may not be needed any more."""
    assert len(runs["airflows_own"]) == 2
