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
from pipelines.core.plan import TrainingPlan
from pipelines.core.templates import gpu_seen, rates
from pipelines.costs.cost_store import Training, executions, keep, read
from pipelines.costs.energy import machine, processor
from pipelines.text import chat_format
from pipelines.training.base_model import base_digest, prepare

BENCH = Path(__file__).with_suffix(".json")  # what `make bench B="estimate --write"` measured
CALIBRATED = 600.0  # seconds; what is forecast to be shorter is not calibrated first
STEPS = 5  # of a calibration; the first warms up, and does not count
FAR = 4.0  # assumed, not measured: by so much processors differ from the bench's, a core
FORWARD = 1 / 3  # of the work of a training step, a token: a third of its multiplications
COUNTED = 200  # rows whose tokens are counted; more are scaled up
EARLIER = 10  # runs that are looked at, the newest
KNOWN = ("batch_size", "gradient_checkpointing", "optimizer", "lora_rank", "lora_modules", "max_length")
BEFORE = (
    "collect",
    "validate",
    "refine",
    "commit_dataset",
    "estimate_cost",
    "fine_tune",
)  # the stages that are not to come


class Work(NamedTuple):
    """What a training does."""

    steps: int
    tokens: int  # without padding, over all epochs
    heldout_tokens: int


class Speed(NamedTuple):
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
    work = work_of(dataset, plan)
    speed = known(plan) or measured(work, dataset, plan)
    seconds = seconds_of(work, speed)
    stages = following(plan.template) or following("")
    rate, whole = rates(), seconds + sum(stages.values())
    energy = machine().energy(whole, whole * (psutil.cpu_count() or 1))
    return Estimate(
        steps=work.steps,
        tokens=work.tokens,
        training_seconds=seconds,
        low=seconds / speed.spread,
        high=seconds * speed.spread,
        basis=speed.basis if stages else f"{speed.basis}; no run has gone on from here yet: training alone",
        stages=stages,
        memory_gib=speed.memory_mib / 1024,
        cost=(whole * rate.machine_hour + seconds * rate.gpu_hour * gpu_seen()) / 3600 + energy * rate.kwh,
        currency=rate.currency,
    )


def measured(work: Work, dataset: DatasetVersion, plan: TrainingPlan) -> Speed:
    """As scaled from the bench; if that says minutes, by a few steps here."""
    scaled = benched(plan)
    if seconds_of(work, scaled) < CALIBRATED:
        return scaled
    calibrate(dataset, plan)
    return known(plan) or scaled


def seconds_of(work: Work, speed: Speed) -> float:
    return speed.fixed_seconds + (work.tokens + FORWARD * work.heldout_tokens) / speed.tokens_per_second


def work_of(dataset: DatasetVersion, plan: TrainingPlan) -> Work:
    """The optimiser steps and the tokens, of which those of some rows are counted, evenly from all."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(prepare(plan.base))
    train = plan.train
    rows = {split: read_jsonl(Path(dataset.uri) / f"{split}.jsonl") for split in ("train", "heldout")}
    tokens = {split: mean_tokens(tokenizer, some, plan) for split, some in rows.items()}
    a_step = train.batch_size * train.gradient_accumulation
    seen = train.epochs * len(rows["train"])
    steps = math.ceil(len(rows["train"]) / train.batch_size / train.gradient_accumulation) * train.epochs
    if train.max_steps > 0:
        steps = train.max_steps
        seen = steps * a_step
    return Work(math.ceil(steps), round(seen * tokens["train"]), round(len(rows["heldout"]) * tokens["heldout"]))


def mean_tokens(tokenizer: Any, rows: list[dict[str, Any]], plan: TrainingPlan) -> float:
    some = rows[:: max(1, len(rows) // COUNTED)]
    texts = [chat_format.render_with_answer(tokenizer, row, plan.system_prompt) for row in some]
    return statistics.fmean(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts or [""])


def kind(plan: TrainingPlan) -> str:
    """What trainings must have in common for the one to say how fast the other is."""
    settings = plan.train.model_dump(include=set(KNOWN))
    here = [processor(), psutil.cpu_count(), gpu_seen()]
    return digest([base_digest(prepare(plan.base)), plan.base.model_dump(), settings, here])[:16]


def known(plan: TrainingPlan) -> Speed | None:
    """From trainings of the same kind; from calibrations where there is none."""
    rows = read(Training, kind=kind(plan))[-EARLIER:]
    whole = [row for row in rows if row.mlflow_run]
    told = whole or rows
    if not told:
        return None
    speeds = [row.tokens / row.step_seconds for row in told]
    speed = math.exp(statistics.fmean(map(math.log, speeds)))
    fixed = [
        max(0.0, row.seconds - row.step_seconds - FORWARD * row.heldout_tokens * row.step_seconds / row.tokens)
        for row in told
    ]
    return Speed(
        speed,
        statistics.median(fixed),
        max(row.peak_rss_mib for row in told),
        max(spread(speeds), 1.0),
        f"{len(told)} {'trainings' if whole else 'calibrations'} of this kind here, {speed:.0f} tokens/s",
    )


def spread(speeds: list[float]) -> float:
    """Factor of the 90% prediction interval of another speed, log-normal; of fewer than three as the bench saw it."""
    if len(speeds) < 3:
        return float(bench()["spread"])
    from scipy import stats

    deviation = statistics.stdev(map(math.log, speeds)) * math.sqrt(1 + 1 / len(speeds))
    return math.exp(float(stats.t.ppf(0.95, len(speeds) - 1)) * deviation)


def benched(plan: TrainingPlan) -> Speed:
    """Scaled from the bench's base and processor. Another machine may be anything: the interval is a wide one."""
    bench_, size = bench(), parameters(prepare(plan.base)) / bench()["parameters"]
    cores = (psutil.cpu_count() or 1) / bench_["cpus"]
    return Speed(
        bench_["tokens_per_second"] / size * cores,
        bench_["fixed_seconds"] * max(size, 0.1),
        bench_["memory_mib"] * max(size, 0.2),
        FAR,
        f"no training of this kind here yet: scaled from the bench's {bench_['tokens_per_second']:.0f} tokens/s of "
        f"{bench_['model']} on {bench_['cpus']:.0f} CPUs",
    )


def bench() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(BENCH.read_text())
    return found


def parameters(base: Path) -> int:
    """Of a folder of safetensors, by their headers."""
    from safetensors import safe_open

    count = 0
    for file in sorted(base.glob("*.safetensors")):
        with safe_open(file, "numpy") as tensors:
            count += sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    return count


def calibrate(dataset: DatasetVersion, plan: TrainingPlan) -> Training:
    """Train a few steps that are thrown away, and keep how fast they were."""
    from pipelines.training.fine_tune import peak_rss_mib
    from pipelines.training.sft_trainer import Stopwatch, make_trainer

    began = time.monotonic()
    train = plan.train.model_copy(update={"max_steps": STEPS, "checkpoint_steps": STEPS + 1})
    rows = read_jsonl(Path(dataset.uri) / "train.jsonl")
    a_step = train.batch_size * train.gradient_accumulation
    some = rows[:: max(1, len(rows) // (STEPS * a_step))]
    watch = Stopwatch()
    with tempfile.TemporaryDirectory(prefix="weaver-calibration-") as folder:
        splits = {"train": some, "heldout": some[:1]}
        trainer = make_trainer(
            prepare(plan.base), splits, plan.model_copy(update={"train": train}), Path(folder), watch
        )
        trainer.train()
    tokens, seconds = watch.after_first()
    took = Training(
        template=plan.template,
        kind=kind(plan),
        plan=plan.digest(),
        tokens=tokens,
        heldout_tokens=0,
        step_seconds=seconds,
        seconds=time.monotonic() - began - watch.first_seconds,
        peak_rss_mib=peak_rss_mib(),
    )
    keep(took)
    return took


def following(template: str) -> dict[str, float]:
    """The stages after training: the median of their seconds in the template's earlier runs that trained; or, for "",
    in those of all templates."""
    trained = {row.mlflow_run for row in read(Training, template=template)[-EARLIER:]} - {""}
    rows = [one for one in executions(template=template) if one.state == "done" and one.stage not in BEFORE]
    found: dict[str, list[float]] = {}
    for one in rows:
        if one.mlflow_run in trained:
            found.setdefault(one.stage, []).append(one.seconds)
    return {stage: statistics.median(seconds) for stage, seconds in found.items()}
