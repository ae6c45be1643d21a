"""`weaver costs`, `weaver estimate`: what was spent, and what a training will take."""

from typing import Annotated

import typer
from rich.table import Table

from pipelines.artifacts import Estimate
from pipelines.cli.console import AsJson, Overrides, Template, out, overrides, print_json
from pipelines.costs.table import By, Line, Off, errors, lines, total
from pipelines.templates import load_template, make_plan, rates

app = typer.Typer()

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
    found, off, money = lines(template, by, month), errors(template), rates().currency
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
        out.print(f"The last {len(off)} estimates of trainings were off by {told}.")


@app.command()
def estimate(
    template: Template,
    calibrate: Annotated[bool, typer.Option("--calibrate", help="Train a few steps first, to know better.")] = False,
    set_: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """What training on the newest dataset will take: time, memory and cost; nothing is started."""
    from pipelines.datasets.versions import latest
    from pipelines.training import estimate as forecasts

    plan, dataset = make_plan(template, overrides(set_)), latest(template)
    if calibrate:
        forecasts.calibrate(dataset, plan)
    found, off = forecasts.estimate(dataset, plan), errors(template)
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
        table.add_row(stage, f"{seconds / 60:.1f} minutes")
    table.add_row("memory", f"{found.memory_gib:.1f} GiB")
    table.add_row("cost", f"{found.cost:.4g} {found.currency}")
    table.add_row("rests on", found.basis)
    out.print(table)
