"""Whether the ledger is whole, and whether it, MLflow and what is deployed say the same."""

from typing import Any, NamedTuple

from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.errors import WeaverError
from pipelines.registry import ledger
from pipelines.registry.promote import describe_intent, verify_champion


class Finding(NamedTuple):
    what: str
    remedy: str


def audit(answering: dict[str, int]) -> tuple[int, list[Finding]]:
    """The number of entries, and all that is wrong.

    Args:
        answering: template → the version that is deployed, 0 for none: of every template that there is.
    Raises:
        Unavailable: MLflow does not answer.
    """
    client = connect_mlflow().MlflowClient()
    try:
        entries = ledger.read()
    except WeaverError as error:
        return 0, [Finding(error.what, error.remedy)]
    names = sorted({entry.name for entry in entries} | set(answering))
    found = [finding for name in names for finding in of(client, name, entries, answering.get(name, 0))]
    return len(entries), found


def of(client: Any, name: str, entries: list[ledger.Entry], answers: int) -> list[Finding]:
    """What is wrong about one model."""
    found = []
    if wrong := ledger.beheaded(entries, name, ledger.head(client, name)):
        found.append(Finding(*wrong))
    try:
        champion = verify_champion(client, name)
    except WeaverError as error:
        return [*found, Finding(error.what, error.remedy)]
    if intent := ledger.unfinished(name):
        again = f"weaver rollback {name} --why …" if intent.event == "rollback" else "the task promote in Airflow"
        found.append(Finding(f"{describe_intent(intent)} of {name} is not deployed yet", f"Finish it: {again}."))
    elif champion != answers:
        found.append(
            Finding(
                f"version {answers or 'none'} of {name} answers, and version {champion or 'none'} is champion",
                f"Let the champion answer: weaver rollback {name} --to {champion} --why …",
            )
        )
    return found
