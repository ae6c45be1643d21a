"""`weaver route`: where a template's requests go, and why."""

from typing import Any

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Template, out, print_json
from pipelines.errors import Unavailable, WeaverError

app = typer.Typer(no_args_is_help=True)


@app.callback()
def route() -> None:
    """Where a template's requests go, and why."""


@app.command()
def show(template: Template, as_json: AsJson = False) -> None:
    """The versions that answer, their shares of the traffic, and where each is loaded; as the deploy stage wrote it."""
    from pipelines.serving.routes import route

    found = route(template)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    table = Table("version", "share", "in shadow", "held-out score", "backend", "endpoint", box=None)
    for served in found.served:
        shares = (percent(part.get(served.version)) for part in (found.shares, found.shadow))
        version = f"{served.version} (champion)" if served.version == found.champion else str(served.version)
        row = [version, *shares, shown(served.score)]
        for place in served.places:
            table.add_row(*row, place.backend, place.endpoint)
            row = [""] * len(row)
    out.print(table)


@app.command()
def explain(template: Template, as_json: AsJson = False) -> None:
    """What the gateway has measured of each place, and what the routing agent makes of it."""
    places = ask(template)
    if as_json:
        print_json(places)
        return
    table = Table(
        "place", "share", "requests", "failed", "first token p95", "p50", "p95", "tokens/s", "cost/1000", "why"
    )
    for place in places["places"]:
        seconds = (shown(place[name], " s") for name in ("first_token_p95", "latency_p50", "latency_p95"))
        table.add_row(
            f"v{place['version']} {place['backend']}",
            percent(place["share"]),
            str(place["requests"]),
            percent(place["error_rate"]),
            *seconds,
            shown(place["tokens_per_second"]),
            shown(place["cost_per_1000_tokens"]),
            place["why"],
        )
    out.print(table)


def ask(template: str) -> dict[str, Any]:
    """What the gateway's `GET /v1/routes/{template}` says.

    Raises:
        Unavailable: the gateway does not run.
        WeaverError: it does not know the template, or not this machine's key.
    """
    import httpx

    from pipelines.settings import settings

    url = f"{settings().gateway_url}/v1/routes/{template}"
    try:
        key = {"Authorization": f"Bearer {settings().secret('gateway')}"}
        answer = httpx.get(url, headers=key, timeout=10)
    except (httpx.TransportError, FileNotFoundError) as error:
        raise Unavailable(f"the gateway does not answer at {settings().gateway_url}", "Run `weaver up`.") from error
    if answer.is_error:
        remedy = f"Run `weaver run {template}` first." if answer.status_code == 404 else "Look into the gateway's log."
        raise WeaverError(f"the gateway says {answer.status_code}: {answer.text[:200]}", remedy)
    found: dict[str, Any] = answer.json()
    return found


def percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def shown(figure: float | None, unit: str = "") -> str:
    return "" if figure is None else f"{figure:.3g}{unit}"
