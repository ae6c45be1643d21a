"""`weaver key`: who may ask the gateway what, and how often."""

import time
from typing import Annotated

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, out, print_json

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Whose key it is: an application, or a person.")]
Models = Annotated[str, typer.Option(metavar="A,B", help="The templates or versions it may ask; else all.")]
Rate = Annotated[str, typer.Option(help="How often, as 60/minute or 1000/day; '' is as often as it likes.")]
Which = Annotated[str, typer.Argument(help="A key's id or name.")]


@app.command()
def add(name: Name, models: Models = "", rate: Rate = "60/minute", as_json: AsJson = False) -> None:
    """Make a key. It is shown now, and never again."""
    from pipelines.core.templates import load_template
    from pipelines.gateway import api_keys

    scopes = [model.strip() for model in models.split(",") if model.strip()]
    for scope in scopes:
        load_template(scope.rpartition("-v")[0] or scope)  # a typing mistake is told now
    key, secret = api_keys.add(name, scopes, rate)
    if as_json:
        print_json({"id": key.id, "name": name, "key": secret, "models": scopes, "rate": rate})
    else:
        out.print(f"{secret}\nThis is the key of {name}. Keep it safe: it is shown only now.", soft_wrap=True)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Every key: what it may ask, how often, and when it last did. The keys themselves are not kept."""
    from pipelines.gateway import api_keys

    known = api_keys.known()
    if as_json:
        print_json([key.model_dump(exclude={"sha256"}) for key in known])
        return
    table = Table("id", "name", "models", "rate", "made", "last used", "", box=None)
    for key in known:
        state = "[red]revoked[/]" if key.revoked else ""
        models = ", ".join(key.models) or "all"
        table.add_row(key.id, key.name, models, key.rate, when(key.made), when(key.used) or "never", state)
    out.print(table)


@app.command()
def revoke(which: Which, as_json: AsJson = False) -> None:
    """Let a key open nothing any more, within a second."""
    from pipelines.gateway import api_keys

    key = api_keys.revoke(which)
    if as_json:
        print_json(key.model_dump(exclude={"sha256"}))
    else:
        out.print(f"The key {key.id} of {key.name} opens nothing any more.")


def when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) if at else ""
