"""The metrics as MLflow's scorers: what judges held-out answers judges traces of live traffic in the same way."""

from typing import Any

from pipelines.evaluation import error_analysis, metrics


def make_scorers() -> list[Any]:
    """Scorers for `mlflow.genai.evaluate` and for traces; outputs are answers, inputs have instruction and input."""
    from mlflow.entities import Feedback
    from mlflow.genai import scorer

    @scorer(name="marks")
    def marks(outputs: str, expectations: dict[str, Any]) -> list[Feedback]:
        """Every metric that has a say, by expectations as MLflow names them: expected_response, expected_facts."""
        facts = dict(enumerate(expectations.get("expected_facts", [])))
        found = metrics.score_answer({"output": expectations["expected_response"], "facts": facts}, outputs)
        return [Feedback(name=name, value=value) for name, value in found.items() if value is not None]

    @scorer(name="form")
    def form(inputs: dict[str, Any], outputs: str) -> list[Feedback]:
        """What an answer shows without its truth: live traffic has none."""
        said = error_analysis.split_words(outputs)
        asked = error_analysis.split_words(f"{inputs['instruction']} {inputs.get('input', '')}")
        return [
            Feedback(name="repetition", value=error_analysis.repetition_share(said)),
            Feedback(name="echo", value=error_analysis.overlap_share(said, asked)),
            Feedback(name="refused", value=error_analysis.REFUSAL.search(outputs) is not None),
            Feedback(name="words", value=len(said)),
        ]

    return [marks, form]


def to_evaluation_records(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """An arm's marked answers as `mlflow.genai.evaluate` takes them."""
    return [
        {
            "inputs": {"instruction": row["instruction"], "input": row["input"]},
            "outputs": row["answer"],
            "expectations": {"expected_response": row["truth"], "expected_facts": list(row["expected"].values())},
        }
        for row in answers
    ]
