"""The fine_tune stage: an adapter learns the dataset's answers, and survives being killed."""

import json
import logging
import resource
import shutil
import time
from pathlib import Path
from typing import Any

from pipelines import signing
from pipelines.artifacts import Adapter, DatasetVersion, read_noun
from pipelines.costs.ledger import Forecast, Training, keep, read
from pipelines.errors import WeaverError
from pipelines.files import digest, once, only_one, read_jsonl, write_text
from pipelines.plan import TrainingPlan
from pipelines.settings import settings
from pipelines.training.base import base_digest, describe, prepare
from pipelines.training.estimate import kind

log = logging.getLogger(__name__)

FORECAST_DAYS = 30  # an older estimate was of another machine's state


def fine_tune(dataset: DatasetVersion, plan: TrainingPlan, work: Path) -> Adapter:
    """Train a LoRA adapter over the quantised base, on the answers alone; signed, and logged to one MLflow run.

    The same dataset and plan give the same bytes on the same machine, also when training was killed on the way: it
    goes on from its last whole checkpoint, in the same MLflow run.

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
    return Adapter.model_validate(read_noun(folder / "adapter.json", made_by="weaver fine-tune"))


def train(base: Path, dataset: DatasetVersion, plan: TrainingPlan, checkpoints: Path, adapter: Path) -> str:
    """Write the trained adapter into the folder `adapter`; returns the id of its MLflow run."""
    from pipelines.training.journal import journal
    from pipelines.training.trainer import make_trainer

    began = time.monotonic()
    splits = {split: read_jsonl(Path(dataset.uri) / f"{split}.jsonl") for split in ("train", "heldout")}
    for split, rows in splits.items():
        if not rows:
            raise WeaverError(f"{dataset.tag} has no {split} rows", "Change refine.heldout_share.")
    with journal(dataset, splits, plan, checkpoints / "run_id") as diary:
        trainer = make_trainer(base, splits, plan, checkpoints, diary)
        figures = describe(trainer.model)
        trained = time.monotonic()
        resume(trainer, last_whole(checkpoints))
        trained = time.monotonic() - trained
        if diary.lost:
            raise diary.lost
        figures |= {"heldout_loss": trainer.heldout_loss(), "peak_rss_mib": peak_rss_mib()}
        figures |= took(trainer, plan, diary.run_id, time.monotonic() - began - trained)
        diary.close(trainer.state.log_history, figures)
        save(trainer.model, plan, adapter)
    return diary.run_id


def took(trainer: Any, plan: TrainingPlan, run_id: str, around: float) -> dict[str, float]:
    """Keep how long the training took, for the next estimate; returns that, and how far the last one was off, if there
    was one. A ledger of costs that cannot be written stops no training.

    Args:
        around: seconds before and after the steps; those of the steps themselves also before the training was killed.
    """
    tokens, steps = step_seconds(trainer.state.log_history)
    try:
        since = time.time() - FORECAST_DAYS * 86_400
        forecasts = read(Forecast, since, plan=plan.digest(), template=plan.template)
        training = Training(
            template=plan.template,
            kind=kind(plan),
            mlflow_run=run_id,
            plan=plan.digest(),
            tokens=tokens,
            heldout_tokens=sum(map(len, trainer.eval_dataset["input_ids"])),
            step_seconds=steps,
            seconds=steps + around,
            peak_rss_mib=peak_rss_mib(),
            forecast_seconds=forecasts[-1].seconds if forecasts else 0.0,
        )
        keep(training)
    except WeaverError as error:
        log.warning("how long the training took is not kept: %s", error)
        return {"training_seconds": steps + around}
    off = {} if training.error is None else {"estimate_error": training.error}
    return {"training_seconds": training.seconds} | off


def step_seconds(history: list[dict[str, Any]]) -> tuple[int, float]:
    """The tokens and the seconds of all optimiser steps in a trainer's history."""
    steps = [entry for entry in history if "tokens_per_second" in entry]
    seen = [0, *(entry["num_input_tokens_seen"] for entry in steps)]
    seconds = sum((seen[i + 1] - seen[i]) / entry["tokens_per_second"] for i, entry in enumerate(steps))
    return seen[-1], seconds


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
