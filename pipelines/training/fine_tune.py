"""The fine_tune stage: trains a LoRA adapter on a dataset, and resumes after a kill."""

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
from pipelines.kits.field_questions import digest_asked_fields
from pipelines.training.base_model import base_digest, measure_model_size, prepare_base
from pipelines.training.checkpoints import (
    find_last_checkpoint,
    memoize_training,
    peak_rss_mib,
    resume_training,
    save_adapter,
)
from pipelines.training.estimate import training_kind
from pipelines.training.fit_machine import fit_machine
from pipelines.training.gpu_settings import GpuSettings
from pipelines.training.heldout_rows import HELDOUT_ROWS, take_evenly

# They change no adapter. What fit_machine chooses does, and is part of the fingerprint.
UNRELATED = (
    "pipelines.training.estimate",
    "pipelines.training.fit_machine",
    "pipelines.training.gpu_settings",
    "pipelines.training.mlflow_callback",
)
CODE = SourceCode(__name__, without=UNRELATED)
log = logging.getLogger(__name__)

FORECAST_DAYS = 30  # an older estimate was of another machine's state


def fine_tune(
    dataset: DatasetVersion, plan: TrainingPlan, work: Path, report: DataReport | None = None, trigger_reason: str = ""
) -> Adapter:
    """Train a LoRA adapter on the quantised base, with the loss on answers only; signed, and logged to one MLflow run.

    The same dataset and plan give the same bytes on the same machine, even if training was killed on the way: it
    resumes from its last complete checkpoint, in the same MLflow run. On a GPU the same up to rounding.

    Args:
        report: how the dataset was made; logged to the run, without effect on training.
        trigger_reason: why the training was started; a tag of the run, without effect on training.

    Raises:
        WeaverError: the base model cannot be prepared, or a row has more tokens than train.max_length.
        Unavailable: MLflow does not answer; run again when it does.
    """
    base, gpu = prepare_base(plan.base), fit_machine(dataset, plan)
    inputs = [
        dataset.digest,
        base_digest(base),
        digest_asked_fields(plan.data.source),
        plan.digest("template", "system_prompt", "base", "train"),
        *([gpu.choice()] if gpu else []),
    ]
    adapter = memoize_training(
        "fine_tune",
        inputs,
        CODE,
        base,
        plan,
        work,
        lambda checkpoints, adapter: run_training(base, dataset, plan, checkpoints, adapter, report, gpu),
    )
    if trigger_reason:
        connect_mlflow().MlflowClient().set_tag(adapter.run_id, "trigger_reason", trigger_reason)
    return adapter


def run_training(
    base: Path,
    dataset: DatasetVersion,
    plan: TrainingPlan,
    checkpoints: Path,
    adapter: Path,
    report: DataReport | None,
    gpu: GpuSettings | None,
) -> str:
    """Write the trained adapter into the folder `adapter`; return the id of its MLflow run."""
    from pipelines.training.mlflow_callback import open_training_run
    from pipelines.training.sft_trainer import make_sft_trainer

    began = time.monotonic()
    splits = read_splits(dataset)
    with open_training_run(dataset, splits, plan, checkpoints / "run_id", report=report) as callback:
        if gpu:
            callback.mlflow.log_params({f"gpu.{name}": value for name, value in gpu.choice().items()})
        trainer = make_sft_trainer(base, splits, plan, checkpoints, callback, gpu=gpu)
        metrics = measure_model_size(trainer.model)
        trained = time.monotonic()
        resume_training(trainer, find_last_checkpoint(checkpoints))
        trained = time.monotonic() - trained
        if callback.lost:
            raise callback.lost
        metrics |= {"heldout_loss": trainer.heldout_loss(HELDOUT_ROWS), "peak_rss_mib": peak_rss_mib()}
        metrics |= record_training_cost(trainer, plan, callback.run_id, time.monotonic() - began - trained, gpu)
        callback.log_summary(trainer.state.log_history, metrics)
        save_adapter(trainer.model, plan, adapter)
    return callback.run_id


def record_training_cost(
    trainer: Any, plan: TrainingPlan, run_id: str, overhead_seconds: float, gpu: GpuSettings | None
) -> dict[str, float]:
    """Store how long the training took, for the next estimate. If costs cannot be stored, training succeeds anyway.

    Args:
        trainer: the transformers Trainer, after training.
        overhead_seconds: before the first and after the last step; steps before a kill are in the trainer's history.

    Returns:
        Metrics: training_seconds, and estimate_error (a share of the actual time) if there was an estimate.
    """
    tokens, step_seconds = sum_steps(trainer.state.log_history)
    try:
        since = time.time() - FORECAST_DAYS * 86_400
        forecasts = read_rows(TrainingForecast, since, plan=plan.digest(), template=plan.template)
        training = TrainingTiming(
            template=plan.template,
            kind=training_kind(plan, gpu),
            mlflow_run=run_id,
            plan=plan.digest(),
            tokens=tokens,
            heldout_tokens=sum(map(len, take_evenly(list(trainer.eval_dataset["input_ids"]), HELDOUT_ROWS))),
            step_seconds=step_seconds,
            seconds=step_seconds + overhead_seconds,
            peak_rss_mib=peak_rss_mib(),
            forecast_seconds=forecasts[-1].seconds if forecasts else 0.0,
        )
        save_row(training)
    except WeaverError as error:
        log.warning("The training time could not be stored: %s", error)
        return {"training_seconds": step_seconds + overhead_seconds}
    estimate_error = {} if training.error is None else {"estimate_error": training.error}
    return {"training_seconds": training.seconds} | estimate_error


def sum_steps(history: list[dict[str, Any]]) -> tuple[int, float]:
    """Return the tokens and the seconds of all optimiser steps in a trainer's log history."""
    steps = [entry for entry in history if "tokens_per_second" in entry]
    seen = [0, *(entry["num_input_tokens_seen"] for entry in steps)]
    seconds = sum((seen[i + 1] - seen[i]) / entry["tokens_per_second"] for i, entry in enumerate(steps))
    return seen[-1], seconds


def read_splits(dataset: DatasetVersion) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the splits train and heldout, by split.

    Raises:
        WeaverError: a split is empty.
    """
    splits = {split: read_jsonl(Path(dataset.uri) / f"{split}.jsonl") for split in ("train", "heldout")}
    for split, rows in splits.items():
        if not rows:
            raise WeaverError(f"{dataset.tag} has no {split} rows.", "Change refine.heldout_share.")
    return splits
