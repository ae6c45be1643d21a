"""What a training leaves in MLflow: one run, however often the training had to start again."""

import logging
import time
from pathlib import Path
from typing import Any

import psutil
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments  # noqa: TID253 (see trainer)

from pipelines import progress
from pipelines.artifacts import DatasetVersion
from pipelines.errors import Unavailable
from pipelines.files import write_text
from pipelines.plan import TrainingPlan
from pipelines.tracking import git_commit, tracking

log = logging.getLogger(__name__)

METRICS = {"loss": "loss", "learning_rate": "learning_rate", "grad_norm": "grad_norm"}


class Journal(TrainerCallback):
    """Logs a training to its MLflow run; `memory` is the file that remembers which run that is."""

    def __init__(self, dataset: DatasetVersion, plan: TrainingPlan, base_digest: str, memory: Path) -> None:
        self.mlflow = tracking()
        self.client = self.mlflow.MlflowClient()
        self.plan = plan
        self.lost: Exception | None = None
        self.process = psutil.Process()
        self.run_id = self.found(memory) or self.started(dataset, memory)
