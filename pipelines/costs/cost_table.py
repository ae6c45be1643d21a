"""What was spent in a month, by day, stage or model: executions of stages, and requests of the request log."""

from collections import defaultdict

from pipelines.core.artifacts import Artifact
from pipelines.costs import Grouping
from pipelines.costs.cost_store import TrainingTiming, format_day, month_bounds, read_executions, read_rows
from pipelines.request_log import read_exchanges

REQUESTS_STAGE = "requests"  # the name of the line of requests, beside those of stages
SHOWN_ESTIMATES = 10  # estimates, the newest


class CostLine(Artifact):
    """What was spent on one day, in one stage, or on one model. Of requests, energy and CPU time are not measured:
    their cost is that of the machine while it worked on them."""

    template: str
    name: str  # the day (UTC), the stage or the model
    count: int  # executions, or requests
    seconds: float
    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0
    energy_kwh_estimated: float = 0.0
    co2_kg_estimated: float = 0.0
    cost: float


SUMS = tuple(name for name in CostLine.model_fields if name not in ("template", "name"))


class EstimateError(Artifact):
    """How far the estimate of a training was off: 0.1 is 10% too long."""

    template: str
    day: str
    forecast_seconds: float
    seconds: float
    error: float


def read_cost_lines(template: str = "", by: Grouping = "stage", month: str = "") -> list[CostLine]:
    """What a template, or each of all, cost in a month (UTC, as 2026-11; the current one if it is empty).

    Raises:
        WeaverError: it is not a month, or the database or the request log cannot be read.
    """
    since, until = month_bounds(month)
    sums: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: dict.fromkeys(SUMS, 0))
    for execution in read_executions(since, until, template=template):
        name = {"day": format_day(execution.at), "stage": execution.stage, "model": execution.model}[by]
        costs = {column: value for column, value in execution.to_dict().items() if column in SUMS}
        add_costs(sums[execution.template, name], count=1, **costs)
    columns = ["at", "template", "version", "latency_s", "cost"]
    for row in read_exchanges(since, until, template).select(columns).to_pylist():
        name = {"day": format_day(row["at"]), "stage": REQUESTS_STAGE, "model": f"version {row['version']}"}[by]
        add_costs(sums[row["template"], name], count=1, seconds=row["latency_s"], cost=row["cost"])
    lines = [CostLine(template=template, name=name, **costs) for (template, name), costs in sums.items()]
    return sorted(lines, key=lambda line: (line.template, line.name))


def add_costs(sums: dict[str, float], **costs: float) -> None:
    """Add these costs to the sums of the same names."""
    for name, value in costs.items():
        sums[name] += value


def sum_cost_lines(lines: list[CostLine]) -> CostLine:
    """One line of them all."""
    return CostLine(template="", name="all", **{name: sum(getattr(line, name) for line in lines) for name in SUMS})


def read_estimate_errors(template: str = "") -> list[EstimateError]:
    """How far the newest estimates were off that a training followed, oldest first."""
    trained = [row for row in read_rows(TrainingTiming, template=template) if row.error is not None]
    return [
        EstimateError(
            template=row.template,
            day=format_day(row.at),
            forecast_seconds=row.forecast_seconds,
            seconds=row.seconds,
            error=row.error or 0.0,
        )
        for row in trained[-SHOWN_ESTIMATES:]
    ]
