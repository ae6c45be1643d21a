"""A registered model version, as far as serving needs it from MLflow."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.files import read_jsonl
from pipelines.core.plan import TrainingPlan


class RegisteredVersion(NamedTuple):
    """What MLflow has of a version."""

    plan: TrainingPlan  # that it was trained and evaluated by
    score: float | None  # on the held-out questions, by the metric of its gate
    min_confidence: float  # below which an answer of the model's own is not sent; 0: all are
    golden: list[dict[str, Any]]  # golden questions with the answers of its evaluation; empty where none were logged


def read_registered_version(name: str, version: int) -> RegisteredVersion:
    """Read a version's plan, score, threshold and golden questions from MLflow.

    Raises:
        Unavailable: MLflow does not answer.
    """
    mlflow = connect_mlflow()
    client = mlflow.MlflowClient()
    model_version = client.get_model_version(name, str(version))
    score = model_version.tags.get(f"{model_version.tags.get('metric')}.challenger")
    paths = {file.path for file in client.list_artifacts(model_version.run_id, "evaluation")}
    with TemporaryDirectory() as folder:
        plan = mlflow.artifacts.download_artifacts(f"models:/{name}/{version}/plan.json", dst_path=folder)
        golden, min_confidence = [], 0.0
        if "evaluation/golden.jsonl" in paths:
            file = client.download_artifacts(model_version.run_id, "evaluation/golden.jsonl", folder)
            golden = read_jsonl(Path(file))
        if "evaluation/risk_coverage.json" in paths:
            file = client.download_artifacts(model_version.run_id, "evaluation/risk_coverage.json", folder)
            min_confidence = json.loads(Path(file).read_text()).get("min_confidence", 0.0)
        return RegisteredVersion(
            TrainingPlan.model_validate(json.loads(Path(plan).read_text())),
            float(score) if score else None,
            min_confidence,
            golden,
        )
