"""Advice is computed from what was measured; without a measurement there is none."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.cli.main import app
from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.costs.advice import Advice, Unmeasured, advise, advise_quantisation, measure_traffic
from pipelines.costs.cost_store import QuantisationResult, save_row
from pipelines.gateway import cache_replay
from pipelines.request_log import RequestLog, log_folder

from ..models import Home
from ..request_log.rows import T, exchange

DAY = 86_400


def logged(questions: list[str], template: str = T, cost: float = 0.002, days: float = 10, **other: Any) -> None:
    """Questions asked evenly over the last days."""
    log, now = RequestLog(log_folder()), time.time()
    for number, question in enumerate(questions):
        at = now - days * DAY * (1 - number / len(questions))
        asked = json.dumps([{"role": "user", "content": question}])
        told = {"messages": asked, "template": template, "cost": cost} | other
        log.write(exchange(f"{template}-{number}", at, **told))
    log.close()


def measured(template: str, form: str, seconds: float, score: float, loss_high: float = 0.0) -> None:
    figures = {"seconds": seconds, "score": score, "loss_high": loss_high, "questions": 60}
    save_row(QuantisationResult(template=template, version="3", form=form, **figures))


@pytest.fixture
def nights(models: Home) -> Any:
    """`nights(gains, base=…)`: retrainings in MLflow, evaluated against their champions."""

    def made(gains: list[float], base: str = "smollm2-135m", score: float = 0.6, per_1000: float = 0.05) -> None:
        mlflow = connect_mlflow()
        mlflow.set_experiment(models.name)
        for gain in gains:
            with mlflow.start_run():
                mlflow.log_param("base.model", base)
                parts = {"challenger.all.score": score + gain, "champion.all.score": score}
                figures = {f"eval.{part}": value for part, value in parts.items()}
                mlflow.log_metrics(figures | {"cost": 0.2, "eval.challenger.all.cost_per_1000": per_1000})

    return made


def test_nothing_measured_is_nothing_advised(models: Home) -> None:
    found = [*advise(models.plan), cache_replay.advise(models.name)]
    assert {type(one) for one in found} == {Unmeasured}
    assert [one.about for one in found if one] == ["quantisation", "base", "skip", "cache"]
    said = CliRunner().invoke(app, ["advise", models.name, "--json"])
    assert json.loads(said.stdout)["advice"] == []
    assert "Nothing that was measured would save money" in CliRunner().invoke(app, ["advise", models.name]).stdout


def test_too_few_or_uncertain_nights_say_nothing(models: Home, nights: Any) -> None:
    nights([-0.01, -0.01])
    (found,) = [one for one in advise(models.plan) if one.about == "skip"]
    assert found == Unmeasured(
        about="skip", why="2 retraining runs were compared with a champion; at least 3 are needed"
    )
    nights([0.03])  # by now the interval reaches above what the gate wants
    assert [one for one in advise(models.plan) if one.about == "skip"] == []


def test_skip_goes_by_the_upper_end_of_the_interval(models: Home, nights: Any) -> None:
    nights([-0.010, -0.012, -0.008])
    (found,) = [one for one in advise(models.plan) if one.about == "skip"]
    assert isinstance(found, Advice)
    assert found.saving_per_month == pytest.approx(0.2 * 30)
    assert "3 retraining runs gained -0.0100" in found.evidence
    nights([0.05, 0.06, 0.055])  # newer ones that gained
    assert [one for one in advise(models.plan) if one.about == "skip"] == []


def test_another_base_is_advised_if_it_answered_as_well_for_less(models: Home, nights: Any) -> None:
    nights([0.0], score=0.60, per_1000=0.05)
    logged(["What does P0420 mean?"] * 300, models.name, days=10)
    assert next(one for one in advise(models.plan) if one.about == "base") == Unmeasured(
        about="base",
        why=f"only one base was trained: weaver run {models.name} --set base.model=…, a smaller one",
    )
    nights([0.0], base="small", score=0.58, per_1000=0.02)
    (found,) = [one for one in advise(models.plan) if one.about == "base"]
    assert isinstance(found, Advice)
    assert found.saving_per_month == pytest.approx(300 / 10 * 30 * (0.05 - 0.02) / 1000, rel=0.01)
    nights([0.0], base="smaller", score=0.3, per_1000=0.001)  # cheaper, and worse
    assert [one for one in advise(models.plan) if one.about == "base"] == []


def test_int4_is_advised_if_what_it_loses_is_within_the_gate(home: Path) -> None:
    plan: TrainingPlan = make_plan(T)
    logged(["What does P0420 mean?"] * 200, days=20)
    measured(T, "int8", 0.8, 0.70)
    measured(T, "int4", 0.5, 0.69, loss_high=0.04)
    found = advise_quantisation(plan, measure_traffic(T))
    assert isinstance(found, Advice)
    assert found.saving_per_month == pytest.approx(200 / 20 * 30 * 0.3 / 3600 * 0.10, rel=0.01)
    measured(T, "int4", 0.5, 0.60, loss_high=0.15)
    assert advise_quantisation(plan, measure_traffic(T)) is None
    measured(T, "int4", 0.9, 0.70, loss_high=0.0)
    assert advise_quantisation(plan, measure_traffic(T)) is None


def test_the_cache_is_tried_on_the_log(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty questions, each three times; the second time within a day, the third when the entry is too old."""
    texts = [f"What does trouble code P0{number} mean?" for number in range(420, 460)]
    off = cache_replay.load_template(T)
    policy = off.serving.model_copy(update={"cache": "off"})
    monkeypatch.setattr(cache_replay, "load_template", lambda name: off.model_copy(update={"serving": policy}))
    monkeypatch.setattr(cache_replay.semantic_cache, "get_threshold", lambda template, policy: None)
    log, now = RequestLog(log_folder()), time.time()
    for days in (4.0, 3.5, 1.0):
        for number, text in enumerate(texts):
            asked = json.dumps([{"role": "user", "content": text}])
            log.write(exchange(f"{days}-{number}", now - days * DAY + number, messages=asked, cost=0.01))
    log.close()
    found = cache_replay.advise(T)
    assert isinstance(found, Advice)
    assert found.what == "serving.cache: exact"
    assert "0 hits with serving.cache: off, 40 with exact" in found.evidence
    assert found.saving_per_month == pytest.approx(40 * 0.01 / 4 * 30, rel=0.01)


def test_few_requests_say_nothing_about_the_cache(home: Path) -> None:
    logged(["What does P0420 mean?"] * 99)
    found = cache_replay.advise(T)
    assert isinstance(found, Unmeasured) and "have 99 answered requests" in found.why


def test_the_policy_in_force_is_not_advised(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_replay.semantic_cache, "get_threshold", lambda template, policy: None)
    logged(["What does P0420 mean?"] * 120)
    assert cache_replay.advise(T) is None
