"""The TrainingPlan: everything one run does, merged, validated once, and frozen."""

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from pipelines.files import digest


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Contract(Section):
    """What a row must be before anything is trained on it."""

    min_rows: int = Field(500, ge=1, description="fewer rows than this stop the run")
    min_topics: int = Field(2, ge=1, description="a dataset of one topic teaches one answer")
    topics: list[str] = Field(default_factory=list, description="the topics a row may have; empty allows any")
    max_instruction_chars: int = Field(400, ge=1)
    max_input_chars: int = Field(800, ge=0)
    max_output_chars: int = Field(800, ge=1)


class Data(Section):
    source: str = Field(description="a kit's dataset builder (automotive.service_advisor) or the path of a .jsonl file")


Step = Literal[
    "normalise",
    "personal",
    "language",
    "length",
    "repetition",
    "exact_duplicates",
    "near_duplicates",
    "relevance",
    "answers",
    "quality",
    "sample",
]


class Refine(Section):
    steps: list[Step] = Field(list(get_args(Step)), description="the refinement steps that run, in this order")
    engine: Literal["local", "ray"] = Field("local", description="ray: the same steps on Ray Data, over many machines")
    batch_rows: int = Field(10_000, ge=1, description="rows in memory at a time, a process")
    language: str = Field("en", description="rows that are surely in another go (ISO 639-1)")
    min_instruction_chars: int = Field(3, ge=0)
    max_instruction_chars: int = Field(2_000, ge=1)
    max_input_chars: int = Field(8_000, ge=0)
    min_output_chars: int = Field(1, ge=0)
    max_output_chars: int = Field(4_000, ge=1)
    max_repetition: float = Field(0.5, ge=0, le=1, description="share of an answer's trigrams that occurred before")
    relevance: float = Field(0.08, ge=-1, le=1, description="drop rows less like the sample questions; -1 drops none")
    min_quality: float = Field(0.0, ge=0, le=1, description="drop rows of a lower quality score; 0 drops none")
    rows: int = Field(0, ge=0, description="keep only this many rows, evenly over topics; 0 keeps all")
    near_duplicate: float = Field(0.9, gt=0, le=1, description="Jaccard similarity from which two rows are one")
    heldout_share: float = Field(0.2, gt=0, lt=1, description="share of groups kept for evaluation")
    seed: int = 17


Treatment = Literal["drop", "mask", "pseudonymise", "keep"]


class Privacy(Section):
    """What becomes of each kind of personal data: drop the row, mask it, put a consistent stand-in, or keep it."""

    ssn: Treatment = Field("drop", description="social security numbers and ITINs")
    card: Treatment = Field("drop", description="payment cards")
    account: Treatment = Field("drop", description="bank accounts and routing numbers")
    licence: Treatment = Field("drop", description="driver's licences")
    birth_date: Treatment = "mask"
    income: Treatment = "mask"
    employer: Treatment = "mask"
    name: Treatment = "pseudonymise"
    address: Treatment = "pseudonymise"
    email: Treatment = "pseudonymise"
    phone: Treatment = "pseudonymise"
    plate: Treatment = Field("pseudonymise", description="licence plates")
    vin: Treatment = Field(
        "pseudonymise", description="a stand-in is a valid VIN of the same make, model, year and plant"
    )


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


class Evaluate(Section):
    questions: int = Field(0, ge=0, description="held-out questions to ask, evenly over topics; 0 asks all")
    batch_size: int = Field(32, ge=1)
    max_new_tokens: int = Field(48, ge=1)


class Gate(Section):
    """The least by which a challenger must beat its base on held-out questions."""

    min_fact_gain: float = Field(0.2, ge=-1, le=1, description="gain in exact facts on grounded rows (share)")
    max_loss_ratio: float = Field(0.5, gt=0, description="challenger's held-out loss over base's")


class Deployment(Section):
    """Where the champion answers."""

    backend: Literal["transformers"] = "transformers"


class Schedule(Section):
    """When the nightly run starts."""

    cron: str = "0 2 * * *"
    timezone: str = "UTC"


class Budget(Section):
    """What one run may take."""

    training_hours: float = Field(8, gt=0, description="a training that takes longer is stopped, and the run fails")


class Drift(Section):
    """When the world has moved: `violations` of the last `windows` windows, the newest among them."""

    windows: int = Field(3, ge=1, description="windows that are looked at")
    violations: int = Field(2, ge=1, description="windows that must violate")
    min_rows: int = Field(200, ge=1, description="a smaller window says nothing")
    cooldown_hours: float = Field(24, ge=0, description="the time after which drift may start a retraining again")


class TrainingPlan(Section):
    template: str
    profile: str
    system_prompt: str
    questions: list[str]
    contract: Contract
    data: Data
    refine: Refine
    privacy: Privacy
    base: Base
    train: Train
    evaluate: Evaluate
    gate: Gate
    deployment: Deployment

    def digest(self, *sections: str) -> str:
        """SHA-256 of the plan, or of some of its sections: what a stage's result depends on."""
        return digest(self.model_dump(include=set(sections) if sections else None))

    def flat(self) -> dict[str, Any]:
        """`section.key → value`: the spelling of MLflow parameters, trigger forms and `--set`."""
        values: dict[str, Any] = {}
        for name, value in self.model_dump().items():
            values.update(
                {f"{name}.{key}": v for key, v in value.items()} if isinstance(value, dict) else {name: value}
            )
        return values


TUNABLE = ("data", "refine", "privacy", "base", "train", "evaluate", "gate", "deployment")
