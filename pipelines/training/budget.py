"""The stage `estimate_cost`: forecasts what the rest of the run will cost, and compares it with the plan's limits."""

from collections.abc import Iterator

import psutil

from pipelines.alerts import alert
from pipelines.core.artifacts import DatasetVersion, Estimate
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings
from pipelines.costs.cost_store import TrainingForecast, month_bounds, read_executions, save_row
from pipelines.training.estimate import estimate


def estimate_cost(dataset: DatasetVersion, plan: TrainingPlan) -> Estimate:
    """Forecast the cost of a run that is about to train, keep the forecast, and alert if it exceeds a limit.

    Raises:
        WeaverError: the base model is not available, or the cost records cannot be read.
    """
    estimated = forecast_cost(dataset, plan)
    save_row(
        TrainingForecast(
            template=plan.template,
            plan=plan.digest(),
            seconds=estimated.training_seconds,
            basis=estimated.basis,
        )
    )
    if estimated.over:
        alert(
            f"{plan.template} waits for an approval before it trains: {'; '.join(estimated.over)}",
            key=f"{plan.template}.budget",
            template=plan.template,
            link=settings().airflow_url,
        )
    return estimated


def forecast_cost(dataset: DatasetVersion, plan: TrainingPlan) -> Estimate:
    """What the rest of a run will cost, and the limits that it would exceed.

    Raises:
        WeaverError: the base model is not available, or the cost records cannot be read.
    """
    estimated, (month_begin, _) = estimate(dataset, plan), month_bounds()
    by_template, by_all = (
        sum(execution.cost for execution in read_executions(month_begin, template=name)) for name in (plan.template, "")
    )
    over = list(find_exceeded_limits(estimated, plan, by_template, by_all))
    return estimated.model_copy(update={"spent_this_month": by_template, "over": over})


def find_exceeded_limits(
    estimated: Estimate, plan: TrainingPlan, spent_by_template: float, spent_by_all: float
) -> Iterator[str]:
    """The limits that a run would exceed, one sentence each.

    Args:
        spent_by_template: cost of the template's stages in this month, in the currency of the plan's rates.
        spent_by_all: the same of all templates.
    """
    limits, month_limit, currency = plan.budget, plan.costs.month_cost, estimated.currency
    cost, hours = estimated.cost, estimated.training_seconds / 3600
    if 0 < limits.run_cost < cost:
        yield f"the run is forecast to cost {cost:.4g} {currency}; budget.run_cost is {limits.run_cost:g}"
    if 0 < limits.month_cost < spent_by_template + cost:
        yield (
            f"{spent_by_template:.4g} {currency} were spent this month and the run is forecast to cost {cost:.4g}; "
            f"budget.month_cost is {limits.month_cost:g}"
        )
    if 0 < month_limit < spent_by_all + cost:
        yield (
            f"all templates together spent {spent_by_all:.4g} {currency} this month and the run is forecast to cost "
            f"{cost:.4g}; costs.month_cost is {month_limit:g}"
        )
    if hours > limits.training_hours:
        yield f"training is forecast to take {hours:.1f} hours; budget.training_hours is {limits.training_hours:g}"
    if estimated.memory_gib * 2**30 > (memory := psutil.virtual_memory().total):
        needed, available = estimated.memory_gib, memory / 2**30
        yield f"training is forecast to need {needed:.1f} GiB of memory; this machine has {available:.1f} GiB"
