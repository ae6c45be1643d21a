"""`weaver key`: API keys of the gateway, their models and rate limits."""

import time
from typing import Annotated

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, out, print_json
from pipelines.text.terminal import styled

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Who uses the key: an application or a person.")]
Models = Annotated[str, typer.Option(metavar="A,B", help="Templates or versions that the key may use; default: all.")]
Rate = Annotated[str, typer.Option(help="Rate limit, such as 60/minute or 1000/day; '' means no limit.")]
KeyName = Annotated[str, typer.Argument(help="A key's id or name.")]


@app.command()
def add(name: Name, models: Models = "", rate: Rate = "60/minute", as_json: AsJson = False) -> None:
    """Create an API key. It is shown once, now."""
    from pipelines.core.templates import load_template
    from pipelines.gateway import api_keys

    scopes = [model.strip() for model in models.split(",") if model.strip()]
    for scope in scopes:
        load_template(scope.rpartition("-v")[0] or scope)  # a misspelt name is an error now
    key, secret = api_keys.create_key(name, scopes, rate)
    if as_json:
        print_json({"id": key.id, "name": name, "key": secret, "models": scopes, "rate": rate})
    else:
        out.print(f"{secret}\nThis is the API key of {name}. Store it safely: it is not shown again.", soft_wrap=True)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List all API keys with their models, rate limit and last use. The secrets are not stored."""
    from pipelines.gateway import api_keys

    keys = api_keys.list_keys()
    if as_json:
        print_json([key.model_dump(exclude={"sha256"}) for key in keys])
        return
    table = Table("id", "name", "models", "rate", "created", "last used", "", box=None)
    for key in keys:
        state = styled(("revoked", "red")) if key.revoked else ""
        models = ", ".join(key.models) or "all"
        table.add_row(
            key.id, key.name, models, key.rate, format_time(key.created), format_time(key.last_used) or "never", state
        )
    out.print(table)


@app.command()
def revoke(id_or_name: KeyName, as_json: AsJson = False) -> None:
    """Revoke an API key; the gateway rejects it within a second."""
    from pipelines.gateway import api_keys

    key = api_keys.revoke_key(id_or_name)
    if as_json:
        print_json(key.model_dump(exclude={"sha256"}))
    else:
        out.print(f"The API key {key.id} of {key.name} is revoked.")


def format_time(at: float) -> str:
    """Local time of epoch seconds; "" of 0."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) if at else ""
