"""Whether the ledger is intact, and whether it, MLflow and the deployments say the same."""

from typing import Any

from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.errors import WeaverError
from pipelines.core.routes import find_route
from pipelines.registry import ledger, prompts
from pipelines.registry.ledger_chain import Finding, LedgerEntry, check_head_tag
from pipelines.registry.promote import describe_intent, verify_champion


def verify_ledger(deployed: dict[str, int]) -> tuple[int, list[Finding]]:
    """The number of entries, and all that is wrong.

    Args:
        deployed: template → the version that is deployed, 0 for none: of every template that there is.
    Raises:
        Unavailable: MLflow does not answer.
    """
    client = connect_mlflow().MlflowClient()
    try:
        entries = ledger.read_entries()
    except WeaverError as error:
        return 0, [Finding(error.what, error.remedy)]
    names = sorted({entry.name for entry in entries} | set(deployed))
    findings = [finding for name in names for finding in check_model(client, name, entries, deployed.get(name, 0))]
    return len(entries), findings


def check_model(client: Any, name: str, entries: list[LedgerEntry], deployed: int) -> list[Finding]:
    """What is wrong about one model: MLflow's alias is the authority, and all else follows from it."""
    finding = check_head_tag(entries, name, ledger.read_head_tag(client, name))
    findings = [finding] if finding else []
    try:
        champion = verify_champion(client, name)
    except WeaverError as error:
        return [*findings, Finding(error.what, error.remedy)]
    reconcile = f"Run `weaver registry reconcile {name}`."
    if intent := ledger.find_unfinished_intent(name):
        return [
            *findings,
            Finding(f"{describe_intent(intent)} of {name} is not deployed yet", reconcile, rebuild="deployment"),
        ]
    if champion != deployed:
        what = f"version {deployed or 'none'} of {name} is deployed, and version {champion or 'none'} is champion"
        findings.append(Finding(what, reconcile, rebuild="deployment"))
    approved = prompts.read_prompt(client, name, champion) if champion else ""
    if (labelled := prompts.find_champion_prompt(client, name)) != approved:
        what = f"the alias champion of the prompt {prompts.prompt_name(name)} is on {labelled or 'none'}, and version "
        what += f"{champion or 'none'} of {name} was approved with {approved or 'none'}: somebody moved it by hand"
        findings.append(Finding(what, "Put the alias back in MLflow, or promote or roll back again."))
    if (route := find_route(name)) and route.champion != champion:
        what = f"the requests for {name} go to version {route.champion}, and version {champion or 'none'} is champion"
        findings.append(Finding(what, reconcile, rebuild="deployment"))
    return findings


def find_disagreements(name: str, deployed: int) -> list[Finding]:
    """As `verify_ledger`, for one model.

    Raises:
        WeaverError: the ledger is not intact; nothing is derived from it then.
        Unavailable: MLflow does not answer.
    """
    return check_model(connect_mlflow().MlflowClient(), name, ledger.read_entries(), deployed)
