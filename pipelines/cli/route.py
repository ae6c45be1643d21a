"""`weaver route`: how the requests of a template are routed, and why."""

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

Version = Annotated[int, typer.Argument(min=1, help="A registered version; `weaver registry show` lists some.")]
Share = Annotated[float, typer.Option(min=0, max=1, help="Share of the requests or users, 0 to 1; 0 ends it.")]


@app.callback()
def route() -> None:
    """How the requests of a template are routed, and why."""


@app.command()
def show(template: Template, as_json: AsJson = False) -> None:
    """Show the versions in the route, their shares of the traffic and their endpoints."""
    from pipelines.core.routes import read_route

    stored = read_route(template)
    if as_json:
        print_json(stored.model_dump(mode="json"))
        return
    table = Table("version", "share", "shadow", "held-out score", "backend", "address", box=None)
    for model_version in stored.versions:
        shares = (format_percent(share.get(model_version.version)) for share in (stored.shares, stored.shadow))
        version = (
            f"{model_version.version} (champion)"
            if model_version.version == stored.champion
            else str(model_version.version)
        )
        row = [version, *shares, format_number(model_version.score)]
        for endpoint in model_version.endpoints:
            table.add_row(*row, endpoint.backend, endpoint.address)
            row = [""] * len(row)
    out.print(table)


@app.command()
def explain(template: Template, as_json: AsJson = False) -> None:
    """Show the statistics of each endpoint, its status, and the router's reason."""
    response = fetch_route(template)
    if as_json:
        print_json(response)
        return
    table = Table(
        "endpoint",
        "share",
        "requests",
        "failed",
        "first token p95",
        "p50",
        "p95",
        "tokens/s",
        "cost/1000",
        "status",
        "reason",
    )
    for endpoint in response["endpoints"]:
        seconds = (format_number(endpoint[name], " s") for name in ("first_token_p95", "latency_p50", "latency_p95"))
        table.add_row(
            f"v{endpoint['version']} {endpoint['backend']}",
            format_percent(endpoint["share"]),
            str(endpoint["requests"]),
            format_percent(endpoint["error_rate"]),
            *seconds,
            format_number(endpoint["tokens_per_second"]),
            format_number(endpoint["cost_per_1000_tokens"]),
            endpoint["status"].replace("_", " "),
            endpoint["reason"],
        )
    out.print(table)


@app.command()
def shadow(template: Template, version: Version, share: Share = 0.1) -> None:
    """Send copies of a share of the requests to another version; its answers are logged, and no client sees them."""
    from pipelines.serving import experiments

    experiments.set_shadow(template, ensure_published(template, version), share, make_plan(template))
    show(template)


@app.command("ab-test")
def ab_test(template: Template, version: Version, share: Share = 0.1) -> None:
    """Send a share of the users to an earlier champion (an A/B test); each user stays with one version."""
    from pipelines.registry import ledger
    from pipelines.serving import experiments

    if version not in (approved := {entry.version for entry in ledger.read_intents(template)}):
        raise WeaverError(
            f"version {version} of {template} was never approved, so users must not get its answers",
            f"Approved versions: {', '.join(map(str, sorted(approved))) or 'none'}. Any version may be a shadow.",
        )
    experiments.set_ab_test(template, ensure_published(template, version), share, make_plan(template))
    show(template)


def ensure_published(template: str, version: int) -> int:
    """Publish a registered version in the model store unless it is there; its adapter is merged again. Returns it."""
    from pipelines.registry.champion import fetch_registered_version
    from pipelines.serving import model_store

    if version not in model_store.versions(template):
        out.print(f"version {version} is not in the model store: exporting it again from the registry", style="dim")
        plan, work = make_plan(template), work_folder(template)
        champion = fetch_registered_version(template, version, work)
        export: Any = run_stage("rebuild_export", plan, {"fetch_champion": champion})
        model_store.publish(Path(export.uri), template, version)
    return version


def fetch_route(template: str) -> dict[str, Any]:
    """The response of the gateway's `GET /v1/routes/{template}`.

    Raises:
        Unavailable: the gateway is not running.
        WeaverError: the gateway answers with an error.
    """
    import httpx

    from pipelines.core.settings import settings

    url = f"{settings().gateway_url}/v1/routes/{template}"
    try:
        key = {"Authorization": f"Bearer {settings().secret('gateway')}"}
        response = httpx.get(url, headers=key, timeout=10)
    except (httpx.TransportError, FileNotFoundError) as error:
        raise Unavailable(f"the gateway does not answer at {settings().gateway_url}", "Run `weaver up`.") from error
    if response.is_error:
        remedy = f"Run `weaver run {template}` first." if response.status_code == 404 else "Read the gateway's log."
        raise WeaverError(f"the gateway answered with HTTP {response.status_code}: {response.text[:200]}", remedy)
    route: dict[str, Any] = response.json()
    return route


def format_percent(share: float | None) -> str:
    """A share as a percentage; "" of None."""
    return "" if share is None else f"{share:.0%}"


def format_number(number: float | None, unit: str = "") -> str:
    """A number with three digits and its unit; "" of None."""
    return "" if number is None else f"{number:.3g}{unit}"
