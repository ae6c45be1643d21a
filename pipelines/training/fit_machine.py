"""Fits a training to this machine's GPU by measuring: short trials, once for a base, rank, row length and card, kept.

What is chosen changes speed and memory. What is trained stays the same but for rounding: an optimiser step has as many
rows as the plan says, however few of them are in one forward pass.
"""

import gc
import logging
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipelines.core.artifacts import DatasetVersion
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, read_jsonl, write_text
from pipelines.core.params import has_gpu
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings
from pipelines.training.base_model import base_digest, prepare_base
from pipelines.training.gpu_settings import GpuSettings, choose, gpu_memory_limit, limit_gpu_memory

log = logging.getLogger(__name__)

TRIAL_SHARE = 0.95  # of a training's memory that a trial may take: the rest is for fragmentation
LENGTH_STEP = 64  # tokens; the longest row is rounded up to a multiple of it
TIMED_STEPS = 3
SAMPLE_STEPS = 8  # optimiser steps' rows that the typical ones are taken from
LIBRARIES = ("torch", "transformers", "peft", "trl", "bitsandbytes")


def fit_machine(dataset: DatasetVersion, plan: TrainingPlan) -> GpuSettings | None:
    """The fastest settings for this training on this machine's GPU; None without a GPU, or if train.fit_gpu is off.

    The first call for a base, rank, length of the longest row, and card tries some for a minute and keeps the result in
    `fits` of WEAVER_HOME. Later calls read it, so that a training that is resumed goes on with the same settings.

    Raises:
        WeaverError: nothing fits into train.memory_gib, or the base or a row cannot be trained on.
    """
    if not (plan.train.fit_gpu and has_gpu()):
        return None
    import torch

    base, rows = prepare_base(plan.base), read_jsonl(Path(dataset.uri) / "train.jsonl")
    length = longest_row(base, rows + read_jsonl(Path(dataset.uri) / "heldout.jsonl"), plan)
    key = {
        "base": base_digest(base),
        "settings": plan.base.model_dump(exclude={"model"}),
        "rank": plan.train.lora_rank,
        "modules": plan.train.lora_modules,
        "dropout": plan.train.lora_dropout > 0,
        "rows": plan.train.batch_size * plan.train.gradient_accumulation,
        "length": length,
        "memory": plan.train.memory_gib,
        "card": torch.cuda.get_device_name(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }
    kept = settings().home / "fits" / f"{digest(key)[:16]}.json"
    if kept.exists():
        return GpuSettings.model_validate_json(kept.read_text())
    log.info("%s: trying how this training runs fastest on %s; this happens once", plan.template, key["card"])
    best = find_settings(base, rows, plan, length)
    write_text(kept, best.model_dump_json())
    log.info("%s: %s", plan.template, best.describe())
    return best


def longest_row(base: Path, rows: list[dict[str, Any]], plan: TrainingPlan) -> int:
    """Tokens of the longest row as it is trained on, rounded up to a multiple of LENGTH_STEP."""
    from transformers import AutoTokenizer

    from pipelines.text import chat_format
    from pipelines.training.sft_trainer import show_rows

    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    texts = [chat_format.render_with_answer(tokenizer, row, plan.system_prompt) for row in show_rows(rows, plan)]
    longest = max(map(len, tokenizer(texts, add_special_tokens=False)["input_ids"]), default=1)
    return -(-longest // LENGTH_STEP) * LENGTH_STEP


def find_settings(base: Path, rows: list[dict[str, Any]], plan: TrainingPlan, length: int) -> GpuSettings:
    """Try settings on the GPU, or on the CPU if there is none, and return the fastest that fits into the memory.

    Args:
        base: the folder of the base model.
        rows: of the dataset; a sample of them is trained on, and the result discarded.
        length: tokens of the longest row.

    Raises:
        WeaverError: nothing fits.
    """
    step_rows = plan.train.batch_size * plan.train.gradient_accumulation
    sample = rows[:: max(1, len(rows) // (SAMPLE_STEPS * step_rows))]
    with tempfile.TemporaryDirectory(prefix="weaver-fit-") as folder:
        trials = Trials(base, sample, plan, length, Path(folder))
        try:
            best = choose(step_rows, trials.measure, plan.base.quantisation == "nf4")
        finally:
            trials.close()
    if best is None:
        raise WeaverError(
            f"Training does not fit into {gpu_memory_limit(plan):.1f} GiB of GPU memory, not even one row at a time: "
            f"{trials.error}",
            "Raise train.memory_gib, shorten the longest rows, or choose a smaller base.model.",
        )
    return best


class Trials:
    """Trains a few steps with each of some settings, on a model that is loaded once per form of its weights."""

    def __init__(self, base: Path, rows: list[dict[str, Any]], plan: TrainingPlan, length: int, folder: Path) -> None:
        self.base, self.rows, self.plan, self.length, self.folder = base, rows, plan, length, folder
        self.trainer: Any = None
        self.dequantised: bool | None = None
        self.too_large: set[bool] = set()  # forms of the weights that do not fit by themselves
        self.error = ""

    def measure(self, candidate: GpuSettings) -> GpuSettings | None:
        """The candidate with its speed and memory; None if it runs out of memory or has no kernel on this machine."""
        if candidate.dequantised in self.too_large:
            return None
        try:
            if self.dequantised != candidate.dequantised:
                self.too_large.add(candidate.dequantised)
                self.load(candidate)
                self.too_large.remove(candidate.dequantised)
            measured = run_trial(self.trainer, candidate, self.length)
        except RuntimeError as error:  # torch.OutOfMemoryError is one
            self.error = " ".join(str(error).split())[:200]
        else:
            log.info("%s", measured.describe())
            return measured
        log.info("does not fit: %s: %s", candidate.choice(), self.error)
        if self.trainer:
            self.trainer.model.zero_grad()
        free_gpu_memory()  # here, as the error has held on to tensors
        return None

    def load(self, candidate: GpuSettings) -> None:
        """Make the trainer whose model has the weights in the candidate's form."""
        from transformers import TrainerCallback

        from pipelines.training.sft_trainer import make_sft_trainer

        self.close()
        splits = {"train": self.rows, "heldout": self.rows[:1]}
        self.trainer = make_sft_trainer(self.base, splits, self.plan, self.folder, TrainerCallback(), gpu=candidate)
        limit_gpu_memory(self.plan, TRIAL_SHARE)
        self.trainer.model.train()
        self.dequantised = candidate.dequantised

    def close(self) -> None:
        """Free the model."""
        self.trainer = self.dequantised = None
        free_gpu_memory()
        limit_gpu_memory(None)


def free_gpu_memory() -> None:
    """Return what nothing refers to any more."""
    import torch

    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()


def run_trial(trainer: Any, candidate: GpuSettings, length: int) -> GpuSettings:
    """Train a step on the longest rows, then some on typical ones; the learning rate is 0, so that no weight changes.

    Raises:
        RuntimeError: the memory does not suffice, or a kernel is missing.
    """
    import torch

    cuda = torch.cuda.is_available()
    model, base = trainer.model, trainer.model.get_base_model()
    base.set_attn_implementation(candidate.attention)
    trainer.data_collator.padding_free = candidate.attention == "varlen"
    if candidate.checkpoint_every:
        base.activation_checkpointing_enable(every_n_layers=candidate.checkpoint_every)
    else:
        base.activation_checkpointing_disable()
    optimizer = make_optimizer(model, candidate.optimizer)
    rows = sorted(trainer.train_dataset, key=lambda row: len(row["input_ids"]))
    step_rows = candidate.micro_batch * candidate.accumulation
    typical = [rows[len(rows) * number // step_rows] for number in range(step_rows)]  # of all lengths
    ids = (rows[-1]["input_ids"] * length)[:length]
    longest = [{"input_ids": ids, "labels": ids}] * candidate.micro_batch
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    seconds = []
    for step in (longest, *[typical] * (1 + TIMED_STEPS)):  # the first typical one warms up
        began = time.perf_counter()
        for first in range(0, len(step), candidate.micro_batch):
            batch = trainer._prepare_inputs(trainer.data_collator(step[first : first + candidate.micro_batch]))
            with trainer.accelerator.autocast():
                loss = trainer.compute_loss(model, batch, num_items_in_batch=len(step) * length)
            loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if cuda:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    tokens = sum(len(row["input_ids"]) for row in typical)
    return candidate.model_copy(
        update={
            "tokens_per_second": tokens / statistics.median(seconds[2:]),
            "memory_gib": torch.cuda.max_memory_allocated() / 2**30 if cuda else 0.0,
        }
    )


def make_optimizer(model: Any, name: str) -> Any:
    """The optimiser of that name (as transformers.TrainingArguments.optim has it), with a learning rate of 0."""
    import torch

    weights = [weight for weight in model.parameters() if weight.requires_grad]
    if name == "paged_adamw_8bit":
        from bitsandbytes.optim.adamw import PagedAdamW8bit

        paged: Any = PagedAdamW8bit
        return paged(weights, lr=0.0)
    return torch.optim.AdamW(weights, lr=0.0, fused=True)
