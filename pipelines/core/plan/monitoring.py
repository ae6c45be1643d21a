"""The sections on what comes back: when the world has moved, and whose opinion counts."""

from pydantic import Field

from pipelines.core.plan.section import Section


class Drift(Section):
    """When the world has moved: a signal in `violations` of the last `windows` windows, the newest among them."""

    hours: float = Field(24, gt=0, description="length of a window; windows begin at multiples of it, in UTC")
    windows: int = Field(3, ge=1, description="windows that are looked at")
    violations: int = Field(2, ge=1, description="windows that must violate")
    min_rows: int = Field(200, ge=1, description="a smaller window says nothing")
    reference_rows: int = Field(1_000, ge=1, description="a version's first requests, which say what is normal")
    sample: int = Field(2_000, ge=1, description="rows that are looked at, of a window that has more")
    false_alarms: float = Field(0.01, gt=0, lt=1, description="false discovery rate over the signals of a window")
    min_psi: float = Field(0.1, ge=0, description="least population stability index of categories")
    min_distance: float = Field(0.2, ge=0, description="least Wasserstein distance of numbers, in standard deviations")
    min_shift: float = Field(0.02, ge=0, description="least cosine distance between the centres of texts")
    min_share: float = Field(0.1, ge=0, le=1, description="least rise of a share, as of questions unlike any before")
    quality_drop: float = Field(0.05, ge=0, le=1, description="least rise of a share of bad answers")
    max_age_days: float = Field(30, ge=0, description="a training that is older is repeated; 0: never for its age")
    cooldown_hours: float = Field(24, ge=0, description="the time after which drift may start a retraining again")


class Feedback(Section):
    """Whose opinion of an answer is trusted, and how much it counts."""

    hourly: int = Field(30, ge=1, description="opinions that one person gives within an hour; with more, none count")
    related: float = Field(
        0.2, ge=-1, le=1, description="drop corrections less like question and answer; -1 drops none"
    )
    doubt: float = Field(
        0.01, ge=0, lt=1, description="chance of distrusting an honest person who errs as the others do; 0 trusts all"
    )
    repeat: int = Field(1, ge=1, le=100, description="how often a trusted correction stands in training")
