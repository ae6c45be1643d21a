"""The fine_tune stage: an adapter learns the dataset's answers, and survives being killed."""

import logging
import time
from pathlib import Path
from typing import Any

from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.artifacts import Adapter, DataReport, DatasetVersion
from pipelines.core.errors import WeaverError
from pipelines.core.files import read_jsonl
from pipelines.core.fingerprint import SourceCode
from pipelines.core.plan import TrainingPlan
from pipelines.costs.cost_store import TrainingForecast, TrainingTiming, read_rows, save_row
from pipelines.training.base_model import base_digest, measure_model_size, prepare_base
from pipelines.training.checkpoints import (
    find_last_checkpoint,
    memoize_training,
    peak_rss_mib,
    resume_training,
    save_adapter,
)
from pipelines.training.estimate import training_kind

UNRELATED = ("pipelines.training.estimate", "pipelines.training.mlflow_callback")  # they change no adapter
CODE = SourceCode(__name__, without=UNRELATED)
log = logging.getLogger(__name__)

FORECAST_DAYS = 30  # an older estimate was of another machine's state


def fine_tune(
    dataset: DatasetVersion, plan: TrainingPlan, work: Path, report: DataReport | None = None, trigger_reason: str = ""
) -> Adapter:
    """Train a LoRA adapter over the quantised base, on the answers alone; signed, and logged to one MLflow run.

    The same dataset and plan give the same bytes on the same machine, also when training was killed on the way: it
    goes on from its last whole checkpoint, in the same MLflow run.

    Args:
        report: how the dataset came about; logged to the run beside the figures. It changes nothing else.
        trigger_reason: why it is trained now, for the run's tags; it changes nothing else.

    Raises:
        WeaverError: the base is not to be had, or a row does not fit train.max_length.
        Unavailable: MLflow does not answer; run again when it does.
    """
    base = prepare_base(plan.base)
    known = [dataset.digest, base_digest(base), plan.digest("template", "system_prompt", "base", "train")]
    adapter = memoize_training(
        "fine_tune",
        known,
        CODE,
        base,
        plan,
        work,
        lambda checkpoints, adapter: run_training(base, dataset, plan, checkpoints, adapter, report),
    )
    if trigger_reason:
        connect_mlflow().MlflowClient().set_tag(adapter.run_id, "started_because", trigger_reason)
    return adapter


def run_training(
    base: Path, dataset: DatasetVersion, plan: TrainingPlan, checkpoints: Path, adapter: Path, report: DataReport | None
) -> str:
    """Write the trained adapter into the folder `adapter`; returns the id of its MLflow run."""
    from pipelines.training.mlflow_callback import open_training_run
    from pipelines.training.sft_trainer import make_sft_trainer

    began = time.monotonic()
    splits = read_splits(dataset)
    with open_training_run(dataset, splits, plan, checkpoints / "run_id", report=report) as diary:
        trainer = make_sft_trainer(base, splits, plan, checkpoints, diary)
        figures = measure_model_size(trainer.model)
        trained = time.monotonic()
        resume_training(trainer, find_last_checkpoint(checkpoints))
        trained = time.monotonic() - trained
        if diary.lost:
            raise diary.lost
        figures |= {"heldout_loss": trainer.heldout_loss(), "peak_rss_mib": peak_rss_mib()}
        figures |= record_training_cost(trainer, plan, diary.run_id, time.monotonic() - began - trained)
        diary.close(trainer.state.log_history, figures)
        save_adapter(trainer.model, plan, adapter)
    return diary.run_id


def record_training_cost(trainer: Any, plan: TrainingPlan, run_id: str, around: float) -> dict[str, float]:
    """Keep how long the training took, for the next estimate; returns that, and how far the last one was off, if there
    was one. A ledger of costs that cannot be written stops no training.

    Args:
        around: seconds before and after the steps; those of the steps themselves also before the training was killed.
    """
    tokens, steps = sum_steps(trainer.state.log_history)
    try:
        since = time.time() - FORECAST_DAYS * 86_400
        forecasts = read_rows(TrainingForecast, since, plan=plan.digest(), template=plan.template)
        training = TrainingTiming(
            template=plan.template,
            kind=training_kind(plan),
            mlflow_run=run_id,
            plan=plan.digest(),
            tokens=tokens,
            heldout_tokens=sum(map(len, trainer.eval_dataset["input_ids"])),
            step_seconds=steps,
            seconds=steps + around,
            peak_rss_mib=peak_rss_mib(),
            forecast_seconds=forecasts[-1].seconds if forecasts else 0.0,
        )
        save_row(training)
    except WeaverError as error:
        log.warning("how long the training took is not kept: %s", error)
        return {"training_seconds": steps + around}
    off = {} if training.error is None else {"estimate_error": training.error}
    return {"training_seconds": training.seconds} | off


def sum_steps(history: list[dict[str, Any]]) -> tuple[int, float]:
    """The tokens and the seconds of all optimiser steps in a trainer's history."""
    steps = [entry for entry in history if "tokens_per_second" in entry]
    seen = [0, *(entry["num_input_tokens_seen"] for entry in steps)]
    seconds = sum((seen[i + 1] - seen[i]) / entry["tokens_per_second"] for i, entry in enumerate(steps))
    return seen[-1], seconds


def read_splits(dataset: DatasetVersion) -> dict[str, list[dict[str, Any]]]:
    """The rows of train and heldout.

    Raises:
        WeaverError: one of them has none.
    """
    splits = {split: read_jsonl(Path(dataset.uri) / f"{split}.jsonl") for split in ("train", "heldout")}
    for split, rows in splits.items():
        if not rows:
            raise WeaverError(f"{dataset.tag} has no {split} rows", "Change refine.heldout_share.")
    return splits
