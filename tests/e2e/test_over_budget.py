"""A template whose budget is a crumb, on the real stack: a person is asked, and what they say is done.

The tests tell one story in their order: a no, a yes that makes a champion, and a no that leaves it.
"""

import json
import time
from typing import Any

import pytest

from pipelines.core.files import write_text
from pipelines.core.templates import find_template_files

from ..database import read_alerts

TEMPLATE = "frugal_advisor"
DAG = f"retrain_{TEMPLATE}"
STEPS = "\nrefine:\n  steps: [exact_duplicates, near_duplicates, sample]\n"  # quick; only its owner may leave steps out


@pytest.fixture(scope="module")
def frugal(stack: Any) -> None:
    text = find_template_files()["service_advisor"].read_text().replace("name: service_advisor", f"name: {TEMPLATE}")
    text = text.replace("training_hours: 8 ", "run_cost: 0.000001\n  training_hours: 8 ")
    write_text(stack.home / "templates" / f"{TEMPLATE}.yaml", text + STEPS)
    airflow, end = stack.airflow(), time.monotonic() + 600
    while not airflow.get(f"/api/v2/dags/{DAG}").is_success:
        assert time.monotonic() < end, "the template has no DAG"
        time.sleep(1)


@pytest.fixture(scope="module")
def refused(stack: Any, frugal: None) -> dict[str, Any]:
    """The first night: a reviewer says no."""
    return refuse(stack, "not this month")


@pytest.fixture(scope="module")
def approved(stack: Any, refused: dict[str, Any]) -> dict[str, Any]:
    """The second: a script says yes to both questions."""
    return stack.json("run", TEMPLATE, "--approve", timeout=2400)


def refuse(stack: Any, why: str, *sets: str) -> dict[str, Any]:
    watching = stack.start("run", TEMPLATE, *sets, "--json")
    question = stack.wait_for_task(DAG, "approve_cost", "awaiting_input", seconds=1200)
    told = stack.airflow().get(f"{question}/-1/hitlDetails").json()
    assert "budget.run_cost is 1e-06" in told["body"]
    stack.answer(question, "Reject", {"why": why})
    printed, said = watching.communicate(timeout=600)
    assert watching.returncode == 0, said
    return json.loads(printed)


def events(stack: Any) -> int:
    """How often Airflow was told of a dataset that may be trained on."""
    airflow = stack.airflow()
    found = airflow.get("/api/v2/assets", params={"name_pattern": f"dataset_{TEMPLATE}"}).raise_for_status().json()
    asked = {"asset_id": found["assets"][0]["id"]}
    return airflow.get("/api/v2/assets/events", params=asked).raise_for_status().json()["total_entries"]


@pytest.mark.slow
def test_a_no_trains_nothing_and_withholds_the_dataset(stack: Any, refused: dict[str, Any]) -> None:
    assert (
        refused["tasks"]["estimate_cost"]
        == refused["tasks"]["approve_cost"]
        == refused["tasks"]["within_budget"]
        == "success"
    )
    assert refused["tasks"]["render_data_report"] == "success"
    assert {refused["tasks"][task] for task in ("fine_tune", "fetch_champion", "collect_scores", "deploy")} == {
        "skipped"
    }
    assert refused["outcome"].startswith("over budget: the run is forecast to cost")
    assert events(stack) == 0
    alerts = str(read_alerts(stack.home))
    assert f"{TEMPLATE} waits for an approval before it trains: the run is forecast to cost" in alerts


@pytest.mark.slow
def test_a_yes_trains_and_what_it_took_is_in_the_table_and_in_mlflow(stack: Any, approved: dict[str, Any]) -> None:
    assert approved["tasks"]["approve_cost"] == "success"
    assert approved["outcome"] == "version 1 is champion, approved by admin"
    assert events(stack) == 1

    spent = stack.json("costs", TEMPLATE)
    by_stage = {line["name"]: line for line in spent["lines"]}
    assert {"collect", "commit_dataset", "estimate_cost", "fine_tune", "evaluate", "deploy"} <= set(by_stage)
    assert by_stage["fine_tune"]["cpu_seconds"] > 1 and by_stage["fine_tune"]["energy_kwh_estimated"] > 0
    assert spent["total"]["cost"] == pytest.approx(sum(line["cost"] for line in spent["lines"]))
    assert len(spent["estimates"]) == 1

    version = stack.json("registry", "show", TEMPLATE)["aliases"]["champion"]
    metrics = stack.mlflow().get_run(version["run_id"]).data.metrics
    assert metrics["estimate_error"] == pytest.approx(spent["estimates"][0]["error"])
    assert metrics["cost.fine_tune"] < metrics["cost"] < spent["total"]["cost"]
    assert "costs.json" in {artifact.path for artifact in stack.mlflow().list_artifacts(version["run_id"])}
    forecast = stack.json("estimate", TEMPLATE)
    assert forecast["low"] < forecast["training_seconds"] < forecast["high"]
    assert forecast["stages"]["evaluate"] > 1
    assert metrics["cost"] < forecast["spent_this_month"] <= spent["total"]["cost"]
    assert forecast["over"][0].endswith("budget.run_cost is 1e-06")


@pytest.mark.slow
def test_a_no_leaves_the_champion(stack: Any, approved: dict[str, Any]) -> None:
    result = refuse(stack, "the champion is good enough", "--set", "train.seed=18")
    assert result["tasks"]["fine_tune"] == "skipped"
    assert "trainings of this kind on this machine" in stack.artifact(DAG, "estimate_cost")["basis"]
    assert stack.json("registry", "show", TEMPLATE)["aliases"]["champion"]["version"] == 1
    assert events(stack) == 1
