"""MLflow's evaluation gives the same metrics as ours, and scores answers without a true answer."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.clients.mlflow import connect_mlflow
from pipelines.evaluation.metrics import score_answer
from pipelines.evaluation.scorers import make_scorers, to_evaluation_records

ASKED = {"instruction": "Which wheels are driven?", "input": "2021 Ford Mustang | drive rear-wheel"}
TRUTH = {"truth": "Its drive is rear-wheel.", "expected_facts": {"drive": "rear-wheel"}}


def test_mlflow_gives_the_same_metrics(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_GENAI_EVAL_MAX_WORKERS", "1")
    said = ["It is rear-wheel.", "I'm sorry, I cannot tell."]
    rows: list[dict[str, Any]] = [ASKED | TRUTH | {"answer": answer} for answer in said]
    mlflow = connect_mlflow()
    mlflow.set_experiment("scorers")  # the library remembers one, maybe of another test's store
    found = mlflow.genai.evaluate(data=to_evaluation_records(rows), scorers=make_scorers()).metrics
    ours = [score_answer({"output": row["truth"], "facts": row["expected_facts"]}, row["answer"]) for row in rows]
    for metric in ("facts", "token_f1", "rouge_l", "bleu", "chrf"):
        assert found[f"{metric}/mean"] == pytest.approx(sum(one[metric] or 0 for one in ours) / 2)
    assert found["refused/mean"] == 0.5


def test_live_answers_are_scored_without_a_true_answer() -> None:
    (text_statistics,) = [scorer for scorer in make_scorers() if scorer.name == "text_statistics"]
    found = {
        one.name: one.value for one in text_statistics(inputs=ASKED, outputs="2021 Ford Mustang, drive rear-wheel")
    }
    assert found == {"repetition": 0, "echo": 1, "refused": False, "words": 6}
    again = {one.name: one.value for one in text_statistics(inputs=ASKED, outputs="go on and go on and go on and")}
    assert again["repetition"] > 0.5
