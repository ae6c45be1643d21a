"""The metrics as MLflow scorers, so that traces of live traffic are scored like held-out answers."""

from typing import Any

from pipelines.evaluation import error_analysis, metrics


def make_scorers() -> list[Any]:
    """Scorers for `mlflow.genai.evaluate` and for traces; outputs are answers, inputs have instruction and input."""
    from mlflow.entities import Feedback
    from mlflow.genai import scorer

    @scorer(name="answer_metrics")
    def answer_metrics(outputs: str, expectations: dict[str, Any]) -> list[Feedback]:
        """Every metric that applies, from expectations as MLflow names them: expected_response, expected_facts."""
        facts = dict(enumerate(expectations.get("expected_facts", [])))
        scores = metrics.score_answer({"output": expectations["expected_response"], "facts": facts}, outputs)
        return [Feedback(name=name, value=value) for name, value in scores.items() if value is not None]

    @scorer(name="text_statistics")
    def text_statistics(inputs: dict[str, Any], outputs: str) -> list[Feedback]:
        """Statistics of an answer that need no true answer, which live traffic does not have."""
        answer_words = error_analysis.split_words(outputs)
        question_words = error_analysis.split_words(f"{inputs['instruction']} {inputs.get('input', '')}")
        return [
            Feedback(name="repetition", value=error_analysis.repetition_share(answer_words)),
            Feedback(name="echo", value=error_analysis.overlap_share(answer_words, question_words)),
            Feedback(name="refused", value=error_analysis.REFUSAL.search(outputs) is not None),
            Feedback(name="words", value=len(answer_words)),
        ]

    return [answer_metrics, text_statistics]


def to_evaluation_records(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """An arm's scored answers in the form of `mlflow.genai.evaluate`."""
    return [
        {
            "inputs": {"instruction": row["instruction"], "input": row["input"]},
            "outputs": row["answer"],
            "expectations": {"expected_response": row["truth"], "expected_facts": list(row["expected_facts"].values())},
        }
        for row in answers
    ]
