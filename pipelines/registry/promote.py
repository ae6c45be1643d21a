"""What becomes of a challenger, and who decided it: tags and aliases of the registered model."""

from datetime import UTC, datetime
from typing import Any, Literal

from pipelines.artifacts import Candidate, DatasetVersion, Promotion, Verdict
from pipelines.errors import WeaverError
from pipelines.plan import TrainingPlan
from pipelines.tracking import tracking

Decision = Literal["approved", "rejected", "gate_failed"]


def promote(candidate: Candidate, verdict: Verdict, by: str, why: str) -> Promotion:
    """Make the candidate champion; the champion before it becomes `previous_champion`. Twice is once.

    Args:
        by: the person who approved.
    Raises:
        WeaverError: the gate failed: a person approves what the gate let through, and nothing else.
    """
    if not verdict.passed:
        raise WeaverError(f"{candidate.name} version {candidate.version} may not be promoted: {verdict.reason}")
    client = tracking().MlflowClient()
    behind = aliases(client, candidate.name)
    champion = behind.get("champion", 0)
    if champion != candidate.version:
        decide(candidate, "approved", by, why)
        if champion:
            client.set_registered_model_alias(candidate.name, "previous_champion", str(champion))
        client.set_registered_model_alias(candidate.name, "champion", str(candidate.version))
    else:
        champion = behind.get("previous_champion", 0)
    tags = client.get_model_version(candidate.name, str(candidate.version)).tags
    return Promotion(
        name=candidate.name,
        from_version=champion,
        to_version=candidate.version,
        by=tags["decided_by"],
        at=tags["decided_at"],
        why=tags["decided_why"],
    )


def reject(candidate: Candidate, by: str, why: str) -> Candidate:
    """Keep the champion, and do not ask again about the same data and plan."""
    decide(candidate, "rejected", by, why)
    return candidate


def decide(candidate: Candidate, decision: Decision, by: str, why: str) -> None:
    client = tracking().MlflowClient()
    at = datetime.now(UTC).isoformat(timespec="seconds")
    # `decision` goes last: with it, the other three are sure to be there.
    for key, value in {"decided_by": by, "decided_at": at, "decided_why": why, "decision": decision}.items():
        client.set_model_version_tag(candidate.name, str(candidate.version), key, value)


def decided(version: DatasetVersion | dict[str, Any], plan: TrainingPlan | dict[str, Any]) -> str:
    """What was decided about a model of this very dataset and plan, in a sentence; empty if there is none.

    Training is bit-identical on the same data and plan, so a decision on one such model is a decision on all.
    """
    dataset, plan = DatasetVersion.model_validate(version), TrainingPlan.model_validate(plan)
    client = tracking().MlflowClient()
    query = (
        f"name = '{dataset.name}' and tags.dataset_digest = '{dataset.digest}' and tags.plan_digest = '{plan.digest()}'"
    )
    for model in client.search_model_versions(query):
        if decision := model.tags.get("decision"):
            return f"{dataset.name} version {model.version} was trained on {dataset.tag} with this plan: {decision}"
    return ""


def aliases(client: Any, name: str) -> dict[str, int]:
    return {alias: int(version) for alias, version in client.get_registered_model(name).aliases.items()}


def behind_aliases(name: str) -> dict[str, dict[str, Any]]:
    """`alias → version, run_id and tags` of a registered model.

    Raises:
        WeaverError: nothing was registered under this name yet.
    """
    mlflow = tracking()
    client = mlflow.MlflowClient()
    if not client.search_registered_models(f"name = '{name}'"):
        raise WeaverError(f"no model {name!r} is registered yet", f"Run `weaver run {name}` first.")
    shown = {}
    for alias, number in sorted(aliases(client, name).items()):
        version = client.get_model_version(name, str(number))
        shown[alias] = {"version": number, "run_id": version.run_id, "tags": dict(version.tags)}
    return shown
