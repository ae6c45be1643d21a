"""`weaver bench`: every figure of the README is made here."""

from typing import Annotated

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, out, print_json, speak_aside

app = typer.Typer(no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measure the figures of the README."""


@app.command()
def train(
    steps: Annotated[int, typer.Option(min=4, help="Optimiser steps a side.")] = 12, as_json: AsJson = False
) -> None:
    """Our training beside a plain trl script: same data, tokens and quantisation, one process each, in turn."""
    from pipelines.bench.train import run

    if as_json:
        speak_aside()
    figures = run(steps)
    table = Table("figure", "value", box=None)
    for name, value in figures.items():
        table.add_row(name, f"{value:.3g}" if isinstance(value, float) else str(value))
    out.print(table)
    if as_json:
        print_json(figures)
