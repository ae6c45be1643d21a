"""What the registry knows of a version, as far as serving needs it."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.files import read_jsonl
from pipelines.core.plan import TrainingPlan


class Registered(NamedTuple):
    plan: TrainingPlan  # that it was trained and evaluated by
    score: float | None  # on the held-out questions, by the metric of its gate
    golden: list[dict[str, Any]]  # questions that were answered at its evaluation; empty where none were kept


def registered(name: str, version: int) -> Registered:
    """
    Raises:
        Unavailable: MLflow does not answer.
    """
    mlflow = connect_mlflow()
    client = mlflow.MlflowClient()
    found = client.get_model_version(name, str(version))
    score = found.tags.get(f"{found.tags.get('metric')}.challenger")
    logged = {file.path for file in client.list_artifacts(found.run_id, "evaluation")}
    with TemporaryDirectory() as folder:
        plan = mlflow.artifacts.download_artifacts(f"models:/{name}/{version}/plan.json", dst_path=folder)
        golden = []
        if "evaluation/golden.jsonl" in logged:
            golden = read_jsonl(Path(client.download_artifacts(found.run_id, "evaluation/golden.jsonl", folder)))
        return Registered(
            TrainingPlan.model_validate(json.loads(Path(plan).read_text())), float(score) if score else None, golden
        )
