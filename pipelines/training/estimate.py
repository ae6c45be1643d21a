"""What a training will take, before it is started: from earlier trainings of the same kind on this machine.

Where there was none, what would take minutes is measured first, by a few real steps; what is shorter is not worth that,
and is forecast from what `make bench B="estimate --write"` measured, scaled by the size of the base and the processors.
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

BENCHMARK = Path(__file__).with_suffix(".json")  # what `make bench B="estimate --write"` measured
CALIBRATE_FROM_SECONDS = 600.0  # seconds; what is forecast to be shorter is not calibrated first
CALIBRATION_STEPS = 5  # of a calibration; the first warms up, and does not count
BENCHMARK_SPREAD = 4.0  # assumed, not measured: by so much processors differ from the bench's, a core
FORWARD_SHARE = 1 / 3  # of the work of a training step, a token: a third of its multiplications
TOKENIZED_ROWS = 200  # rows whose tokens are counted; more are scaled up
HISTORY_RUNS = 10  # runs that are looked at, the newest
SPEED_SETTINGS = ("batch_size", "gradient_checkpointing", "optimizer", "lora_rank", "lora_modules", "max_length")
PRECEDING_STAGES = (
    "collect",
    "validate",
    "refine",
    "commit_dataset",
    "estimate_cost",
    "fine_tune",
)  # the stages that are not to come


class Workload(NamedTuple):
    """What a training does."""

    steps: int
    tokens: int  # without padding, over all epochs
    heldout_tokens: int


class TrainingSpeed(NamedTuple):
    """How fast it is done on this machine."""

    tokens_per_second: float
    fixed_seconds: float  # loading the base, saving the adapter
    memory_mib: float
    spread: float  # the interval is the forecast divided by it, and times it
    basis: str


def estimate(dataset: DatasetVersion, plan: TrainingPlan) -> Estimate:
    """Forecast the training and the stages after it.

    Raises:
        WeaverError: the base is not to be had, or a file of the dataset is missing.
    """
    work = count_workload(dataset, plan)
    speed = speed_from_history(plan) or estimate_speed(work, dataset, plan)
    seconds = compute_training_seconds(work, speed)
    stages = following_stage_seconds(plan.template) or following_stage_seconds("")
    rate, whole = plan.costs, seconds + sum(stages.values())
    energy = load_machine().energy_kwh(whole, whole * (psutil.cpu_count() or 1))
    return Estimate(
        steps=work.steps,
        tokens=work.tokens,
        training_seconds=seconds,
        low=seconds / speed.spread,
        high=seconds * speed.spread,
        basis=speed.basis if stages else f"{speed.basis}; no run has gone on from here yet: training alone",
        stages=stages,
        memory_gib=speed.memory_mib / 1024,
        cost=(whole * rate.machine_hour + seconds * rate.gpu_hour * has_gpu()) / 3600 + energy * rate.kwh,
        currency=rate.currency,
    )


def estimate_speed(work: Workload, dataset: DatasetVersion, plan: TrainingPlan) -> TrainingSpeed:
    """As scaled from the bench; if that says minutes, by a few steps here."""
    scaled = speed_from_benchmark(plan)
    if compute_training_seconds(work, scaled) < CALIBRATE_FROM_SECONDS:
        return scaled
    calibrate(dataset, plan)
    return speed_from_history(plan) or scaled


def compute_training_seconds(work: Workload, speed: TrainingSpeed) -> float:
    return speed.fixed_seconds + (work.tokens + FORWARD_SHARE * work.heldout_tokens) / speed.tokens_per_second


def count_workload(dataset: DatasetVersion, plan: TrainingPlan) -> Workload:
    """The optimiser steps and the tokens, of which those of some rows are counted, evenly from all."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(prepare_base(plan.base))
    train = plan.train
    rows = {split: read_jsonl(Path(dataset.uri) / f"{split}.jsonl") for split in ("train", "heldout")}
    tokens = {split: mean_token_count(tokenizer, some, plan) for split, some in rows.items()}
    a_step = train.batch_size * train.gradient_accumulation
    seen = train.epochs * len(rows["train"])
    steps = math.ceil(len(rows["train"]) / train.batch_size / train.gradient_accumulation) * train.epochs
    if train.max_steps > 0:
        steps = train.max_steps
        seen = steps * a_step
    return Workload(math.ceil(steps), round(seen * tokens["train"]), round(len(rows["heldout"]) * tokens["heldout"]))


def mean_token_count(tokenizer: Any, rows: list[dict[str, Any]], plan: TrainingPlan) -> float:
    some = rows[:: max(1, len(rows) // TOKENIZED_ROWS)]
    texts = [chat_format.render_with_answer(tokenizer, row, plan.system_prompt) for row in some]
    return statistics.fmean(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts or [""])


def training_kind(plan: TrainingPlan) -> str:
    """What trainings must have in common for the one to say how fast the other is."""
    settings = plan.train.model_dump(include=set(SPEED_SETTINGS))
    here = [read_processor_name(), psutil.cpu_count(), has_gpu()]
    return digest([base_digest(prepare_base(plan.base)), plan.base.model_dump(), settings, here])[:16]


def speed_from_history(plan: TrainingPlan) -> TrainingSpeed | None:
    """From trainings of the same kind; from calibrations where there is none."""
    rows = read_rows(TrainingTiming, kind=training_kind(plan))[-HISTORY_RUNS:]
    whole = [row for row in rows if row.mlflow_run]
    told = whole or rows
    if not told:
        return None
    speeds = [row.tokens / row.step_seconds for row in told]
    speed = math.exp(statistics.fmean(map(math.log, speeds)))
    fixed = [
        max(0.0, row.seconds - row.step_seconds - FORWARD_SHARE * row.heldout_tokens * row.step_seconds / row.tokens)
        for row in told
    ]
    return TrainingSpeed(
        speed,
        statistics.median(fixed),
        max(row.peak_rss_mib for row in told),
        max(prediction_spread(speeds), 1.0),
        f"{len(told)} {'trainings' if whole else 'calibrations'} of this kind here, {speed:.0f} tokens/s",
    )


def prediction_spread(speeds: list[float]) -> float:
    """Factor of the 90% prediction interval of another speed, log-normal; of fewer than three as the bench saw it."""
    if len(speeds) < 3:
        return float(read_benchmark()["spread"])
    from scipy import stats

    deviation = statistics.stdev(map(math.log, speeds)) * math.sqrt(1 + 1 / len(speeds))
    return math.exp(float(stats.t.ppf(0.95, len(speeds) - 1)) * deviation)


def speed_from_benchmark(plan: TrainingPlan) -> TrainingSpeed:
    """Scaled from the bench's base and processor. Another machine may be anything: the interval is a wide one."""
    bench_, size = read_benchmark(), count_parameters(prepare_base(plan.base)) / read_benchmark()["parameters"]
    cores = (psutil.cpu_count() or 1) / bench_["cpus"]
    return TrainingSpeed(
        bench_["tokens_per_second"] / size * cores,
        bench_["fixed_seconds"] * max(size, 0.1),
        bench_["memory_mib"] * max(size, 0.2),
        BENCHMARK_SPREAD,
        f"no training of this kind here yet: scaled from the bench's {bench_['tokens_per_second']:.0f} tokens/s of "
        f"{bench_['model']} on {bench_['cpus']:.0f} CPUs",
    )


def read_benchmark() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(BENCHMARK.read_text())
    return found


def count_parameters(base: Path) -> int:
    """Of a folder of safetensors, by their headers."""
    from safetensors import safe_open

    count = 0
    for file in sorted(base.glob("*.safetensors")):
        with safe_open(file, "numpy") as tensors:
            count += sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    return count


def calibrate(dataset: DatasetVersion, plan: TrainingPlan) -> TrainingTiming:
    """Train a few steps that are thrown away, and keep how fast they were."""
    from pipelines.training.fine_tune import peak_rss_mib
    from pipelines.training.sft_trainer import StepTimerCallback, make_sft_trainer

    began = time.monotonic()
    train = plan.train.model_copy(update={"max_steps": CALIBRATION_STEPS, "checkpoint_steps": CALIBRATION_STEPS + 1})
    rows = read_jsonl(Path(dataset.uri) / "train.jsonl")
    a_step = train.batch_size * train.gradient_accumulation
    some = rows[:: max(1, len(rows) // (CALIBRATION_STEPS * a_step))]
    watch = StepTimerCallback()
    with tempfile.TemporaryDirectory(prefix="weaver-calibration-") as folder:
        splits = {"train": some, "heldout": some[:1]}
        trainer = make_sft_trainer(
            prepare_base(plan.base), splits, plan.model_copy(update={"train": train}), Path(folder), watch
        )
        trainer.train()
    tokens, seconds = watch.after_first()
    took = TrainingTiming(
        template=plan.template,
        kind=training_kind(plan),
        plan=plan.digest(),
        tokens=tokens,
        heldout_tokens=0,
        step_seconds=seconds,
        seconds=time.monotonic() - began - watch.first_seconds,
        peak_rss_mib=peak_rss_mib(),
    )
    save_row(took)
    return took


def following_stage_seconds(template: str) -> dict[str, float]:
    """The stages after training: the median of their seconds in the template's earlier runs that trained; or, for "",
    in those of all templates."""
    trained = {row.mlflow_run for row in read_rows(TrainingTiming, template=template)[-HISTORY_RUNS:]} - {""}
    rows = [
        one for one in read_executions(template=template) if one.state == "done" and one.stage not in PRECEDING_STAGES
    ]
    found: dict[str, list[float]] = {}
    for one in rows:
        if one.mlflow_run in trained:
            found.setdefault(one.stage, []).append(one.seconds)
    return {stage: statistics.median(seconds) for stage, seconds in found.items()}
