"""`weaver rollback`: an earlier champion is champion again, and is deployed."""

import getpass
import time
from typing import Annotated, Any

import typer

from pipelines.cli.console import AsJson, Template, out, print_json, reserve_stdout
from pipelines.core.make_plan import make_plan
from pipelines.stages.run import run_stage

app = typer.Typer()

To = Annotated[int, typer.Option(min=0, help="The version to deploy; without it, the champion before this one.")]
Why = Annotated[str, typer.Option(help="Why; kept in the ledger.")]
By = Annotated[str, typer.Option(help="Who decides; without it, the user of this machine.")]


@app.command()
def rollback(template: Template, why: Why, to: To = 0, by: By = "", as_json: AsJson = False) -> None:
    """Make an earlier champion answer again; the same command finishes one that was interrupted."""
    from pipelines.serving.deploy import is_published
    from pipelines.serving.deployment_pointer import deployed_version_number

    if as_json:
        reserve_stdout()
    began, plan = time.monotonic(), make_plan(template)
    signed: dict[str, Any] = {
        "by": by or getpass.getuser(),
        "why": why,
        "to": to,
        "deployed": deployed_version_number(template),
    }
    artifacts: dict[str, Any] = {"promote": run_stage("rollback", plan, {}, **signed)}
    if not is_published(artifacts["promote"]):
        out.print("its deployment is gone: it is rebuilt from the registry", style="dim")
        artifacts["fetch_champion"] = run_stage("fetch_champion", plan, artifacts)
        artifacts["export"] = run_stage("rebuild_export", plan, artifacts)
    artifacts["deploy"] = run_stage("deploy", plan, artifacts)
    entry = run_stage("append_ledger", plan, artifacts)
    if as_json:
        print_json(
            {name: artifact.model_dump(mode="json") for name, artifact in artifacts.items()}
            | {"append_ledger": entry.model_dump()}
        )
        return
    moved = artifacts["promote"]
    out.print(
        f"Version {moved.to_version} of {template} answers again, instead of {moved.from_version or 'none'} "
        f"({time.monotonic() - began:.0f} s)."
    )
