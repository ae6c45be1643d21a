"""`weaver feedback`: what people think of the answers, whom the next training trusts, and whom it does not."""

from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Overrides, Template, out, overrides, print_json
from pipelines.core.make_plan import make_plan

app = typer.Typer(no_args_is_help=True)


@app.callback()
def feedback() -> None:
    """What people think of the answers, and what is learnt from it."""


@app.command()
def show(
    template: Template,
    last: Annotated[int, typer.Option(min=0, help="So many opinions, the newest.")] = 10,
    set_: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Who thinks what, who agrees, what is refused and why; what the rest comes to. MLflow must be up."""
    from pipelines.monitoring.feedback.feedback_summary import summarise_feedback

    told = summarise_feedback(make_plan(template, overrides(set_)), last)
    if as_json:
        print_json(told)
        return
    if not told["opinions"]:
        out.print(f"Nobody has said anything about {template} yet.")
        return
    tell(told)


def tell(told: dict[str, Any]) -> None:
    people = Table("who", "opinions", "up", "down", "corrections", "disagrees", "refused", "", box=None)
    for person in told["people"]:
        figures = (str(person[name]) for name in ("opinions", "up", "down", "corrections"))
        judged = f"{person['disagrees']} of {person['compared']}" if person["compared"] else ""
        why = ", ".join(f"{count} {reason}" for reason, count in person["reasons"].items())
        people.add_row(person["who"], *figures, judged, str(person["refused"]), why)
    out.print(people)
    newest = Table("when", "who", "thinks", "question", "correction", "refused because", box=None)
    for one in told["newest"]:
        when = datetime.fromtimestamp(one["at"]).strftime("%m-%d %H:%M")
        thinks = f"{one['score']:g} of 5" if one["score"] else one["verdict"]
        newest.add_row(when, one["who"], thinks, one["question"], one["correction"], one["reason"])
    out.print(newest)
    agreement = told["agreement"]
    if agreement["answers"]:
        out.print(
            f"{agreement['answers']} answers were judged by several, all of one mind on {agreement['share']:.0%}."
        )
    refused = ", ".join(f"{count} {reason}" for reason, count in told["refused"].items()) or "none"
    out.print(f"{told['opinions']} opinions, refused: {refused}. They are in {told['refused_file']}", soft_wrap=True)
    out.print(f"Learnt from the rest: {told['rows']} training rows, {told['preferences']} preference pairs.")
