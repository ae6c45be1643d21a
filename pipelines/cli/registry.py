"""`weaver registry`: which version answers, and why."""

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Template, out, print_json

app = typer.Typer(no_args_is_help=True)


@app.callback()
def registry() -> None:
    """What is registered, and which version answers."""


@app.command()
def show(template: Template, as_json: AsJson = False) -> None:
    """The versions behind each alias of a template's registered model."""
    from pipelines.registry.promote import describe_aliases

    aliases = describe_aliases(template)
    if as_json:
        print_json({"name": template, "aliases": aliases})
        return
    table = Table("alias", "version", "dataset", "held-out: base → this", "decision", "by", box=None)
    for alias, version in aliases.items():
        tags = version["tags"]
        metric = tags.get("metric", "facts")
        figures = " → ".join(tags.get(f"{metric}.{arm}", "?") for arm in ("base", "challenger"))
        decision = (tags.get("decision", "waits for approval"), tags.get("decided_by", ""))
        table.add_row(alias, str(version["version"]), tags["dataset"], f"{metric} {figures}", *decision)
    out.print(table)
