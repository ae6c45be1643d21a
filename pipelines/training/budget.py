"""The budget stage: what the run is forecast to cost from here on, held to what it may."""

from collections.abc import Iterator

import psutil

from pipelines.alerts import alert
from pipelines.core.artifacts import DatasetVersion, Estimate
from pipelines.core.params import load_cost_rates
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings
from pipelines.core.templates import load_template
from pipelines.costs.cost_store import Forecast, executions, keep, month
from pipelines.training.estimate import estimate


def estimate_cost(dataset: DatasetVersion, plan: TrainingPlan) -> Estimate:
    """The forecast of a run about to train: kept, to be held to what it takes, and told where it exceeds a limit.

    Raises:
        WeaverError: the base is not to be had, or the ledger of costs cannot be read.
    """
    found = forecast(dataset, plan)
    keep(Forecast(template=plan.template, plan=plan.digest(), seconds=found.training_seconds, basis=found.basis))
    if found.over:
        alert(
            f"{plan.template} waits for a person before it trains: {'; '.join(found.over)}",
            key=f"{plan.template}.budget",
            template=plan.template,
            link=settings().airflow_url,
        )
    return found


def forecast(dataset: DatasetVersion, plan: TrainingPlan) -> Estimate:
    """What a run would take from here on, and the limits that it would exceed.

    Raises:
        WeaverError: the base is not to be had, or the ledger of costs cannot be read.
    """
    found, (begin, _) = estimate(dataset, plan), month()
    spent = {name: sum(one.cost for one in executions(begin, template=name)) for name in (plan.template, "")}
    over = list(exceeded(found, plan.template, spent[plan.template], spent[""]))
    return found.model_copy(update={"spent_this_month": spent[plan.template], "over": over})


def exceeded(forecast: Estimate, template: str, spent: float, spent_by_all: float) -> Iterator[str]:
    """The limits that a run would exceed, a sentence each.

    Args:
        spent: by the template's stages in this month.
        spent_by_all: by all templates' stages in this month.
    """
    limits, everyone, money = load_template(template).budget, load_cost_rates().month_cost, forecast.currency
    cost, hours = forecast.cost, forecast.training_seconds / 3600
    if 0 < limits.run_cost < cost:
        yield f"the run is forecast to cost {cost:.4g} {money}; budget.run_cost is {limits.run_cost:g}"
    if 0 < limits.month_cost < spent + cost:
        yield (
            f"with {spent:.4g} {money} spent this month, another {cost:.4g} exceeds budget.month_cost, "
            f"{limits.month_cost:g}"
        )
    if 0 < everyone < spent_by_all + cost:
        yield (
            f"all templates have spent {spent_by_all:.4g} {money} this month; another {cost:.4g} exceeds "
            f"costs.month_cost, {everyone:g}"
        )
    if hours > limits.training_hours:
        yield f"training is forecast to take {hours:.1f} hours; budget.training_hours is {limits.training_hours:g}"
    if forecast.memory_gib * 2**30 > (memory := psutil.virtual_memory().total):
        yield f"training is forecast to need {forecast.memory_gib:.1f} GiB; this machine has {memory / 2**30:.1f}"
