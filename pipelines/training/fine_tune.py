"""The fine_tune stage: an adapter learns the dataset's answers, and survives being killed."""

from pathlib import Path
from typing import Any

from pipelines.artifacts import Adapter, DatasetVersion
from pipelines.errors import WeaverError
from pipelines.files import read_jsonl
from pipelines.plan import TrainingPlan
from pipelines.tracking import tracking
from pipelines.training.adapters import last_whole, once_trained, peak_rss_mib, resume, save
from pipelines.training.base import base_digest, describe, prepare


def fine_tune(dataset: DatasetVersion, plan: TrainingPlan, work: Path, occasion: str = "") -> Adapter:
    """Train a LoRA adapter over the quantised base, on the answers alone; signed, and logged to one MLflow run.

    The same dataset and plan give the same bytes on the same machine, also when training was killed on the way: it
    goes on from its last whole checkpoint, in the same MLflow run.

    Args:
        occasion: why it is trained now, for the run's tags; it changes nothing else.

    Raises:
        WeaverError: the base is not to be had, or a row does not fit train.max_length.
        Unavailable: MLflow does not answer; run again when it does.
    """
    base = prepare(plan.base)
    known = [dataset.digest, base_digest(base), plan.digest("template", "system_prompt", "base", "train")]
    adapter = once_trained(
        "fine_tune",
        known,
        base,
        plan,
        work,
        lambda checkpoints, adapter: train(base, dataset, plan, checkpoints, adapter),
    )
    if occasion:
        tracking().MlflowClient().set_tag(adapter.run_id, "started_because", occasion)
    return adapter


def train(base: Path, dataset: DatasetVersion, plan: TrainingPlan, checkpoints: Path, adapter: Path) -> str:
    """Write the trained adapter into the folder `adapter`; returns the id of its MLflow run."""
    from pipelines.training.journal import journal
    from pipelines.training.trainer import make_trainer

    splits = splits_of(dataset)
    with journal(dataset, splits, plan, checkpoints / "run_id") as diary:
        trainer = make_trainer(base, splits, plan, checkpoints, diary)
        figures = describe(trainer.model)
        resume(trainer, last_whole(checkpoints))
        if diary.lost:
            raise diary.lost
        figures |= {"heldout_loss": trainer.heldout_loss(), "peak_rss_mib": peak_rss_mib()}
        diary.close(trainer.state.log_history, figures)
        save(trainer.model, plan, adapter)
    return diary.run_id


def splits_of(dataset: DatasetVersion) -> dict[str, list[dict[str, Any]]]:
    """The rows of train and heldout.

    Raises:
        WeaverError: one of them has none.
    """
    splits = {split: read_jsonl(Path(dataset.uri) / f"{split}.jsonl") for split in ("train", "heldout")}
    for split, rows in splits.items():
        if not rows:
            raise WeaverError(f"{dataset.tag} has no {split} rows", "Change refine.heldout_share.")
    return splits
