"""`weaver costs`, `estimate` and `advise`: what was spent, what a training will take, and what would save money."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Overrides, Template, out, overrides, print_json
from pipelines.core.artifacts import Estimate
from pipelines.core.make_plan import make_plan
from pipelines.core.params import load_cost_rates
from pipelines.core.templates import load_template
from pipelines.costs import Grouping
from pipelines.text.terminal import styled

if TYPE_CHECKING:
    from pipelines.costs.cost_table import CostLine, EstimateError

app = typer.Typer()

SHOWN_SECONDS = 3.0  # a stage that takes less is left out: the table would say 0.0 minutes

TemplateName = Annotated[str, typer.Argument(metavar="[TEMPLATE]", help="Only this template's.")]
Month = Annotated[str, typer.Option(metavar="YYYY-MM", help="The month (UTC). Default: the current one.")]


@app.command()
def costs(
    template: TemplateName = "",
    by: Annotated[Grouping, typer.Option(help="One line per day, stage or model.")] = "stage",
    month: Month = "",
    as_json: AsJson = False,
) -> None:
    """What stages and requests took and cost in a month, and how far estimates were off."""
    from pipelines.costs.cost_table import read_cost_lines, read_estimate_errors, sum_cost_lines

    if template:
        load_template(template)
    lines, errors, currency = (
        read_cost_lines(template, by, month),
        read_estimate_errors(template),
        load_cost_rates().currency,
    )
    total = sum_cost_lines(lines)
    if as_json:
        print_json(
            {
                "lines": [line.model_dump() for line in lines],
                "total": total.model_dump(),
                "currency": currency,
                "estimates": [error.model_dump() for error in errors],
            }
        )
        return
    if not lines:
        out.print("Nothing was spent in that month.")
        return
    head = ("template", by, "count", "hours", "CPU hours", "GPU hours", "kWh (estimated)", "kg CO2 (est.)", currency)
    table = Table(*head, box=None)
    for line in [*lines, total]:
        table.add_row(*format_cells(line), style="bold" if line.name == "all" else "")
    out.print(table)
    print_estimate_errors(errors)


def format_cells(line: "CostLine") -> list[str]:
    """A line of the table."""
    hours = (f"{seconds / 3600:.3f}" for seconds in (line.seconds, line.cpu_seconds, line.gpu_seconds))
    energy = f"{line.energy_kwh_estimated:.5f}", f"{line.co2_kg_estimated:.5f}"
    return [line.template, line.name, str(line.count), *hours, *energy, f"{line.cost:.5f}"]


def print_estimate_errors(errors: list["EstimateError"]) -> None:
    """How far the newest estimates were off."""
    if errors:
        percentages = ", ".join(f"{error.error:+.0%}" for error in errors)
        out.print(f"Estimates of trainings were off by {percentages} (the newest last).")


@app.command()
def estimate(
    template: Template,
    calibrate: Annotated[bool, typer.Option("--calibrate", help="Train a few steps first, for a better one.")] = False,
    set_: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """What training on the newest dataset will take, and whether the budget allows it; nothing is started."""
    from pipelines.costs.cost_table import read_estimate_errors
    from pipelines.datasets.versions import checkout_latest
    from pipelines.training.budget import forecast_cost
    from pipelines.training.estimate import calibrate as calibrate_speed

    plan, dataset = make_plan(template, overrides(set_)), checkout_latest(template)
    if calibrate:
        calibrate_speed(dataset, plan)
    estimated, errors = forecast_cost(dataset, plan), read_estimate_errors(template)
    if as_json:
        print_json(estimated.model_dump(mode="json") | {"estimates": [error.model_dump() for error in errors]})
        return
    print_estimate(estimated)
    print_estimate_errors(errors)


def print_estimate(estimated: Estimate) -> None:
    """The forecast as a table."""
    table = Table("", "forecast", box=None, show_header=False)
    low, middle, high = (seconds / 60 for seconds in (estimated.low, estimated.training_seconds, estimated.high))
    table.add_row("steps, tokens", f"{estimated.steps}, {estimated.tokens}")
    table.add_row("training", f"{middle:.1f} minutes ({low:.1f} to {high:.1f})")
    for stage, seconds in estimated.stages.items():
        if seconds >= SHOWN_SECONDS:
            table.add_row(stage, f"{seconds / 60:.1f} minutes")
    table.add_row("memory", f"{estimated.memory_gib:.1f} GiB")
    table.add_row(
        "cost", f"{estimated.cost:.4g} {estimated.currency}, after {estimated.spent_this_month:.4g} this month"
    )
    table.add_row("based on", estimated.basis)
    for limit in estimated.over:
        table.add_row("over budget", limit)
    out.print(table)


@app.command()
def advise(template: Template, as_json: AsJson = False) -> None:
    """What would save money, with the saving, its formula and the evidence; nothing without a measurement."""
    from pipelines.costs.advice import Advice, Unmeasured
    from pipelines.costs.advice import advise as advise_on_costs
    from pipelines.gateway.cache_replay import advise as advise_on_cache

    recommendations = [*advise_on_costs(make_plan(template)), advise_on_cache(template)]
    advice = [recommendation for recommendation in recommendations if isinstance(recommendation, Advice)]
    advice.sort(key=lambda recommendation: -recommendation.saving_per_month)
    unmeasured = [recommendation for recommendation in recommendations if isinstance(recommendation, Unmeasured)]
    if as_json:
        print_json(
            {
                "advice": [recommendation.model_dump() for recommendation in advice],
                "unmeasured": [recommendation.model_dump() for recommendation in unmeasured],
            }
        )
        return
    currency = load_cost_rates().currency
    for recommendation in advice:
        saving = f"saves {recommendation.saving_per_month:.4g} {currency} per month"
        out.print(styled((recommendation.what, "bold"), f" {saving}"), soft_wrap=True)
        out.print(f"  = {recommendation.formula}\n  {recommendation.evidence}", highlight=False, soft_wrap=True)
    if not advice:
        out.print("Nothing that was measured would save money.")
    for missing in unmeasured:
        out.print(f"{missing.about}: {missing.why}", style="dim", soft_wrap=True)
