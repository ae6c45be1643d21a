"""The stage `fetch_deployed_version`: which version is deployed, since when, and on which dataset it was trained."""

from datetime import datetime

from pipelines.core.artifacts import DeployedVersion
from pipelines.core.plan import TrainingPlan
from pipelines.registry import ledger


def fetch_deployed_version(plan: TrainingPlan) -> DeployedVersion:
    """Reads the ledger alone, so that an hourly call costs nothing.

    Raises:
        WeaverError: the ledger is not intact.
    """
    name = plan.template
    entries = [entry for entry in ledger.read_entries() if entry.name == name]
    deployed = [entry for entry in entries if entry.event == "deployed"]
    if not deployed:
        return DeployedVersion(name=name)
    trained = [to_epoch(entry) for entry in entries if entry.event == "registered"]
    return DeployedVersion(
        name=name,
        version=deployed[-1].version,
        since=to_epoch(deployed[-1]),
        dataset=deployed[-1].dataset,
        trained=max(trained, default=0.0),
    )


def to_epoch(entry: ledger.LedgerEntry) -> float:
    """Return when an entry of the ledger was made, in seconds since the epoch."""
    return datetime.fromisoformat(entry.at).timestamp()
