"""`weaver feedback`: the ratings of answers, and which of them the next training uses."""

from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Overrides, Template, out, overrides, print_json
from pipelines.core.make_plan import make_plan
from pipelines.text.counts import format_count

app = typer.Typer(no_args_is_help=True)


@app.callback()
def feedback() -> None:
    """The ratings of answers, and what the next training takes from them."""


@app.command()
def show(
    template: Template,
    last: Annotated[int, typer.Option(min=0, help="How many of the newest ratings to show.")] = 10,
    set_: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Show who rated answers how, who agrees, what is refused and why, and what is trained on. MLflow must run."""
    from pipelines.monitoring.feedback.feedback_summary import summarise_feedback

    summary = summarise_feedback(make_plan(template, overrides(set_)), last)
    if as_json:
        print_json(summary)
        return
    if not summary["ratings"]:
        out.print(f"Nobody has rated an answer of {template} yet.")
        return
    print_summary(summary)


def print_summary(summary: dict[str, Any]) -> None:
    """Print what `summarise_feedback` returns."""
    raters = Table("rater", "ratings", "up", "down", "corrections", "disagrees", "refused", "reasons", box=None)
    for row in summary["raters"]:
        counts = (str(row[name]) for name in ("ratings", "up", "down", "corrections"))
        disagrees = f"{row['disagrees']} of {row['compared']}" if row["compared"] else ""
        reasons = ", ".join(f"{count} {reason}" for reason, count in row["reasons"].items())
        raters.add_row(row["rater"], *counts, disagrees, str(row["refused"]), reasons)
    out.print(raters)
    newest = Table("time", "rater", "rating", "question", "correction", "refused because", box=None)
    for row in summary["newest"]:
        when = datetime.fromtimestamp(row["at"]).strftime("%m-%d %H:%M")
        rating = f"{row['score']:g} of 5" if row["score"] else row["verdict"]
        newest.add_row(when, row["rater"], rating, row["question"], row["correction"], row["reason"])
    out.print(newest)
    agreement = summary["agreement"]
    if agreement["answers"]:
        out.print(
            f"{agreement['answers']} answers were rated by several people, who all agree on "
            f"{agreement['share']:.0%} of them."
        )
    refused = ", ".join(f"{count} {reason}" for reason, count in summary["refused"].items()) or "none"
    out.print(
        f"{summary['ratings']} ratings, refused: {refused}. They are in {summary['refused_file']}", soft_wrap=True
    )
    rows = format_count(summary["rows"], "training row")
    out.print(f"The others give {rows} and {format_count(summary['preferences'], 'preference pair')}.")
