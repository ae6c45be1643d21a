"""The loop is closed: people ask about something else, monitoring notices, and the retraining knows why it runs.

The tests tell one story in their order: the requests change, their report is read, and a plan is suggested.
"""

import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import yaml

from pipelines.core.templates import find_template_files
from pipelines.kits.automotive import dealership_operations, service_advisor
from pipelines.text.chat_format import user_messages

from ..database import read_alerts

NAME = "night_desk"
HOURS = 0.02  # 72 seconds
POLICY = {"hours": HOURS, "windows": 2, "violations": 2, "min_rows": 20, "reference_rows": 20, "cooldown_hours": 1}
DAG = f"retrain_{NAME}"


@pytest.fixture(scope="module")
def desk(stack: Any) -> Iterator[dict[str, Any]]:
    """A template of the dealership's own with windows of a minute, and its champion; at last nothing watches it."""
    told = yaml.safe_load(find_template_files()["service_advisor"].read_text())
    told |= {"name": NAME, "drift": POLICY, "serving": {"timeout": 10}}
    told |= {"refine": {"rows": 0}}  # rows that are kept evenly over topics differ from those that are collected
    own = stack.home / "templates" / f"{NAME}.yaml"
    own.parent.mkdir(exist_ok=True)
    own.write_text(yaml.safe_dump(told))
    result = stack.json("run", NAME, "--approve", timeout=900)
    assert result["outcome"] == "version 1 is champion, approved by admin"
    yield result
    for dag in (DAG, f"monitor_{NAME}"):  # a check each minute would slow all that follows
        stack.airflow().patch(f"/api/v2/dags/{dag}", json={"is_paused": True}).raise_for_status()


def ask(stack: Any, rows: list[dict[str, Any]], seed: int) -> None:
    """Forty of these questions at the beginning of the next window."""
    window = HOURS * 3600
    time.sleep(window - time.time() % window)
    signed_in = {"Authorization": f"Bearer {stack.secret('gateway')}"}
    with httpx.Client(base_url=stack.gateway_url, headers=signed_in, timeout=60) as client:
        for row in random.Random(seed).sample(rows, 40):
            asked = {"model": NAME, "messages": user_messages(row), "max_tokens": 2}
            client.post("/v1/chat/completions", json=asked).raise_for_status()


def wait_for(found: Callable[[], Any], seconds: float) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if it := found():
            return it
        time.sleep(2)
    raise AssertionError(f"not within {seconds} s")


def started_by_drift(stack: Any) -> list[dict[str, Any]]:
    runs = stack.airflow().get(f"/api/v2/dags/{DAG}/dagRuns", params={"order_by": "run_after"}).json()["dag_runs"]
    return [run for run in runs if run["run_type"] == "asset_triggered"]


def test_the_world_moves_and_the_retraining_knows_why(stack: Any, desk: dict[str, Any]) -> None:
    usual, other = service_advisor.build(), dealership_operations.build()
    for seed, rows in enumerate((usual, usual, other, other)):
        ask(stack, rows, seed)
    run = wait_for(lambda: started_by_drift(stack), 900)[0]
    done = wait_for(lambda: [run for run in started_by_drift(stack) if run["state"] == "success"], 900)[0]
    assert done["dag_run_id"] == run["dag_run_id"]
    task = f"/api/v2/dags/{DAG}/dagRuns/{run['dag_run_id']}/taskInstances"
    reason = stack.airflow().get(f"{task}/has_new_data/xcomEntries/reason").json()["value"]
    assert reason.startswith(f"nothing to do: {NAME} version 1 was trained on {NAME}@v1 with this plan: approved")
    assert "started because requests changed: " in reason and "centre of questions" in reason
    assert done["note"] == reason
    standing = stack.json("drift", NAME)
    assert standing["against"] == "requests" and "centre of questions" in standing["fired"]
    (event,) = standing["events"]
    assert event["event"]["reason"] in reason
    assert f"{NAME} is retrained" in str(read_alerts(stack.home))


def test_the_report_is_in_airflow_for_whoever_is_signed_in(stack: Any, desk: dict[str, Any]) -> None:
    reader = stack.airflow("reviewer", "airflow_reviewer")
    token = reader.headers["Authorization"].removeprefix("Bearer ")
    with httpx.Client(base_url=stack.airflow_url, cookies={"_token": token}, timeout=120) as browser:
        report = re.findall(rf'href="(/drift/reports/{NAME}[^"]*)/signals"', browser.get("/drift/").text)[0]
        assert "centre of questions" in browser.get(f"{report}/signals").text
        distributions = browser.get(f"{report}/distributions")
        assert len(distributions.text) > 1_000_000, "Evidently's page has all that it shows with it"
        assert "connect-src 'none'" in distributions.headers["content-security-policy"]
        assert browser.delete(f"{report}/signals").status_code == 405
    forged = {"_token": "eyJhbGciOiJub25lIn0.e30."}
    for path in ("/drift/", f"{report}/signals"):
        assert httpx.get(f"{stack.airflow_url}{path}").status_code == 401
        assert httpx.get(f"{stack.airflow_url}{path}", cookies=forged).status_code in (401, 403)


def test_a_suggested_change_of_the_plan_is_in_the_run_it_starts(stack: Any, desk: dict[str, Any]) -> None:
    airflow, before = stack.airflow(), len(started_by_drift(stack))
    assets = airflow.get("/api/v2/assets", params={"name_pattern": f"drift_{NAME}"}).json()["assets"]
    extra = {"reason": "answers got worse", "config": {"train.epochs": 3.0}}
    airflow.post("/api/v2/assets/events", json={"asset_id": assets[0]["id"], "extra": extra}).raise_for_status()
    run = wait_for(lambda: started_by_drift(stack)[before:], 120)[0]
    path = f"/api/v2/dags/{DAG}/dagRuns/{run['dag_run_id']}"
    task = f"{path}/taskInstances/plan"
    wait_for(lambda: airflow.get(task).json()["state"] == "success", 120)
    plan = airflow.get(f"{task}/xcomEntries/return_value").json()["value"]
    assert plan["train"]["epochs"] == 3
    assert airflow.get(path).json()["note"] == "Started because answers got worse"
    airflow.patch(path, json={"state": "failed"}).raise_for_status()
