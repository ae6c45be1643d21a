"""The sections on monitoring: when there is drift, and whose ratings are trusted."""

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from pipelines.core.plan.section import Section


class Drift(Section):
    """When there is drift: a signal violates in `violations` of the last `windows` windows, the newest among them."""

    hours: float = Field(
        24, gt=0, le=8_760, description="length of a window, hours; windows begin at multiples of it, in UTC"
    )
    windows: int = Field(3, ge=1, description="number of last windows that count")
    violations: int = Field(
        2, ge=1, validate_default=True, description="in how many of them a signal must violate its threshold"
    )
    min_rows: int = Field(200, ge=1, description="requests that a window must have to be measured")
    reference_rows: int = Field(
        1_000, ge=1, description="number of first requests of a version that later ones are compared with"
    )
    sample: int = Field(2_000, ge=1, description="rows that are measured of a larger window")
    false_alarms: float = Field(0.01, gt=0, lt=1, description="false discovery rate over the signals of a window")
    min_psi: float = Field(
        0.1, ge=0, title="Min PSI", description="lowest population stability index of categories that counts"
    )
    min_distance: float = Field(
        0.2, ge=0, description="lowest Wasserstein distance of numbers that counts, in standard deviations"
    )
    min_shift: float = Field(0.02, ge=0, description="lowest cosine distance between the centres of texts that counts")
    min_share: float = Field(
        0.1, ge=0, le=1, description="lowest rise of a share that counts, as of questions unlike all earlier ones"
    )
    quality_drop: float = Field(0.05, ge=0, le=1, description="lowest rise of the share of bad answers that counts")
    max_age_days: float = Field(
        30, ge=0, le=36_500, description="age of the last training, days, at which it is repeated; 0: never"
    )
    cooldown_hours: float = Field(24, ge=0, le=87_600, description="hours between two retrainings that drift starts")

    @field_validator("violations")
    @classmethod
    def check_violations(cls, violations: int, info: ValidationInfo) -> int:
        """More violations than windows there can never be, so that drift would never be found."""
        if violations > (windows := info.data.get("windows", violations)):
            raise PydanticCustomError("too_many", f"must be at most drift.windows, which is {windows}")
        return violations


class Feedback(Section):
    """Which ratings of answers are trusted, and how much a correction counts."""

    hourly: int = Field(30, ge=1, description="ratings per person and hour; if there are more, all of them are refused")
    related: float = Field(
        0.2, ge=-1, le=1, description="lowest similarity of a correction to its question or answer; -1 allows any"
    )
    doubt: float = Field(
        0.01, ge=0, lt=1, description="chance that a rater who errs as often as the others is distrusted; 0 trusts all"
    )
    repeat: int = Field(1, ge=1, le=100, description="how often a trusted correction is repeated in the training data")
