"""The sections on training: the base model, fine-tuning, and training on preferences."""

from typing import Literal

from pydantic import Field

from pipelines.core.plan.section import Section


class Base(Section):
    """The base model that adapters are trained over, and how its weights are loaded."""

    model: str = Field("smollm2-135m", description="smollm2-135m (comes with the product), a folder, or a hub id")
    quantisation: Literal["nf4", "none"] = Field("nf4", description="nf4: 4 bits per weight (QLoRA); none: LoRA")
    double_quantisation: bool = Field(True, description="also quantise the constants of the quantisation")
    compute_dtype: Literal["float32", "bfloat16"] = Field("float32", description="number format of the calculations")


class Train(Section):
    """Supervised fine-tuning of a LoRA adapter on the dataset's answers."""

    learning_rate: float = Field(1e-3, gt=0, le=0.1, description="highest learning rate of the schedule")
    epochs: float = Field(1, gt=0, description="passes over the training rows")
    max_steps: int = Field(-1, ge=-1, description="optimiser steps after which training stops; -1: after the epochs")
    batch_size: int = Field(8, ge=1, description="examples per forward pass")
    gradient_accumulation: int = Field(1, ge=1, description="forward passes per optimiser step")
    lora_rank: int = Field(16, ge=1, title="LoRA rank", description="rank of the adapter's matrices")
    lora_alpha: int = Field(32, ge=1, title="LoRA alpha", description="scale of the adapter: alpha divided by rank")
    lora_dropout: float = Field(
        0.0, ge=0, lt=1, title="LoRA dropout", description="share of the adapter's inputs that is dropped in training"
    )
    lora_modules: list[str] = Field(
        default=["q_proj", "k_proj", "v_proj", "o_proj"],
        title="LoRA modules",
        description="layers of the base that get an adapter",
    )
    optimizer: Literal["adamw_torch", "adamw_8bit", "paged_adamw_8bit"] = Field(
        "adamw_torch", description="optimiser; those with 8bit need less memory on a GPU"
    )
    scheduler: Literal["cosine", "linear", "constant"] = Field(
        "cosine", description="how the learning rate falls after the warm-up"
    )
    warmup_share: float = Field(
        0.03, ge=0, lt=1, title="Warm-up share", description="share of the steps in which the learning rate rises"
    )
    bf16: bool = Field(
        False,
        title="BF16",
        description="mixed precision: products of matrices in bfloat16, the adapter in float32; faster on processors "
        "with bfloat16 instructions",
    )
    gradient_checkpointing: bool = Field(False, description="compute activations again: less memory, more time")
    fit_gpu: bool = Field(
        True,
        title="Fit to GPU",
        description="on a GPU, find the fastest micro-batch, checkpointing, attention and optimiser by short trials; "
        "the rows per optimiser step stay batch size times accumulation; off: as given here",
    )
    memory_gib: float = Field(
        0.0,
        ge=0,
        title="GPU memory, GiB",
        description="GPU memory that training may take; 0: nine tenths of the card's",
    )
    max_length: int = Field(256, ge=16, description="tokens per example; a longer row is an error")
    checkpoint_steps: int = Field(
        10, ge=1, description="steps between two checkpoints; an interrupted training loses at most so many"
    )
    seed: int = Field(17, description="seed of the random numbers; the same seed gives the same adapter")


class Judge(Section):
    """Whether answers of the champion are judged, to get preference pairs for the next training (RLAIF)."""

    questions: int = Field(
        0, ge=0, description="questions per run, half of them of the request log; 0: none are judged"
    )
    answers: int = Field(3, ge=2, description="answers sampled per question; each is compared with the next")
    temperature: float = Field(0.9, gt=0, le=2, description="sampling temperature; low values give equal answers")
    days: float = Field(30, gt=0, description="age in days of the oldest questions that are taken of the request log")
    rubric: str = Field(description="what makes an answer the better one; part of the judge's prompt")
    min_kappa: float = Field(
        0.4,
        ge=-1,
        le=1,
        title="Min Cohen's kappa",
        description="agreement with known pairs (Cohen's kappa) below which only facts decide, not the judge model",
    )


class Preference(Section):
    """Whether the adapter is trained further on preference pairs (DPO); people or the judge preferred one answer."""

    enabled: bool = Field(False, description="train on preferences after fine-tuning")
    min_pairs: int = Field(50, ge=2, description="pairs that are needed; with fewer, this training is left out")
    beta: float = Field(0.1, gt=0, description="DPO's beta: a higher value keeps closer to the fine-tuned adapter")
    learning_rate: float = Field(5e-5, gt=0, le=1e-2, description="a high value undoes what fine-tuning has taught")
    epochs: float = Field(1, gt=0, description="passes over the pairs")
    batch_size: int = Field(4, ge=1, description="pairs per forward pass")
    max_length: int = Field(384, ge=16, description="tokens of a question and the longer of its two answers")
