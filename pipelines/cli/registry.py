"""`weaver registry`: which versions are registered, and which one is champion."""

from typing import Annotated

import typer
from rich.table import Table

from pipelines.cli.console import AsJson, Template, out, print_json, reserve_stdout
from pipelines.cli.rollback import deploy_champion
from pipelines.core.errors import WeaverError
from pipelines.core.make_plan import make_plan
from pipelines.stages.run import run_stage

app = typer.Typer(no_args_is_help=True)


@app.callback()
def registry() -> None:
    """Which versions are registered, and which one is champion."""


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


@app.command()
def reconcile(
    template: Template,
    check: Annotated[bool, typer.Option("--check", help="Only report; exit code 1 if something differs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Rebuild the deployment, the route and the ledger's tag from MLflow's alias champion, where they differ from it.

    The alias is the one authority; a version that nobody approved is not deployed all the same.
    """
    from pipelines.clients.mlflow import connect_mlflow
    from pipelines.registry.ledger import publish_head_tag
    from pipelines.registry.ledger_check import find_disagreements
    from pipelines.serving.deployment_pointer import deployed_version_number

    if as_json:
        reserve_stdout()
    plan = make_plan(template)
    findings = find_disagreements(template, deployed_version_number(template))
    manual = [finding for finding in findings if not finding.rebuild]
    if not check and not manual:
        rebuilt = {finding.rebuild for finding in findings}
        if "deployment" in rebuilt:
            deploy_champion(plan, run_stage("resolve_champion", plan, {}))
        if "tag" in rebuilt:
            publish_head_tag(connect_mlflow().MlflowClient(), template)
    if as_json:
        print_json({"version": deployed_version_number(template), "differed": [finding.what for finding in findings]})
    elif findings:
        for finding in findings:
            out.print(f"- {finding.what}", highlight=False, soft_wrap=True)
    if manual:
        raise WeaverError(manual[0].what, manual[0].remedy)
    if check and findings:
        raise typer.Exit(1)
    if not as_json:
        version = deployed_version_number(template)
        state = "were rebuilt" if findings else "agree already"
        out.print(f"Deployment, route and ledger of {template} {state}: champion is version {version or 'none'}.")
