"""The fine_tune stage: an adapter learns the dataset's answers, and survives being killed."""

import json
import logging
import resource
import shutil
from pathlib import Path
from typing import Any

from pipelines import signing
from pipelines.artifacts import Adapter, DatasetVersion, read_noun
from pipelines.errors import WeaverError
from pipelines.files import digest, once, only_one, read_jsonl, write_text
from pipelines.plan import TrainingPlan
from pipelines.settings import settings
from pipelines.tracking import tracking
from pipelines.training.base import base_digest, describe, prepare

log = logging.getLogger(__name__)


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
    fingerprint = digest(
        [dataset.digest, base_digest(base), plan.digest("template", "system_prompt", "base", "train")]
    )[:16]
    folder = work / "fine_tune" / fingerprint
    checkpoints = settings().home / "checkpoints" / fingerprint

    def build(new: Path) -> None:
        with only_one(checkpoints.with_suffix(".lock"), f"training {fingerprint}"):
            run_id = train(base, dataset, plan, checkpoints, new / "adapter")
        signing.sign(new / "adapter")
        Adapter(
            uri=str(folder / "adapter"),
            digest=digest(new / "adapter"),
            base_model=plan.base.model,
            base_digest=base_digest(base),
            run_id=run_id,
        ).save(new / "adapter.json")

    once(folder, build)
    shutil.rmtree(checkpoints, ignore_errors=True)
    adapter = Adapter.model_validate(read_noun(folder / "adapter.json", made_by="weaver fine-tune"))
    if occasion:
        tracking().MlflowClient().set_tag(adapter.run_id, "started_because", occasion)
    return adapter


def train(base: Path, dataset: DatasetVersion, plan: TrainingPlan, checkpoints: Path, adapter: Path) -> str:
    """Write the trained adapter into the folder `adapter`; returns the id of its MLflow run."""
    from pipelines.training.journal import journal
    from pipelines.training.trainer import make_trainer

    splits = {split: read_jsonl(Path(dataset.uri) / f"{split}.jsonl") for split in ("train", "heldout")}
    for split, rows in splits.items():
        if not rows:
            raise WeaverError(f"{dataset.tag} has no {split} rows", "Change refine.heldout_share.")
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


def resume(trainer: Any, checkpoint: str | None) -> None:
    """Train on from a checkpoint, or from the start without one.

    The trainer asks whether it is done only after a step: from the last checkpoint it would train one too many.
    """
    from transformers import TrainerState

    if checkpoint:
        state = TrainerState.load_from_json(str(Path(checkpoint) / "trainer_state.json"))
        if state.global_step >= state.max_steps:
            trainer.state = state
            trainer.model.load_adapter(checkpoint, trainer.model.active_adapter)
            return
    trainer.train(resume_from_checkpoint=checkpoint)


def save(model: Any, plan: TrainingPlan, folder: Path) -> None:
    """Write adapter_model.safetensors and adapter_config.json, with nothing of this machine in them."""
    model.save_pretrained(folder)
    (folder / "README.md").unlink()  # names the base by its path here
    config = folder / "adapter_config.json"
    values = json.loads(config.read_text())
    values |= {"base_model_name_or_path": plan.base.model, "target_modules": sorted(values["target_modules"])}
    write_text(config, json.dumps(values, indent=2, sort_keys=True) + "\n")


def last_whole(checkpoints: Path) -> str | None:
    """The newest checkpoint whose bytes are those that were sealed when it was complete."""
    for folder in sorted(checkpoints.glob("checkpoint-*/"), key=lambda p: int(p.name.split("-")[1]), reverse=True):
        seal = folder.with_suffix(".sha256")
        if seal.exists() and seal.read_text() == digest(folder):
            log.info("resuming from %s", folder.name)
            return str(folder)
        log.warning("%s was not written to its end; trying the one before", folder.name)
    return None


def peak_rss_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
