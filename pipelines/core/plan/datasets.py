"""The sections on data: where rows come from, what they must be, and how they are refined."""

from typing import Literal, get_args

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from pipelines.core.plan.section import Section


class Contract(Section):
    """The data contract: what rows must be before a model is trained on them."""

    min_rows: int = Field(500, ge=1, description="rows that the dataset must have")
    min_topics: int = Field(2, ge=1, description="topics that the dataset must have")
    topics: list[str] = Field(default_factory=list, description="topics that a row may have; empty: any")
    max_instruction_chars: int = Field(400, ge=1, description="longest instruction, characters")
    max_input_chars: int = Field(800, ge=0, description="longest input, characters")
    max_output_chars: int = Field(800, ge=1, description="longest output, characters")

    @field_validator("topics")
    @classmethod
    def check_topics(cls, topics: list[str], info: ValidationInfo) -> list[str]:
        """Each topic once, and at least min_topics of them: otherwise no dataset could ever meet the contract."""
        if repeated := [topic for topic in topics if topics.count(topic) > 1]:
            raise PydanticCustomError("repeated", f"must have each topic once; '{repeated[0]}' is there twice")
        if topics and len(topics) < (least := info.data.get("min_topics", 0)):
            raise PydanticCustomError("too_few", f"must have at least contract.min_topics topics, which is {least}")
        return topics


class Data(Section):
    """Where rows come from."""

    source: str = Field(description="dataset builder of a kit (automotive.service_advisor), or path of a .jsonl file")


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
# Steps that may only report: what they drop is a matter of judgement. The others protect people, or the held-out rows.
ReportableStep = Literal["language", "length", "repetition", "relevance", "answers", "quality"]


class Refine(Section):
    """How rows are cleaned, deduplicated and split."""

    steps: list[Step] = Field(list(get_args(Step)), description="refinement steps, in the order in which they run")
    report_only: list[ReportableStep] = Field(
        ["relevance", "quality"],
        description="steps that drop nothing: the report counts and shows the rows that they would drop",
    )
    engine: Literal["local", "ray"] = Field(
        "local", description="local: this machine; ray: the same steps on a Ray cluster"
    )
    batch_rows: int = Field(10_000, ge=1, description="rows per batch, in each process")
    language: str = Field(
        "en", description="language to keep (ISO 639-1); rows that are clearly in another are dropped"
    )
    min_instruction_chars: int = Field(3, ge=0, description="shortest instruction, characters")
    max_instruction_chars: int = Field(2_000, ge=1, description="longest instruction, characters")
    max_input_chars: int = Field(8_000, ge=0, description="longest input, characters")
    min_output_chars: int = Field(1, ge=0, description="shortest output, characters")
    max_output_chars: int = Field(4_000, ge=1, description="longest output, characters")
    max_repetition: float = Field(
        0.5, ge=0, le=1, description="highest share of an answer's word trigrams that are repetitions"
    )
    relevance: float = Field(
        0.08, ge=-1, le=1, description="lowest similarity to the template's sample questions; -1: any"
    )
    min_quality: float = Field(0.5, ge=0, le=1, description="lowest quality score of a row; 0: any")
    rows: int = Field(0, ge=0, description="rows that are kept, evenly over topics; 0: all")
    near_duplicate: float = Field(
        0.9, gt=0, le=1, description="Jaccard similarity from which two rows are near-duplicates"
    )
    heldout_share: float = Field(
        0.2, gt=0, lt=1, title="Held-out share", description="share of groups kept for evaluation"
    )
    seed: int = Field(17, description="seed of the random numbers; the same seed gives the same split")


Treatment = Literal["drop", "mask", "pseudonymise", "keep"]


class Privacy(Section):
    """What is done with each kind of personal data: drop the row, mask it, replace it consistently, or keep it."""

    ssn: Treatment = Field("drop", title="SSN", description="social security numbers and ITINs")
    card: Treatment = Field("drop", description="payment cards")
    account: Treatment = Field("drop", description="bank accounts and routing numbers")
    licence: Treatment = Field("drop", description="driver's licences")
    birth_date: Treatment = Field("mask", description="dates of birth")
    income: Treatment = Field("mask", description="incomes")
    employer: Treatment = Field("mask", description="employers")
    name: Treatment = Field("pseudonymise", description="names of people")
    address: Treatment = Field("pseudonymise", description="postal addresses")
    email: Treatment = Field("pseudonymise", description="e-mail addresses")
    phone: Treatment = Field("pseudonymise", description="telephone numbers")
    plate: Treatment = Field("pseudonymise", description="licence plates")
    vin: Treatment = Field(
        "pseudonymise",
        title="VIN",
        description="vehicle identification numbers; replaced by a valid one of the same make, model, year and plant",
    )
    exempt: list[str] = Field(
        [], description="words that are never personal, such as a brand that looks like a name; case does not matter"
    )

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """The kinds of personal data, each of which has a treatment."""
        return tuple(name for name in cls.model_fields if name != "exempt")
