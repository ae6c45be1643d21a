"""`weaver dataset quarantine` and `weaver dataset release`: what refine dropped, and releasing some of it."""

from collections import Counter
from typing import Annotated

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Template, out, print_json
from pipelines.text.counts import format_count

app = typer.Typer()

Which = Annotated[
    list[str], typer.Argument(metavar="ID|REASON...", help="Ids of rows, or a reason: all rows dropped for it.")
]
Reason = Annotated[str, typer.Option(help="Only rows dropped for this reason.")]
Show = Annotated[int, typer.Option(min=0, help="How many rows to show; 0 shows all.")]


@app.command()
def quarantine(template: Template, reason: Reason = "", show: Show = 20, as_json: AsJson = False) -> None:
    """List the rows that the last refine dropped, each with its step and reason."""
    from pipelines.datasets.quarantine import read_quarantine, reason_category

    rows = [row for row in read_quarantine(template) if not reason or reason_category(row) == reason]
    if as_json:
        print_json(rows)
        return
    table = Table("id", "step", "reason", "question", "answer", box=None)
    for row in rows[: show or None]:
        table.add_row(*(row[column][:120] for column in ("id", "step", "reason", "instruction", "output")))
    out.print(table)
    counts = ", ".join(f"{count} {name}" for name, count in Counter(map(reason_category, rows)).most_common())
    out.print(f"{format_count(len(rows), 'row')}{': ' + counts if rows else ''}", highlight=False)


@app.command()
def release(
    template: Template,
    which: Which,
    by: Annotated[str, typer.Option(help="Who releases them.")],
    why: Annotated[str, typer.Option(help="The reason; stored with the release.")],
    as_json: AsJson = False,
) -> None:
    """Release rows: from the next refine on they pass the step that dropped them."""
    from pipelines.datasets import quarantine

    rows = quarantine.release_rows(template, which, by, why)
    if as_json:
        print_json([row["id"] for row in rows])
    else:
        out.print(
            f"{format_count(len(rows), 'row')} released, from the next `weaver refine {template}` on.", highlight=False
        )
        for step, reason in quarantine.find_unreliable_steps(template).items():
            out.print(f"The step {step} only reports from then on, {reason}.", highlight=False)
