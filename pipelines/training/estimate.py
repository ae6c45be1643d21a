"""Forecasts the time, memory and cost of a training from earlier trainings of the same kind on this machine.

If there are none, a GPU is measured by the trials that fit the training to it. Without a GPU a few real steps are
measured first (calibration) if the training would take ten minutes or more; a shorter one is forecast from the
measurements of `make bench B="estimate --write"`, scaled by the size of the base and the number of processors.
"""

import json
import math
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from pipelines.core.artifacts import DatasetVersion, Estimate
from pipelines.core.files import digest, read_jsonl
from pipelines.core.params import has_gpu
from pipelines.core.plan import TrainingPlan
from pipelines.costs.cost_store import TrainingTiming, read_executions, read_rows, save_row
from pipelines.costs.energy import load_machine, read_processor_name
from pipelines.text import chat_format
from pipelines.training.base_model import base_digest, prepare_base
from pipelines.training.fit_machine import fit_machine
from pipelines.training.gpu_settings import GpuSettings
from pipelines.training.heldout_rows import HELDOUT_ROWS, take_evenly

BENCHMARK = Path(__file__).with_suffix(".json")  # what `make bench B="estimate --write"` measured
CALIBRATE_FROM_SECONDS = 600.0  # shorter trainings are not calibrated
CALIBRATION_STEPS = 5  # the first warms up and does not count
BENCHMARK_SPREAD = 4.0  # assumed, not measured: the factor by which the speed of a core differs between machines
FORWARD_SHARE = 1 / 3  # evaluating a token takes a third of the multiplications of training on it
TOKENIZED_ROWS = 200  # rows whose tokens are counted; the mean stands for all
HISTORY_RUNS = 10  # the newest runs count
SPEED_SETTINGS = (
    "batch_size",
    "bf16",
    "gradient_checkpointing",
    "optimizer",
    "lora_rank",
    "lora_modules",
    "max_length",
)
PRECEDING_STAGES = (
    "collect",
    "validate",
    "refine",
    "commit_dataset",
    "estimate_cost",
    "fine_tune",
)  # the stages before and including training


class Workload(NamedTuple):
    """The amount of work of a training."""

    steps: int
    tokens: int  # without padding, over all epochs
    heldout_tokens: int


class TrainingSpeed(NamedTuple):
    """How fast this machine trains."""

    tokens_per_second: float
    fixed_seconds: float  # loading the base, saving the adapter
    memory_mib: float
    spread: float  # the interval is from the forecast divided by it to the forecast times it
    basis: str


def estimate(dataset: DatasetVersion, plan: TrainingPlan) -> Estimate:
    """Forecast the training and the stages after it.

    Raises:
        WeaverError: the base model cannot be prepared, or a file of the dataset is missing.
    """
    work = count_workload(dataset, plan)
    gpu = fit_machine(dataset, plan)
    speed = speed_from_history(plan, gpu) or (
        speed_from_trial(plan, gpu) if gpu else estimate_speed(work, dataset, plan)
    )
    seconds = compute_training_seconds(work, speed)
    stages = following_stage_seconds(plan.template) or following_stage_seconds("")
    rate, run_seconds = plan.costs, seconds + sum(stages.values())
    energy = load_machine().energy_kwh(run_seconds, run_seconds * (psutil.cpu_count() or 1))
    return Estimate(
        steps=work.steps,
        tokens=work.tokens,
        training_seconds=seconds,
        low=seconds / speed.spread,
        high=seconds * speed.spread,
        basis=speed.basis
        if stages
        else f"{speed.basis}; no earlier run went past training, so this covers training only",
        stages=stages,
        memory_gib=speed.memory_mib / 1024,
        cost=(run_seconds * rate.machine_hour + seconds * rate.gpu_hour * has_gpu()) / 3600 + energy * rate.kwh,
        currency=rate.currency,
    )


def estimate_speed(work: Workload, dataset: DatasetVersion, plan: TrainingPlan) -> TrainingSpeed:
    """The speed scaled from the benchmark; for a training of ten minutes or more, measured by a few steps instead."""
    scaled = speed_from_benchmark(plan)
    if compute_training_seconds(work, scaled) < CALIBRATE_FROM_SECONDS:
        return scaled
    calibrate(dataset, plan)
    return speed_from_history(plan) or scaled


def compute_training_seconds(work: Workload, speed: TrainingSpeed) -> float:
    """Seconds of the fine_tune stage, held-out evaluation included."""
    return speed.fixed_seconds + (work.tokens + FORWARD_SHARE * work.heldout_tokens) / speed.tokens_per_second


def count_workload(dataset: DatasetVersion, plan: TrainingPlan) -> Workload:
    """Count the optimiser steps and the tokens; the tokens are extrapolated from a sample of the rows."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(prepare_base(plan.base))
    train = plan.train
    rows = {split: read_jsonl(Path(dataset.uri) / f"{split}.jsonl") for split in ("train", "heldout")}
    tokens = {split: mean_token_count(tokenizer, split_rows, plan) for split, split_rows in rows.items()}
    step_rows = train.batch_size * train.gradient_accumulation
    rows_seen = train.epochs * len(rows["train"])
    heldout = take_evenly(rows["heldout"], HELDOUT_ROWS)
    steps = math.ceil(len(rows["train"]) / train.batch_size / train.gradient_accumulation) * train.epochs
    if train.max_steps > 0:
        steps = train.max_steps
        rows_seen = steps * step_rows
    return Workload(math.ceil(steps), round(rows_seen * tokens["train"]), round(len(heldout) * tokens["heldout"]))


def mean_token_count(tokenizer: Any, rows: list[dict[str, Any]], plan: TrainingPlan) -> float:
    """Mean number of tokens of a row with its answer, over an even sample of the rows."""
    sample = rows[:: max(1, len(rows) // TOKENIZED_ROWS)]
    texts = [chat_format.render_with_answer(tokenizer, row, plan.system_prompt) for row in sample]
    return statistics.fmean(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts or [""])


def training_kind(plan: TrainingPlan, gpu: GpuSettings | None = None) -> str:
    """Digest of what trainings must have in common for one to predict the speed of another: base, settings, machine."""
    settings = plan.train.model_dump(include=set(SPEED_SETTINGS)) | (gpu.choice() if gpu else {})
    hardware = [read_processor_name(), psutil.cpu_count(), has_gpu()]
    return digest([base_digest(prepare_base(plan.base)), plan.base.model_dump(), settings, hardware])[:16]


def speed_from_history(plan: TrainingPlan, gpu: GpuSettings | None = None) -> TrainingSpeed | None:
    """The speed of earlier trainings of the same kind; of calibrations if there are none; None without either."""
    rows = read_rows(TrainingTiming, kind=training_kind(plan, gpu))[-HISTORY_RUNS:]
    trainings = [row for row in rows if row.mlflow_run]
    measured = trainings or rows
    if not measured:
        return None
    speeds = [row.tokens / row.step_seconds for row in measured]
    speed = math.exp(statistics.fmean(map(math.log, speeds)))
    fixed = [
        max(0.0, row.seconds - row.step_seconds - FORWARD_SHARE * row.heldout_tokens * row.step_seconds / row.tokens)
        for row in measured
    ]
    return TrainingSpeed(
        speed,
        statistics.median(fixed),
        max(row.peak_rss_mib for row in measured),
        max(prediction_spread(speeds), 1.0),
        f"{len(measured)} {'trainings' if trainings else 'calibrations'} of this kind on this machine, "
        f"{speed:.0f} tokens/s" + (f"; {gpu.describe()}" if gpu else ""),
    )


def speed_from_trial(plan: TrainingPlan, gpu: GpuSettings) -> TrainingSpeed:
    """The speed that was measured when the training was fitted to the GPU; the rest is scaled from the benchmark."""
    scaled = speed_from_benchmark(plan)
    return scaled._replace(tokens_per_second=gpu.tokens_per_second, basis=f"tried on this GPU: {gpu.describe()}")


def prediction_spread(speeds: list[float]) -> float:
    """Factor of the 90% prediction interval of the next speed (log-normal); the benchmark's for fewer than three."""
    if len(speeds) < 3:
        return float(read_benchmark()["spread"])
    from scipy import stats

    deviation = statistics.stdev(map(math.log, speeds)) * math.sqrt(1 + 1 / len(speeds))
    return math.exp(float(stats.t.ppf(0.95, len(speeds) - 1)) * deviation)


def speed_from_benchmark(plan: TrainingPlan) -> TrainingSpeed:
    """The benchmark's speed, scaled by base size and processors; the interval is wide, as machines differ a lot."""
    benchmark = read_benchmark()
    size = count_parameters(prepare_base(plan.base)) / benchmark["parameters"]
    cores = (psutil.cpu_count() or 1) / benchmark["cpus"]
    return TrainingSpeed(
        benchmark["tokens_per_second"] / size * cores,
        benchmark["fixed_seconds"] * max(size, 0.1),
        benchmark["memory_mib"] * max(size, 0.2),
        BENCHMARK_SPREAD,
        "no training of this kind on this machine yet: scaled from the benchmark's "
        f"{benchmark['tokens_per_second']:.0f} tokens/s of {benchmark['model']} on {benchmark['cpus']:.0f} CPUs",
    )


def read_benchmark() -> dict[str, Any]:
    """The stored measurements of `make bench B=estimate`."""
    measurements: dict[str, Any] = json.loads(BENCHMARK.read_text())
    return measurements


def count_parameters(base: Path) -> int:
    """Number of parameters in a folder of safetensors, read from their headers."""
    from safetensors import safe_open

    count = 0
    for file in sorted(base.glob("*.safetensors")):
        with safe_open(file, "numpy") as tensors:
            count += sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    return count


def calibrate(dataset: DatasetVersion, plan: TrainingPlan) -> TrainingTiming:
    """Train a few steps, discard the result, and store how fast they were.

    Raises:
        WeaverError: the base model cannot be prepared, or the result cannot be stored.
    """
    from pipelines.training.checkpoints import peak_rss_mib
    from pipelines.training.sft_trainer import StepTimerCallback, make_sft_trainer

    began = time.monotonic()
    train = plan.train.model_copy(update={"max_steps": CALIBRATION_STEPS, "checkpoint_steps": CALIBRATION_STEPS + 1})
    rows = read_jsonl(Path(dataset.uri) / "train.jsonl")
    step_rows = train.batch_size * train.gradient_accumulation
    sample = rows[:: max(1, len(rows) // (CALIBRATION_STEPS * step_rows))]
    timer = StepTimerCallback()
    with tempfile.TemporaryDirectory(prefix="weaver-calibration-") as folder:
        splits = {"train": sample, "heldout": sample[:1]}
        trainer = make_sft_trainer(
            prepare_base(plan.base), splits, plan.model_copy(update={"train": train}), Path(folder), timer
        )
        trainer.train()
    tokens, seconds = timer.sum_after_first()
    timing = TrainingTiming(
        template=plan.template,
        kind=training_kind(plan),
        plan=plan.digest(),
        tokens=tokens,
        heldout_tokens=0,
        step_seconds=seconds,
        seconds=time.monotonic() - began - timer.first_step_seconds,
        peak_rss_mib=peak_rss_mib(),
    )
    save_row(timing)
    return timing


def following_stage_seconds(template: str) -> dict[str, float]:
    """Median seconds of each stage after training, in earlier runs of the template that trained.

    Args:
        template: an empty string stands for all templates.
    """
    trained = {row.mlflow_run for row in read_rows(TrainingTiming, template=template)[-HISTORY_RUNS:]} - {""}
    seconds: dict[str, list[float]] = {}
    for execution in read_executions(template=template):
        finished = execution.state == "done" and execution.mlflow_run in trained
        if finished and execution.stage not in PRECEDING_STAGES:
            seconds.setdefault(execution.stage, []).append(execution.seconds)
    return {stage: statistics.median(values) for stage, values in seconds.items()}
