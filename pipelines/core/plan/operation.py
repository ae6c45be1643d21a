"""The sections on operation: when a run starts, who decides, and what it may cost."""

from typing import Annotated

from pydantic import AfterValidator, Field

from pipelines.core.plan.section import Section
from pipelines.core.schedule import check_cron, check_timezone

YEAR = 8_760  # hours


class Schedule(Section):
    """When the nightly run starts."""

    cron: Annotated[str, AfterValidator(check_cron)] = Field("0 2 * * *", description="cron expression of the start")
    timezone: Annotated[str, AfterValidator(check_timezone)] = Field(
        "UTC", description="time zone of the cron expression (IANA name)"
    )


class Approval(Section):
    """Who decides about a challenger, and for how long the approval stays open."""

    reviewers: list[Annotated[str, Field(min_length=1)]] = Field(
        ["reviewer", "admin"], min_length=1, description="Airflow users who may approve or reject"
    )
    hours: float = Field(
        20, gt=0, le=YEAR, description="hours after which an open approval is a rejection; the next run asks again"
    )
    four_eyes: bool = Field(False, description="whoever started a run may not approve it")


class Budget(Section):
    """What a run may take and cost."""

    training_hours: float = Field(
        8, gt=0, le=YEAR, description="hours after which a training is stopped and the run fails"
    )
    deadline_hours: float = Field(
        10, gt=0, le=YEAR, description="hours after which a run that has not ended raises an alert, approvals included"
    )
    run_cost: float = Field(
        0, ge=0, description="forecast cost of a run above which a reviewer is asked first; 0: no limit"
    )
    month_cost: float = Field(
        0, ge=0, description="cost of all runs in a calendar month (UTC) above which a reviewer is asked; 0: no limit"
    )


class Costs(Section):
    """Cost rates, in your currency. A changed rate retrains nothing: it is not part of a plan's digest."""

    currency: str = Field("USD", min_length=1, description="currency of all costs")
    machine_hour: float = Field(0.10, ge=0, description="price of the machine per hour")
    gpu_hour: float = Field(
        0.0, ge=0, description="price of each used GPU per hour, if machine_hour does not include it"
    )
    kwh: float = Field(
        0.0, ge=0, title="kWh", description="price of a kilowatt-hour, if machine_hour does not include it"
    )
    country: str = Field(
        "USA", pattern="^[A-Z]{3}$", description="country of the electricity, for its CO2 (ISO 3166-1 alpha-3)"
    )
    hosted_input: float = Field(
        0.15, ge=0, description="price of a hosted API per million input tokens, for comparison"
    )
    hosted_output: float = Field(
        0.60, ge=0, description="price of a hosted API per million output tokens, for comparison"
    )
    month_cost: float = Field(0.0, ge=0, description="highest cost of all templates in a month (UTC); 0: no limit")

    def hour(self, gpus: int) -> float:
        """Price per hour of this machine with so many GPUs, without electricity that is paid separately."""
        return self.machine_hour + gpus * self.gpu_hour
