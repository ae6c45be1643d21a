"""How a training uses a GPU: the settings that change its speed and memory, and which of them is chosen."""

from collections.abc import Callable, Iterator
from typing import Any, Literal

from pipelines.core.plan import Section, TrainingPlan

MEMORY_SHARE = 0.9  # of the card's memory that a training may take where train.memory_gib sets no limit
# Optimiser, and which layers are computed again (every second, every one; 0: none): from fast to small.
LADDER = (("adamw_torch_fused", 0), ("adamw_torch_fused", 2), ("adamw_torch_fused", 1), ("paged_adamw_8bit", 1))


class GpuSettings(Section):
    """How a training uses a GPU, and what a trial measured of it."""

    micro_batch: int  # rows per forward pass
    accumulation: int  # forward passes per optimiser step
    checkpoint_every: int  # of so many layers one is computed again in the backward pass; 0: none
    attention: Literal["varlen", "sdpa"]  # varlen: rows one behind the other, without padding
    dequantised: bool  # the base's NF4 weights are expanded to the compute dtype once
    optimizer: str
    tokens_per_second: float = 0.0  # without padding
    memory_gib: float = 0.0  # peak GPU memory with the longest rows

    def choice(self) -> dict[str, Any]:
        """What is set, without what was measured: part of a training's fingerprint."""
        return self.model_dump(exclude={"tokens_per_second", "memory_gib"})

    def describe(self) -> str:
        """One line for people."""
        layers = {0: "no layer computed again", 1: "every layer computed again", 2: "every second layer computed again"}
        return (
            f"{self.micro_batch} rows at a time, {self.accumulation * self.micro_batch} per step, "
            f"{layers[self.checkpoint_every]}, "
            f"{'no padding' if self.attention == 'varlen' else 'padded'}, "
            f"{'weights dequantised once' if self.dequantised else 'weights as loaded'}, {self.optimizer}: "
            f"{self.tokens_per_second:.0f} tokens/s, {self.memory_gib:.1f} GiB of GPU memory"
        )


Measure = Callable[[GpuSettings], GpuSettings | None]


def choose(step_rows: int, measure: Measure, quantised: bool) -> GpuSettings | None:
    """The fastest of the settings that fit; None if none does.

    Larger micro-batches come first, each with as few layers computed again as fit. A smaller one is tried only while
    layers have to be computed again, and while it is not slower.

    Args:
        step_rows: rows per optimiser step; all settings keep to it.
        measure: runs a trial; None if it does not fit.
        quantised: whether dequantising the base is an option.
    """
    for attention in ("varlen", "sdpa"):  # without its kernel, on old cards, varlen never fits
        best: GpuSettings | None = None
        for dequantised in (False, True) if quantised else (False,):
            last = 0.0
            for micro_batch in (rows for rows in range(step_rows, 0, -1) if step_rows % rows == 0):
                candidates = make_candidates(micro_batch, step_rows, attention, dequantised)
                fit = next(filter(None, map(measure, candidates)), None)
                if fit is None and best:  # smaller than what fits in NF4
                    break
                if fit is None:
                    continue
                if best is None or fit.tokens_per_second > best.tokens_per_second:
                    best = fit
                if fit.checkpoint_every == 0 or fit.tokens_per_second < last:
                    break
                last = fit.tokens_per_second
        if best:
            return best
    return None


def make_candidates(micro_batch: int, step_rows: int, attention: Any, dequantised: bool) -> Iterator[GpuSettings]:
    """Settings with a micro-batch, the one that needs the most memory first."""
    for optimizer, checkpoint_every in LADDER:
        yield GpuSettings(
            micro_batch=micro_batch,
            accumulation=step_rows // micro_batch,
            checkpoint_every=checkpoint_every,
            attention=attention,
            dequantised=dequantised,
            optimizer=optimizer,
        )


def gpu_memory_limit(plan: TrainingPlan) -> float:
    """GiB of GPU memory that a training may take."""
    import torch

    if plan.train.memory_gib or not torch.cuda.is_available():
        return plan.train.memory_gib
    return MEMORY_SHARE * float(torch.cuda.get_device_properties(0).total_memory) / 2**30


def limit_gpu_memory(plan: TrainingPlan | None, share: float = 1.0) -> None:
    """Make PyTorch raise an out-of-memory error where this process would take more than a share of the limit.

    Args:
        plan: its limit holds; None lifts it: while a base is loaded, its weights are there before they are quantised.
    """
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(0).total_memory / 2**30
        fraction = share * gpu_memory_limit(plan) / total if plan else 1.0
        torch.cuda.set_per_process_memory_fraction(min(1.0, fraction))
