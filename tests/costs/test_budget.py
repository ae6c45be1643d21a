"""Within a budget or over it, and at the turn of a month."""

import time
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.artifacts import DatasetVersion, Estimate
from pipelines.core.files import digest, write_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.core.settings import settings
from pipelines.core.templates import find_template_files
from pipelines.costs.cost_store import (
    StageExecution,
    TrainingForecast,
    TrainingTiming,
    month_bounds,
    read_rows,
    save_row,
)
from pipelines.stages.run import run_stage
from pipelines.training.budget import find_exceeded_limits
from pipelines.training.estimate import estimate, speed_from_history, training_kind

from ..database import read_alerts

T = "own_advisor"


@pytest.fixture
def template(home: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`template(run_cost=…)`: a template with this budget."""
    monkeypatch.setenv("WEAVER_PROFILE", "cpu")
    settings.cache_clear()

    def write(**limits: float) -> None:
        lines = "".join(f"{name}: {value}\n  " for name, value in limits.items())
        text = find_template_files()["service_advisor"].read_text().replace("name: service_advisor", f"name: {T}")
        settings().templates.mkdir(exist_ok=True)
        (settings().templates / f"{T}.yaml").write_text(
            text.replace("training_hours: 8 ", f"{lines}training_hours: 8 ")
        )

    return write


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetVersion:
    rows = [{"instruction": f"Where is order {n}?", "input": "", "output": f"In bay {n % 7}."} for n in range(30)]
    write_jsonl(tmp_path / "data" / "train.jsonl", rows[:24])
    write_jsonl(tmp_path / "data" / "heldout.jsonl", rows[24:])
    return DatasetVersion(name=T, version=1, uri=str(tmp_path / "data"), digest="d" * 64, rows={"train": 24})


def forecast(cost: float = 1.0, **other: Any) -> Estimate:
    told = {"steps": 9, "tokens": 900, "training_seconds": 60.0, "low": 40.0, "high": 90.0, "basis": "", "stages": {}}
    return Estimate(**told | {"memory_gib": 1.0, "cost": cost, "currency": "USD"} | other)


def spent(at: float, cost: float, template: str = T) -> None:
    save_row(StageExecution(at=at, template=template, stage="fine_tune", state="done", process="1 0", cost=cost))


@pytest.mark.parametrize(
    ("limits", "over"),
    [
        ({}, []),
        ({"run_cost": 1.01}, []),
        ({"run_cost": 0.99}, ["the run is forecast to cost 1 USD; budget.run_cost is 0.99"]),
        ({"month_cost": 5.0}, []),
        (
            {"month_cost": 4.9},
            ["4 USD were spent this month and the run is forecast to cost 1; budget.month_cost is 4.9"],
        ),
        ({"run_cost": 0.5, "month_cost": 1}, ["budget.run_cost", "budget.month_cost"]),
    ],
)
def test_a_limit_is_exceeded_only_above_it(template: Any, limits: dict[str, float], over: list[str]) -> None:
    template(**limits)
    found = list(find_exceeded_limits(forecast(), make_plan(T), spent_by_template=4.0, spent_by_all=100.0))
    assert len(found) == len(over)
    assert all(part in told for part, told in zip(over, found, strict=True))


def test_what_takes_too_long_or_too_much_memory_is_asked_about_too(template: Any) -> None:
    template()
    hours, memory = find_exceeded_limits(forecast(training_seconds=36_000.0, memory_gib=1e6), make_plan(T), 0, 0)
    assert hours == "training is forecast to take 10.0 hours; budget.training_hours is 8"
    assert "forecast to need 1000000.0 GiB" in memory


def test_last_month_is_over_and_other_templates_count_for_all(
    template: Any, dataset: DatasetVersion, small_base: Path, tmp_path: Path
) -> None:
    template(month_cost=10.0)
    begin, _ = month_bounds()
    spent(begin - 1, 1000.0)
    spent(begin, 4.0)
    spent(time.time(), 3.0)
    spent(time.time(), 50.0, template="another")
    plan = make_plan(T, {"base.model": str(small_base), "train.max_steps": 2})
    within: Any = run_stage("estimate_cost", plan, {"commit_dataset": dataset}, tmp_path / "work")
    assert within.spent_this_month == pytest.approx(7.0, abs=0.01)
    assert within.over == []
    assert not read_alerts(settings().home)

    spent(begin + 1, 3.0)
    over: Any = run_stage("estimate_cost", plan, {"commit_dataset": dataset}, tmp_path / "work")
    assert len(over.over) == 1 and "budget.month_cost is 10" in over.over[0]
    (alert,) = read_alerts(settings().home)
    assert alert["text"].startswith(f"{T} waits for an approval before it trains: 10")
    assert [row.plan for row in read_rows(TrainingForecast)] == [plan.digest()] * 2


def test_a_template_that_is_edited_after_the_plan_changes_nothing(
    template: Any, dataset: DatasetVersion, small_base: Path, tmp_path: Path
) -> None:
    template(month_cost=10.0)
    plan = make_plan(T, {"base.model": str(small_base), "train.max_steps": 2})
    template(month_cost=0.001, run_cost=1e-9)
    spent(time.time(), 5.0)
    within: Any = run_stage("estimate_cost", plan, {"commit_dataset": dataset}, tmp_path / "work")
    assert within.over == []
    changed = make_plan(T, {"base.model": str(small_base), "train.max_steps": 2})
    over: Any = run_stage("estimate_cost", changed, {"commit_dataset": dataset}, tmp_path / "work")
    assert len(over.over) == 2
    assert changed.digest() == plan.digest(), "a changed budget is no reason to train again"


def test_an_estimate_goes_by_trainings_of_the_same_kind(
    template: Any, dataset: DatasetVersion, small_base: Path
) -> None:
    template()
    plan = make_plan(T, {"base.model": str(small_base), "train.epochs": 10})
    first = estimate(dataset, plan)
    assert first.basis.startswith("no training of this kind on this machine yet")
    assert first.steps == 60
    for tokens_per_second, mlflow_run in ((50, ""), (100, "a"), (110, "b"), (90, "c")):
        training(plan, tokens_per_second, mlflow_run)
    training(make_plan(T, {"base.model": str(small_base), "train.batch_size": 2}), 5000, "other settings")
    found = estimate(dataset, plan)
    assert found.basis.startswith("3 trainings of this kind on this machine, 100 tokens/s")
    weighed = found.tokens + (6 * found.tokens / 240) / 3
    assert found.training_seconds == pytest.approx(20 + weighed / 99.67, rel=0.02)
    assert found.low < found.training_seconds < found.high < 2 * found.training_seconds
    assert found.memory_gib == pytest.approx(1.5)


def training(plan: Any, tokens_per_second: float, mlflow_run: str) -> None:
    save_row(
        TrainingTiming(
            template=T,
            kind=training_kind(plan),
            mlflow_run=mlflow_run,
            plan=plan.digest(),
            tokens=1000.0 * tokens_per_second,
            heldout_tokens=0.0,
            step_seconds=1000.0,
            seconds=1020.0,
            peak_rss_mib=1536.0,
        )
    )


def test_a_calibration_is_a_few_real_steps(template: Any, dataset: DatasetVersion, small_base: Path) -> None:
    from pipelines.training.estimate import calibrate

    template()
    values = {"base.model": str(small_base), "base.quantisation": "none", "train.max_length": 2000}
    plan = make_plan(T, values)
    took = calibrate(dataset, plan)
    assert took.tokens > 100 and took.step_seconds > 0 and took.mlflow_run == ""
    speed = speed_from_history(plan)
    assert speed and speed.tokens_per_second == pytest.approx(took.tokens / took.step_seconds)
    assert "1 calibrations of this kind" in speed.basis


def test_the_error_of_an_estimate_is_kept_and_logged(
    template: Any, dataset: DatasetVersion, small_base: Path, server: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    """A real training of the smallest base, after its estimate."""
    from pipelines.clients.mlflow import connect_mlflow
    from pipelines.costs.cost_table import read_estimate_errors

    template()
    monkeypatch.setenv("WEAVER_TRACKING_URI", server.url)
    settings.cache_clear()
    values = {"base.model": str(small_base), "base.quantisation": "none", "train.max_length": 2000}
    plan = make_plan(T, values | {"train.max_steps": 4})
    artifacts: dict[str, Any] = {"commit_dataset": dataset.model_copy(update={"digest": digest(Path(dataset.uri))})}
    expected: Any = run_stage("estimate_cost", plan, artifacts, tmp_path / "work", run_id="night")
    adapter: Any = run_stage("fine_tune", plan, artifacts, tmp_path / "work", run_id="night")
    (off,) = read_estimate_errors(T)
    (trained,) = read_rows(TrainingTiming)
    assert off.forecast_seconds == expected.training_seconds
    assert off.error == pytest.approx(expected.training_seconds / trained.seconds - 1)
    assert trained.mlflow_run == adapter.run_id
    # What was counted before the training is what the trainer saw.
    assert trained.tokens == pytest.approx(expected.tokens, rel=0.15)

    logged = connect_mlflow().MlflowClient().get_run(adapter.run_id).data.metrics
    assert logged["estimate_error"] == pytest.approx(off.error)
    assert logged["cost"] == pytest.approx(logged["cost.estimate_cost"] + logged["cost.fine_tune"])
    assert logged["energy_kwh_estimated"] > 0
    table = connect_mlflow().artifacts.load_dict(f"runs:/{adapter.run_id}/costs.json")
    assert [row[0] for row in table["data"]] == ["estimate_cost", "fine_tune"]
