"""The answering stage: which version answers, since when, and what it was trained on, as the ledger has it."""

from datetime import datetime

from pipelines.core.artifacts import DeployedVersion
from pipelines.core.plan import TrainingPlan
from pipelines.registry import ledger


def fetch_deployed_version(plan: TrainingPlan) -> DeployedVersion:
    """Asks the ledger alone, so that it costs nothing to look every hour.

    Raises:
        WeaverError: the ledger is not whole.
    """
    name = plan.template
    entries = [entry for entry in ledger.read() if entry.name == name]
    came = [entry for entry in entries if entry.event == "deployed"]
    if not came:
        return DeployedVersion(name=name)
    trained = [to_epoch(entry) for entry in entries if entry.event == "registered"]
    return DeployedVersion(
        name=name,
        version=came[-1].version,
        since=to_epoch(came[-1]),
        dataset=came[-1].dataset,
        trained=max(trained, default=0.0),
    )


def to_epoch(entry: ledger.Entry) -> float:
    return datetime.fromisoformat(entry.at).timestamp()
