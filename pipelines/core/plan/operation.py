"""The sections on operation: when a run starts, who decides, and what it may take."""

from pydantic import Field

from pipelines.core.plan.section import Section


class Schedule(Section):
    """When the nightly run starts."""

    cron: str = "0 2 * * *"
    timezone: str = "UTC"


class Approval(Section):
    """Who decides about a challenger, and how long the question stands."""

    reviewers: list[str] = Field(["reviewer", "admin"], min_length=1, description="Airflow users who may decide")
    hours: float = Field(20, gt=0, description="no answer until then is a no; the next run asks again")
    four_eyes: bool = Field(False, description="whoever started a run may not approve it")


class Budget(Section):
    """What one run may take."""

    training_hours: float = Field(8, gt=0, description="a training that takes longer is stopped, and the run fails")
    deadline_hours: float = Field(
        10, gt=0, description="a run that is not over by then, people's answers included, alerts"
    )
    run_cost: float = Field(0, ge=0, description="a run forecast to cost more asks a person first; 0: no limit")
    month_cost: float = Field(0, ge=0, description="the same of all runs in a calendar month (UTC); 0: no limit")


class Costs(Section):
    """What things cost, in your currency. A changed rate retrains nothing: it is not part of a plan's digest."""

    currency: str = Field("USD", min_length=1)
    machine_hour: float = Field(0.10, ge=0, description="an hour of the machine, whatever runs on it")
    gpu_hour: float = Field(0.0, ge=0, description="an hour of each GPU in use, where machine_hour does not hold it")
    kwh: float = Field(0.0, ge=0, description="a kilowatt-hour, where machine_hour does not hold it")
    country: str = Field("USA", pattern="^[A-Z]{3}$", description="whose electricity it is, for its CO2 (ISO 3166-1)")
    hosted_input: float = Field(0.15, ge=0, description="a hosted API's stated price of a million tokens that it reads")
    hosted_output: float = Field(0.60, ge=0, description="and of a million tokens that it writes")
    month_cost: float = Field(0.0, ge=0, description="what all templates may cost in a month (UTC); 0: no limit")

    def hour(self, gpus: int) -> float:
        """What an hour costs of this machine and so many GPUs, without electricity that is paid apart."""
        return self.machine_hour + gpus * self.gpu_hour
