"""Questions that move away from the knowledge base are seen: a person is told, and nothing is trained for it."""

import json

from pipelines.core.artifacts import Signal
from pipelines.core.settings import settings
from pipelines.kits.automotive.knowledge import code_guide, fuel_economy
from pipelines.knowledge.index import build_index, switch_index
from pipelines.monitoring.drift import drift_history
from pipelines.monitoring.drift.conclusion import conclude_drift
from pipelines.monitoring.drift.drift_history import IncomingRows, Measurement
from pipelines.monitoring.drift.index_coverage import FAR, NEAREST
from pipelines.monitoring.drift.request_features import TrainingQuestions, compare_requests, measure_requests

from ...database import read_alerts
from .conftest import HOUR, Desk

ELSEWHERE = (
    "Can I return the sofa that I bought last week?",
    "How long do I boil an egg?",
    "Who won the cup final yesterday?",
    "Write me a poem about autumn leaves.",
    "Book a table for two at eight tonight.",
)


def test_only_questions_about_something_else_are_far_from_the_index(desk: Desk) -> None:
    passages = [*code_guide.passages(), *fuel_economy.passages()]
    switch_index(desk.name, build_index(desk.name, passages).version)
    for hour in (0, 1):
        desk.ask(hour, desk.usual)
    near = desk.look(2)
    names = {signal.name for signal in near.signals if signal.kind == "knowledge"}
    assert names >= {NEAREST, FAR} and near.fired == []
    for hour in (2, 3):
        desk.ask(hour, [{"instruction": question, "input": "", "output": "No."} for question in ELSEWHERE])
    report = desk.look(4)
    assert {NEAREST, FAR} <= set(report.fired)
    (told,) = [row["text"] for row in read_alerts(settings().home) if row["key"] == f"{desk.name}.knowledge_drift"]
    assert "questions move away from what its knowledge base holds" in told
    assert f"weaver knowledge unanswered {desk.name}" in json.dumps(told)
    assert "knowledge" not in report.event.reason if report.event else True


def test_what_is_not_known_starts_no_training(desk: Desk) -> None:
    far = Signal(
        name=FAR,
        kind="knowledge",
        statistic="share",
        value=0.4,
        threshold=0.1,
        p_value=0.0,
        reference=200,
        current=200,
        violated=True,
        note="more",
    )
    hours = [
        Measurement(since=desk.began + n * HOUR, until=desk.began + (n + 1) * HOUR, rows=200, signals=[far])
        for n in range(3)
    ]
    report = conclude_drift(desk.champion, desk.plan, hours, IncomingRows(), desk.began + 3 * HOUR)
    assert report.fired == [FAR] and report.event is None
    topics = far.model_copy(update={"name": "topics", "kind": "text"})
    hours = [hour.model_copy(update={"signals": [far, topics]}) for hour in hours]
    event = conclude_drift(desk.champion, desk.plan, hours, IncomingRows(), desk.began + 3 * HOUR).event
    assert event and event.reason == "requests changed: topics (more)"


def test_without_an_index_nothing_is_compared_with_one(desk: Desk) -> None:
    rows = [{"question": "What does P0420 mean?", "topic": "code_meaning"}] * 40
    features = measure_requests(rows, TrainingQuestions.from_rows(rows))
    assert not [s for s in compare_requests(features, features, desk.plan.drift) if s.kind == "knowledge"]
    assert drift_history.read_measurements(desk.champion, 1) == []
