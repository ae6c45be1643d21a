"""`weaver costs`, `estimate` and `advise`: what was spent, what a training will take, and what would save money."""

from typing import Annotated

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Overrides, Template, out, overrides, print_json
from pipelines.core.artifacts import Estimate
from pipelines.core.make_plan import make_plan
from pipelines.core.params import load_cost_rates
from pipelines.core.templates import load_template
from pipelines.costs.cost_table import By, Line, Off, errors, lines, total

app = typer.Typer()

SHOWN = 3.0  # seconds: of a stage that takes less, the table would say 0.0 minutes

Name = Annotated[str, typer.Argument(metavar="[TEMPLATE]", help="Only this template's.")]
Month = Annotated[str, typer.Option(metavar="YYYY-MM", help="The month (UTC); the present one if not given.")]


@app.command()
def costs(
    template: Name = "",
    by: Annotated[By, typer.Option(help="A line a day, stage or model.")] = "stage",
    month: Month = "",
    as_json: AsJson = False,
) -> None:
    """What stages and answers took in a month, and what that cost; and how far estimates were off."""
    if template:
        load_template(template)
    found, off, money = lines(template, by, month), errors(template), load_cost_rates().currency
    if as_json:
        told = {"lines": [line.model_dump() for line in found], "total": total(found).model_dump()}
        print_json(told | {"currency": money, "estimates": [one.model_dump() for one in off]})
        return
    if not found:
        out.print("Nothing was spent in that month.")
        return
    head = ("template", by, "times", "hours", "processor h", "GPU h", "kWh (estimated)", "kg CO2 (est.)", money)
    table = Table(*head, box=None)
    for line in [*found, total(found)]:
        table.add_row(*cells(line), style="bold" if line.name == "all" else "")
    out.print(table)
    tell(off)


def cells(line: Line) -> list[str]:
    hours = (f"{seconds / 3600:.3f}" for seconds in (line.seconds, line.cpu_seconds, line.gpu_seconds))
    energy = f"{line.energy_kwh_estimated:.5f}", f"{line.co2_kg_estimated:.5f}"
    return [line.template, line.name, str(line.count), *hours, *energy, f"{line.cost:.5f}"]


def tell(off: list[Off]) -> None:
    """How far the newest estimates were off."""
    if off:
        told = ", ".join(f"{one.error:+.0%}" for one in off)
        out.print(f"Estimates of trainings were off by {told}, the newest last.")


@app.command()
def estimate(
    template: Template,
    calibrate: Annotated[bool, typer.Option("--calibrate", help="Train a few steps first, to know better.")] = False,
    set_: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """What training on the newest dataset will take, and whether the budget allows it; nothing is started."""
    from pipelines.datasets.versions import checkout_latest
    from pipelines.training.budget import forecast_cost
    from pipelines.training.estimate import calibrate as try_steps

    plan, dataset = make_plan(template, overrides(set_)), checkout_latest(template)
    if calibrate:
        try_steps(dataset, plan)
    found, off = forecast_cost(dataset, plan), errors(template)
    if as_json:
        print_json(found.model_dump(mode="json") | {"estimates": [one.model_dump() for one in off]})
        return
    show(found)
    tell(off)


def show(found: Estimate) -> None:
    table = Table("", "forecast", box=None, show_header=False)
    low, middle, high = (seconds / 60 for seconds in (found.low, found.training_seconds, found.high))
    table.add_row("steps, tokens", f"{found.steps}, {found.tokens}")
    table.add_row("training", f"{middle:.1f} minutes ({low:.1f} to {high:.1f})")
    for stage, seconds in found.stages.items():
        if seconds >= SHOWN:
            table.add_row(stage, f"{seconds / 60:.1f} minutes")
    table.add_row("memory", f"{found.memory_gib:.1f} GiB")
    table.add_row("cost", f"{found.cost:.4g} {found.currency}, after {found.spent_this_month:.4g} this month")
    table.add_row("rests on", found.basis)
    for limit in found.over:
        table.add_row("over budget", limit)
    out.print(table)


@app.command()
def advise(template: Template, as_json: AsJson = False) -> None:
    """What would save money, with the saving, its formula and the evidence; nothing without a measurement."""
    from pipelines.costs.advice import Advice, Unmeasured
    from pipelines.costs.advice import advise as found_by_costs
    from pipelines.gateway.cache_replay import advise as found_by_cache

    told = [*found_by_costs(make_plan(template)), found_by_cache(template)]
    advice = sorted((one for one in told if isinstance(one, Advice)), key=lambda one: -one.saving_per_month)
    unmeasured = [one for one in told if isinstance(one, Unmeasured)]
    if as_json:
        print_json({name: [one.model_dump() for one in some] for name, some in
                    (("advice", advice), ("unmeasured", unmeasured))})  # fmt: skip
        return
    for one in advice:
        out.print(
            f"[bold]{one.what}[/] saves {one.saving_per_month:.4g} {load_cost_rates().currency} a month", soft_wrap=True
        )
        out.print(f"  = {one.formula}\n  {one.evidence}", highlight=False, soft_wrap=True)
    if not advice:
        out.print("Nothing that was measured would save money.")
    for lacking in unmeasured:
        out.print(f"[dim]{lacking.about}: {lacking.why}[/]", soft_wrap=True)
