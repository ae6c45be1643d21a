"""The sections on training: the base model, and what it is to learn from."""

from typing import Literal

from pydantic import Field

from pipelines.core.plan.section import Section


class Base(Section):
    model: str = Field("smollm2-135m", description="smollm2-135m (packaged), a local folder, or a hub id")
    quantisation: Literal["nf4", "none"] = "nf4"
    double_quantisation: bool = True
    compute_dtype: Literal["float32", "bfloat16"] = "float32"


class Train(Section):
    learning_rate: float = Field(1e-3, gt=0, le=0.1)
    epochs: float = Field(1, gt=0)
    max_steps: int = Field(-1, ge=-1, description="stop after this many optimiser steps; -1 trains the epochs")
    batch_size: int = Field(8, ge=1, description="examples a forward pass")
    gradient_accumulation: int = Field(1, ge=1, description="forward passes an optimiser step")
    lora_rank: int = Field(16, ge=1)
    lora_alpha: int = Field(32, ge=1)
    lora_dropout: float = Field(0.0, ge=0, lt=1)
    lora_modules: list[str] = Field(default=["q_proj", "k_proj", "v_proj", "o_proj"])
    optimizer: Literal["adamw_torch", "adamw_8bit", "paged_adamw_8bit"] = "adamw_torch"
    scheduler: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_share: float = Field(0.03, ge=0, lt=1)
    gradient_checkpointing: bool = False
    max_length: int = Field(256, ge=16, description="tokens an example")
    checkpoint_steps: int = Field(10, ge=1, description="a killed training loses at most this many steps")
    seed: int = 17


class Judge(Section):
    """Whether the champion's own answers are judged, for pairs to train its successor on (Auto-RLAIF)."""

    questions: int = Field(0, ge=0, description="questions a run, half of them of the request log; 0 judges nothing")
    answers: int = Field(3, ge=2, description="answers sampled to a question; each is held against the next")
    temperature: float = Field(0.9, gt=0, le=2, description="of the answers: at 0 they would all be the same")
    days: float = Field(30, gt=0, description="how far back the request log's questions are taken")
    rubric: str = Field(description="what makes an answer the better one; said to the judge's model")
    min_kappa: float = Field(
        0.4, ge=-1, le=1, description="Cohen's kappa on known pairs from which the model's word counts, not facts alone"
    )


class Preference(Section):
    """Whether the adapter goes on learning from pairs of answers, of which people or the judge preferred one (DPO)."""

    enabled: bool = False
    min_pairs: int = Field(50, ge=2, description="fewer pairs than this teach nothing, and are left for another night")
    beta: float = Field(0.1, gt=0, description="how dearly it is to stray from the adapter that it starts from")
    learning_rate: float = Field(5e-5, gt=0, le=1e-2, description="higher, and what training taught is forgotten")
    epochs: float = Field(1, gt=0)
    batch_size: int = Field(4, ge=1, description="pairs a forward pass")
    max_length: int = Field(384, ge=16, description="tokens of a question and the longer answer")
