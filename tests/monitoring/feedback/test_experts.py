"""What experts score in MLflow's review queue is feedback too: on a real server, through the real review stage."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.clients.mlflow import connect_mlflow
from pipelines.clients.mlflow_reviews import CORRECTION, SCORE
from pipelines.core.artifacts import Candidate
from pipelines.core.files import read_jsonl, write_jsonl
from pipelines.monitoring.feedback.ratings import Rating, read_ratings

from ...models import Home, evaluated

ASKED = "Which wheels are driven?"
RECORD = "2020 Zonda Arrow | drive all-wheel | gears 6"


def answer(number: int, said: str) -> dict[str, Any]:
    asked = {"instruction": ASKED, "input": RECORD.replace("6", str(number)), "topic": "drivetrain"}
    return asked | {"answer": said, "truth": "Its drive is all-wheel.", "kind": "grounded", "group": str(number)}


@pytest.fixture
def queue(models: Home) -> Iterator[str]:
    """A review queue in which three answers of a challenger wait."""
    run_id = models.adapter(1).run_id
    answers = [answer(4, "Its drive is rear-wheel."), answer(5, "Its drive is all-wheel."), answer(6, "All of them.")]
    write_jsonl(models.folder / "evaluation" / "answers.jsonl", answers)
    artifacts = {"register": Candidate(name=models.name, version=7, run_id=run_id)}
    artifacts["evaluate"] = evaluated(uri=str(models.folder / "evaluation"))
    models.plan = models.plan.model_copy(update={"review": models.plan.review.model_copy(update={"questions": 3})})
    review = models.run("request_review", artifacts)
    assert review.questions == 3
    yield review.queue


def test_an_experts_score_comment_and_correction_are_ratings(models: Home, queue: str) -> None:
    from mlflow.entities import AssessmentSource
    from mlflow.genai import review_queues

    mlflow = connect_mlflow()
    expert, model = AssessmentSource("HUMAN", "eva"), AssessmentSource("LLM_JUDGE", "judge")
    assert read_ratings(models.name) == [], "an answer that waits is not rated"
    for item in review_queues.list_review_queue_items(queue):
        said = mlflow.get_trace(item.item_id).data.spans[0].outputs["choices"][0]["message"]["content"]
        mlflow.log_feedback(trace_id=item.item_id, name=SCORE, value=5, source=model)
        if said == "Its drive is rear-wheel.":
            mlflow.log_feedback(trace_id=item.item_id, name=SCORE, value=4, source=expert)
            mlflow.log_feedback(trace_id=item.item_id, name=SCORE, value=1, rationale="wrong", source=expert)
            truth = "Its drive is all-wheel."
            mlflow.log_expectation(trace_id=item.item_id, name=CORRECTION, value=truth, source=expert)
        elif said == "Its drive is all-wheel.":
            mlflow.log_feedback(trace_id=item.item_id, name=SCORE, value=5, source=expert)
        else:
            mlflow.log_feedback(trace_id=item.item_id, name=SCORE, value=3, source=expert)
    found: dict[str, Rating] = {one.answer: one for one in read_ratings(models.name)}
    assert {(one.source, one.key, one.version) for one in found.values()} == {("review", "eva", 7)} and len(found) == 3
    bad = found["Its drive is rear-wheel."]
    assert (bad.verdict, bad.score, bad.comment, bad.correction) == ("down", 1, "wrong", "Its drive is all-wheel.")
    assert (bad.instruction, bad.input) == (ASKED, RECORD.replace("6", "4"))
    assert found["Its drive is all-wheel."].verdict == "up" and found["All of them."].verdict == ""
    made = models.run("collect_feedback", {})
    (row,) = read_jsonl(Path(made.uri) / "rows.jsonl")
    assert row["output"] == "Its drive is all-wheel." and row["facts"] == {"drive": "all-wheel"}
    (pair,) = read_jsonl(Path(made.uri) / "preferences.jsonl")
    assert (pair["source"], pair["rejected"]) == ("correction", "Its drive is rear-wheel.")
