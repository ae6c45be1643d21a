"""A template whose budget is a crumb, on the real stack: a person is asked, and what they say is done."""

from typing import Any

import pytest

from pipelines.files import write_text
from pipelines.templates import template_files

TEMPLATE = "frugal_advisor"
DAG = f"retrain_{TEMPLATE}"


@pytest.fixture(scope="module")
def frugal(stack: Any) -> None:
    text = template_files()["service_advisor"].read_text().replace("name: service_advisor", f"name: {TEMPLATE}")
    write_text(
        stack.home / "templates" / f"{TEMPLATE}.yaml",
        text.replace("training_hours: 8 ", "run_cost: 0.000001\n  training_hours: 8 "),
    )


def events(stack: Any) -> int:
    """How often Airflow was told of a dataset that may be trained on."""
    airflow = stack.airflow()
    found = airflow.get("/api/v2/assets", params={"name_pattern": f"version_{TEMPLATE}"}).raise_for_status().json()
    asked = {"asset_id": found["assets"][0]["id"]}
    return airflow.get("/api/v2/assets/events", params=asked).raise_for_status().json()["total_entries"]


@pytest.mark.slow
def test_over_budget_asks_and_a_no_leaves_the_champion(stack: Any, frugal: None) -> None:
    first = stack.json("run", TEMPLATE, "--approve", timeout=1800)
    assert first["tasks"]["spend"] == "success"
    assert first["outcome"] == "version 1 is champion, approved by admin"
    assert events(stack) == 1
    alerts = (stack.home / "alerts.jsonl").read_text()
    assert f"{TEMPLATE} waits for a person before it trains: the run is forecast to cost" in alerts

    watching = stack.start("run", TEMPLATE, "--set", "train.seed=18", "--json")
    question = stack.wait_for_task(DAG, "spend", "awaiting_input")
    told = stack.airflow().get(f"{question}/-1/hitlDetails").json()
    assert "budget.run_cost is 1e-06" in told["body"]
    assert "1 trainings of this kind here" in told["body"]
    stack.answer(question, "Reject", {"why": "not this month"})
    printed, said = watching.communicate(timeout=600)
    assert watching.returncode == 0, said
    assert '"fine_tune": "skipped"' in printed
    assert "over budget: the run is forecast to cost" in printed
    assert stack.json("registry", "show", TEMPLATE)["aliases"]["champion"]["version"] == 1
    assert events(stack) == 1


@pytest.mark.slow
def test_what_the_night_took_is_in_the_table_and_in_mlflow(stack: Any, frugal: None) -> None:
    spent = stack.json("costs", TEMPLATE)
    by_stage = {line["name"]: line for line in spent["lines"]}
    assert {"collect", "version", "budget", "fine_tune", "evaluate", "deploy"} <= set(by_stage)
    assert by_stage["fine_tune"]["cpu_seconds"] > 1 and by_stage["fine_tune"]["energy_kwh_estimated"] > 0
    assert spent["total"]["cost"] == pytest.approx(sum(line["cost"] for line in spent["lines"]))
    assert len(spent["estimates"]) == 1

    version = stack.json("registry", "show", TEMPLATE)["aliases"]["champion"]
    run = stack.mlflow().get_run(version["run_id"])
    assert run.data.metrics["estimate_error"] == pytest.approx(spent["estimates"][0]["error"])
    assert run.data.metrics["cost.fine_tune"] < run.data.metrics["cost"] < spent["total"]["cost"]
    assert "costs.json" in {artifact.path for artifact in stack.mlflow().list_artifacts(version["run_id"])}
    forecast = stack.json("estimate", TEMPLATE)
    assert forecast["basis"].startswith("1 trainings of this kind here")
    assert forecast["low"] < forecast["training_seconds"] < forecast["high"]
    assert forecast["stages"]["evaluate"] > 1
