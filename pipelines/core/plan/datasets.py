"""The sections on data: where rows come from, and what becomes of them before anything is trained."""

from typing import Literal, get_args

from pydantic import Field

from pipelines.core.plan.section import Section


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
