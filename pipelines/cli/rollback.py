"""`weaver rollback`: an earlier champion is champion again, and is deployed."""

import getpass
import time
from typing import Annotated, Any

import typer

from pipelines.cli.console import AsJson, Template, out, print_json, reserve_stdout
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.stages.run import run_stage

app = typer.Typer()

To = Annotated[int, typer.Option(min=0, help="The version to deploy; without it, the champion before this one.")]
Why = Annotated[str, typer.Option(help="Why; kept in the ledger.")]
By = Annotated[str, typer.Option(help="Who decides; without it, the user of this machine.")]


@app.command()
def rollback(template: Template, why: Why, to: To = 0, by: By = "", as_json: AsJson = False) -> None:
    """Make an earlier champion answer again; the same command finishes one that was interrupted."""
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
    artifacts = deploy_champion(plan, run_stage("rollback", plan, {}, **signed))
    if as_json:
        print_json({name: artifact.model_dump(mode="json") for name, artifact in artifacts.items()})
        return
    moved = artifacts["promote"]
    out.print(
        f"Version {moved.to_version} of {template} answers again, instead of {moved.from_version or 'none'} "
        f"({time.monotonic() - began:.0f} s)."
    )


def deploy_champion(plan: TrainingPlan, promotion: Any) -> dict[str, Any]:
    """Deploy a champion and write it into the ledger; its export is rebuilt if it is gone. Returns the artifacts."""
    from pipelines.serving.deploy import is_published

    artifacts: dict[str, Any] = {"promote": promotion}
    if not is_published(promotion):
        out.print("The deployed files are gone: they are rebuilt from the registry.", style="dim")
        artifacts["fetch_champion"] = run_stage("fetch_champion", plan, artifacts)
        artifacts["export"] = run_stage("rebuild_export", plan, artifacts)
    artifacts["deploy"] = run_stage("deploy", plan, artifacts)
    return artifacts | {"append_ledger": run_stage("append_ledger", plan, artifacts)}
