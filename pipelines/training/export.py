"""The export stage: what was trained becomes what will be served."""

from pathlib import Path

from pipelines.artifacts import Adapter, Export
from pipelines.plan import TrainingPlan


def export(adapter: Adapter, plan: TrainingPlan, work: Path) -> Export:
    """Merge the adapter into the base as it was quantised for training, as a safetensors folder."""
