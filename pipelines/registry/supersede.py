"""A candidate whose approval a newer run has closed: nobody has decided on it."""

from typing import Any

from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.artifacts import Candidate


def tag_superseded(candidate: dict[str, Any], run_id: str) -> None:
    """Tag the registered version with the run that took its place; `decision` stays unset, so it can be asked again.

    Raises:
        Unavailable: MLflow does not answer.
    """
    version = Candidate.model_validate(candidate)
    connect_mlflow().MlflowClient().set_model_version_tag(
        version.name, str(version.version), "superseded_by", f"run {run_id}"
    )
