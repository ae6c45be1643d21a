"""`weaver route`: where a template's requests go, and why."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Template, out, print_json
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.make_plan import make_plan
from pipelines.core.settings import work_folder
from pipelines.stages.run import run_stage

app = typer.Typer(no_args_is_help=True)

Version = Annotated[int, typer.Argument(min=1, help="A registered version: `weaver registry show` names some.")]
Share = Annotated[float, typer.Option(min=0, max=1, help="Of the requests, or of the users.")]


@app.callback()
def route() -> None:
    """Where a template's requests go, and why."""


@app.command()
def show(template: Template, as_json: AsJson = False) -> None:
    """The versions that answer, their shares of the traffic, and where each is loaded; as the deploy stage wrote it."""
    from pipelines.core.routes import read_route

    found = read_route(template)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    table = Table("version", "share", "in shadow", "held-out score", "backend", "endpoint", box=None)
    for model_version in found.versions:
        shares = (percent(part.get(model_version.version)) for part in (found.shares, found.shadow))
        version = (
            f"{model_version.version} (champion)"
            if model_version.version == found.champion
            else str(model_version.version)
        )
        row = [version, *shares, shown(model_version.score)]
        for endpoint in model_version.endpoints:
            table.add_row(*row, endpoint.backend, endpoint.address)
            row = [""] * len(row)
    out.print(table)


@app.command()
def explain(template: Template, as_json: AsJson = False) -> None:
    """What the gateway has measured of each place, and what the routing agent makes of it."""
    endpoints = ask(template)
    if as_json:
        print_json(endpoints)
        return
    table = Table(
        "endpoint", "share", "requests", "failed", "first token p95", "p50", "p95", "tokens/s", "cost/1000", "why"
    )
    for endpoint in endpoints["endpoints"]:
        seconds = (shown(endpoint[name], " s") for name in ("first_token_p95", "latency_p50", "latency_p95"))
        table.add_row(
            f"v{endpoint['version']} {endpoint['backend']}",
            percent(endpoint["share"]),
            str(endpoint["requests"]),
            percent(endpoint["error_rate"]),
            *seconds,
            shown(endpoint["tokens_per_second"]),
            shown(endpoint["cost_per_1000_tokens"]),
            endpoint["why"],
        )
    out.print(table)


@app.command()
def shadow(template: Template, version: Version, share: Share = 0.1) -> None:
    """Ask another version a share of the requests too; nobody sees its answers, and the log keeps them. 0 ends it."""
    from pipelines.serving import experiments

    experiments.set_shadow(template, publish(template, version), share, make_plan(template))
    show(template)


@app.command()
def split(template: Template, version: Version, share: Share = 0.1) -> None:
    """Let an earlier champion answer a share of the users; each stays with one version. 0 ends it."""
    from pipelines.registry import ledger
    from pipelines.serving import experiments

    if version not in (approved := {entry.version for entry in ledger.intents(template)}):
        raise WeaverError(
            f"version {version} of {template} was never approved to answer anybody",
            f"Approved are: {', '.join(map(str, sorted(approved))) or 'none'}. In shadow any may be asked.",
        )
    experiments.set_ab_test(template, publish(template, version), share, make_plan(template))
    show(template)


def publish(template: str, version: int) -> int:
    """Have a registered version in the model store; merged again from its adapter if need be. Returns the version."""
    from pipelines.registry.champion import registered
    from pipelines.serving import model_store

    if version not in model_store.versions(template):
        out.print("it is not published: it is made again from the registry", style="dim")
        plan, work = make_plan(template), work_folder(template)
        made: Any = run_stage("rebuild_export", plan, {"fetch_champion": registered(template, version, work)})
        model_store.publish(Path(made.uri), template, version)
    return version


def ask(template: str) -> dict[str, Any]:
    """What the gateway's `GET /v1/routes/{template}` says.

    Raises:
        Unavailable: the gateway does not run.
        WeaverError: it does not know the template, or not this machine's key.
    """
    import httpx

    from pipelines.core.settings import settings

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
