"""A look at the log of a real gateway's kind: what it finds, what it starts, and that it can be killed."""

import json
from typing import Any

import pytest
import yaml

from pipelines.cli.main import app
from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.artifacts import FEEDBACK, DatasetVersion, DeployedVersion
from pipelines.core.settings import settings
from pipelines.core.templates import find_template_files
from pipelines.monitoring.drift import drift_history
from pipelines.monitoring.drift.detect_drift import emit_drift_event, reason_to_check
from pipelines.monitoring.drift.drift_pages import read_page, read_summaries, report_url

from ...database import read_alerts
from ...models import killed
from .conftest import HOUR, Desk


def reports(desk: Desk) -> list[Any]:
    mlflow = connect_mlflow()
    experiment = mlflow.get_experiment_by_name(desk.name)
    found = mlflow.search_runs([experiment.experiment_id], output_format="list") if experiment else []
    return [run for run in found if run.data.tags.get("stage") == "detect_drift"]


def alerts() -> str:
    return "\n".join(json.dumps(row) for row in read_alerts(settings().home))


def test_without_a_change_nothing_fires_and_the_report_says_so(desk: Desk) -> None:
    for hour in range(3):
        desk.ask(hour, desk.usual)
    desk.ask(3, desk.usual, count=10)
    found = desk.look(4)
    assert (found.against, found.windows, found.rows, found.sampled) == ("requests", 2, 120, 120)
    assert found.event is None and found.fired == [] and not found.waiting
    assert {signal.kind for signal in found.signals} >= {"text", "embedding", "answers", "quality", "tabular"}
    runs = reports(desk)
    newest, oldest = read_summaries(desk.name)
    assert len(runs) == 2 and found.url == report_url(newest.id) and newest.rows == 120 and newest.firing == []
    assert "No signal shows drift" in read_page(newest.id, "signals")
    distributions = read_page(oldest.id, "distributions")
    assert "root_metric_" in distributions and "question characters" in distributions
    artifacts = {file.path for file in desk.home.client.list_artifacts(runs[0].info.run_id, "drift")}
    assert artifacts == {"drift/signals.html", "drift/distributions.html"}
    assert runs[0].data.metrics["drift.rows"] == 120 and "drift.text.topics.psi" in runs[0].data.metrics
    assert desk.look(4) == found and len(reports(desk)) == 2, "what was measured is not measured again"


def test_people_ask_something_else_and_a_retraining_starts_once(desk: Desk) -> None:
    desk.ask(0, desk.usual)
    desk.ask(1, desk.other)
    assert desk.look(2).event is None, "one window is no proof"
    desk.ask(2, desk.other)
    found = desk.look(3)
    assert found.event and found.event.reason.startswith("requests changed: ") and found.event.config == {}
    assert {"unlike known questions", "unseen words", "centre of questions"} <= set(found.event.signals)
    assert found.event.link == found.url and "/drift/reports/" in found.url
    assert desk.look(3).event == found.event, "it is proposed until it is sent"
    emit_drift_event(found)
    emit_drift_event(found)
    told = next(alert for alert in map(json.loads, alerts().splitlines()) if "is retrained" in alert["text"])
    assert alerts().count("is retrained") == 1 and found.event.reason in told["text"] and told["link"] == found.url
    assert desk.look(3).event is None


def test_after_an_event_the_cooldown_holds(desk: Desk) -> None:
    desk.ask(0, desk.usual)
    for hour in (1, 2, 3):
        desk.ask(hour, desk.other)
    found = desk.look(3)
    assert found.event
    drift_history.save_sent_event(found.event, at=desk.began + 3 * HOUR)
    later = desk.look(4)
    assert (
        later.fired
        and later.event is None
        and later.waiting.startswith("no retraining starts before the cooldown ends at ")
    )
    trained = desk.champion.model_copy(update={"trained": desk.began + 20 * HOUR})
    assert desk.look(30, champion=trained).event is None, "the training that it led to ended later"
    again = desk.look(30)
    assert again.event and again.event != found.event


def test_answers_that_get_worse_suggest_a_longer_training(desk: Desk) -> None:
    ids = desk.ask(0, desk.usual)
    desk.judge(ids[:40], "up", 0)
    for hour in (1, 2):
        ids = desk.ask(hour, desk.usual, status=lambda dice: "timeout" if dice.random() < 0.3 else "ok")
        desk.judge(ids[:40], "down", hour)
    found = desk.look(3)
    assert found.event and found.event.reason.startswith("answers got worse: ")
    assert found.fired == ["failed", "thumbs down"]
    assert found.event.config == {"train.epochs": desk.plan.train.epochs + 1}


def test_a_training_that_is_too_old_is_repeated_once_in_a_while(desk: Desk) -> None:
    old = desk.champion.model_copy(update={"trained": desk.began - 40 * 24 * HOUR})
    found = desk.look(1, champion=old)
    assert found.event and found.event.reason == "the last training was 40 days ago"
    drift_history.save_sent_event(found.event, at=desk.began + HOUR)
    assert desk.look(48, champion=old).event is None
    assert desk.look(31 * 24, champion=old).event


def test_rows_that_come_in_are_held_to_the_dataset(desk: Desk) -> None:
    assert [signal.name for signal in desk.look(1).incoming if signal.violated] == []
    corrected = desk.collected(desk.usual + [row | {"source": FEEDBACK} for row in desk.other])
    assert desk.look(1, records=corrected).event is None, "what people correct is watched where they ask"
    mixed = desk.collected(desk.usual + desk.other)
    found = desk.look(1, records=mixed)
    assert found.event and found.event.reason.startswith(f"new rows differ from {desk.dataset.tag}: ")
    assert found.event.records == mixed.digest and "incoming unlike known questions" in found.event.signals
    drift_history.save_sent_event(found.event, at=0)
    assert desk.look(1, records=mixed).event is None
    odd = desk.collected([row | {"kind": f"{row['kind']}s"} for row in desk.usual])
    assert desk.look(1, records=odd).event is None
    assert "schema of kind" in alerts() and "other labels" in alerts()


def test_before_there_are_enough_requests_the_dataset_is_normal(desk: Desk) -> None:
    for hour in (0, 1):
        desk.ask(hour, desk.usual, count=70)
    found = desk.look(1)
    assert (found.against, found.windows, found.fired) == ("dataset", 1, [])
    assert {signal.kind for signal in found.signals} == {"text", "embedding", "tabular"}
    desk.ask(2, desk.usual, count=70)
    assert desk.look(3).against == "requests"


def test_a_small_window_says_nothing_and_neither_does_an_empty_home(desk: Desk) -> None:
    desk.ask(0, desk.usual)
    desk.ask(1, desk.other, count=59)
    found = desk.look(2)
    assert (found.windows, found.signals, found.until) == (0, [], "")
    nobody = DatasetVersion(name=desk.name, version=0, uri="", digest="", rows={})
    found = desk.look(2, champion=DeployedVersion(name=desk.name), dataset=nobody)
    assert found.version == 0 and found.waiting == "no version is deployed yet"


def test_a_check_is_due_when_a_window_with_requests_is_over(desk: Desk) -> None:
    def due(now: float = 0) -> str:
        return reason_to_check(desk.name, desk.plan.drift, desk.plan.serving.timeout, now)

    assert due() == "the first check of the day"
    desk.look(2)
    later = desk.began + 3 * HOUR + 200
    assert due(later) == ""
    desk.ask(2, desk.usual, count=3)
    assert due(later).startswith("requests since ")
    desk.look(3)
    assert due(later) == ""


def test_a_template_that_is_edited_after_the_plan_changes_nothing(desk: Desk) -> None:
    plan = desk.plan
    for hour, rows in enumerate((desk.usual, desk.other, desk.other)):
        desk.ask(hour, rows)
    file = find_template_files()[desk.name]
    text = yaml.safe_load(file.read_text())
    text["drift"] |= {"hours": 2, "min_rows": 100_000, "cooldown_hours": 1_000, "violations": 3}
    file.write_text(yaml.safe_dump(text))
    found = desk.look(3, plan=plan)
    assert found.windows == 2 and found.event and found.event.reason.startswith("requests changed: ")
    assert desk.plan.digest() == plan.digest(), "a changed drift policy is no reason to train again"
    assert desk.look(3).windows == 0, "the next run has the new policy"


def test_a_look_that_is_killed_is_gone_on_with(desk: Desk) -> None:
    desk.ask(0, desk.usual)
    for hour in (1, 2):
        desk.ask(hour, desk.other)
    step = 1
    while killed(lambda: desk.look(3), step):
        step += 1
    assert step >= 5
    found = desk.look(3)
    assert found.event and found.windows == 2 and len(reports(desk)) == 2


@pytest.mark.parametrize("asked", [0, 1])
def test_the_verb_shows_how_things_stand(asked: int, desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    app(["drift", desk.name, "--json"], standalone_mode=False)
    told = json.loads(capsys.readouterr().out)
    assert told["version"] == 0 and told["measured"] == told["events"] == []
    app(["drift", desk.name], standalone_mode=False)
    assert "No version" in capsys.readouterr().out
