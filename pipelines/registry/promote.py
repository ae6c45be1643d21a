"""What becomes of a challenger, and who decided it: the ledger says first, the registered model's aliases follow."""

from datetime import UTC, datetime
from typing import Any, Literal

from pipelines.alerts import alert
from pipelines.clients.mlflow import connect_mlflow, promotion_lock, read_aliases
from pipelines.core.artifacts import (
    NOBODY,
    Candidate,
    DatasetVersion,
    Evaluation,
    Evidence,
    PreferenceDataset,
    Promotion,
    Verdict,
)
from pipelines.core.errors import WeaverError
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings
from pipelines.registry import ledger, prompts
from pipelines.registry.evidence import verify_evidence

Outcome = Literal["approved", "rejected", "gate_failed"]


def promote(
    candidate: Candidate,
    evaluation: Evaluation,
    verdict: Verdict,
    evidence: Evidence,
    plan: TrainingPlan,
    by: str,
    why: str,
    record: dict[str, Any] | None = None,
) -> Promotion:
    """Make the candidate champion; the champion before it becomes `previous_champion`. It is idempotent.

    Nothing is taken on trust: what is promoted is what the signed evidence is about and what MLflow has registered.
    The ledger's entry is the intent: killed after it, the same call carries on with it, whatever was done already.

    Args:
        by: the person who approved.
        record: what proves it, see `approval.read_decision`; kept in the ledger.
    Raises:
        WeaverError: the evidence is not about this candidate, or was changed; the gate failed; the run was an
            experiment; the champion is not the one that the candidate was compared with any more; the candidate was
            champion already, and something took its place; an alias was moved by hand.
        Unavailable: MLflow does not answer.
    """
    name, version = candidate.name, candidate.version
    verify_evidence(evidence, candidate, evaluation, verdict, plan)
    if plan.experiment:
        raise WeaverError(
            f"{name} version {version} may not be promoted: its run was an experiment, which changed a safeguard",
            f"Run `weaver run {name}` without --experiment.",
        )
    if not verdict.passed:
        raise WeaverError(f"{name} version {version} may not be promoted: the gate {verdict.reason}")
    ledger.append_entry("approved", name, version, by, why, evidence=evidence.digest, record=record)
    with promotion_lock(name):
        client, past = connect_mlflow().MlflowClient(), ledger.read_intents(name)
        if past and past[-1].version == version:
            intent = past[-1]
        elif any(entry.version == version for entry in past):
            raise WeaverError(
                f"{name} version {version} was champion already, and {describe_intent(past[-1])} took its place",
                f"To have it back: weaver rollback {name} --to {version} --why …",
            )
        else:
            champion = verify_champion(client, name)
            if champion != evaluation.champion:
                raise WeaverError(
                    f"{name} version {version} was compared with champion {evaluation.champion or 'none'}, and by now "
                    f"{describe_intent(past[-1]) if past else f'version {champion}'} is champion",
                    f"Run `weaver run {name}` again: it compares with the present champion.",
                )
            moved = prompt_record(client, name, version)
            intent = ledger.append_entry("promotion", name, version, by, why, champion, evidence.digest, record=moved)
        if intent.event == "promotion":
            tag_decision(candidate, "approved", intent.by, intent.why)
        set_aliases(client, intent)
    alert(
        f"{name} version {version} is champion, approved by {intent.by}: {intent.why}",
        severity="info",
        key=f"{name}.champion",
        template=name,
        link=f"{settings().mlflow_url}/#/models/{name}/versions/{version}",
    )
    return to_promotion(intent)


def reject(candidate: Candidate, by: str, why: str, record: dict[str, Any] | None = None) -> Candidate:
    """Keep the champion; unless nobody answered, do not ask again about the same data and plan.

    Args:
        by: the person who rejected it, or NOBODY.
        record: what proves it; kept in the ledger.
    """
    ledger.append_entry("rejected", candidate.name, candidate.version, by, why, record=record)
    tag_decision(candidate, "rejected", by, why)
    return candidate


def tag_decision(candidate: Candidate, decision: Outcome, by: str, why: str) -> None:
    """Tag a version with what was decided about it, by whom, when and why."""
    client = connect_mlflow().MlflowClient()
    at = datetime.now(UTC).isoformat(timespec="seconds")
    # `decision` goes last: with it, the other three are sure to be there.
    for key, value in {"decided_by": by, "decided_at": at, "decided_why": why, "decision": decision}.items():
        client.set_model_version_tag(candidate.name, str(candidate.version), key, value)


def find_decision(
    version: DatasetVersion | dict[str, Any],
    plan: TrainingPlan | dict[str, Any],
    preferences: PreferenceDataset | dict[str, Any] | None = None,
) -> str:
    """What was decided about a model of this very dataset and plan, in a sentence; empty if there is none.

    Training is bit-identical on the same data and plan (and on the same preferences, where it learns from them), so a
    decision on one such model is a decision on all. That nobody answered in time is none.
    """
    dataset, plan = DatasetVersion.model_validate(version), TrainingPlan.model_validate(plan)
    client = connect_mlflow().MlflowClient()
    query = (
        f"name = '{dataset.name}' and tags.dataset_digest = '{dataset.digest}' and tags.plan_digest = '{plan.digest()}'"
    )
    if preferences and plan.preference.enabled:
        query += f" and tags.preferences = '{PreferenceDataset.model_validate(preferences).tag}'"
    for model in client.search_model_versions(query):
        if (decision := model.tags.get("decision")) and model.tags["decided_by"] != NOBODY:
            return f"{dataset.name} version {model.version} was trained on {dataset.tag} with this plan: {decision}"
    return ""


def verify_champion(client: Any, name: str) -> int:
    """The champion, on whom the ledger and MLflow's alias agree; 0 is none.

    Raises:
        WeaverError: they do not: a promotion or rollback was not finished, or somebody moved the alias by hand.
    """
    champion, past = read_aliases(client, name).get("champion", 0), ledger.read_intents(name)
    if not past:
        if champion:
            raise WeaverError(
                f"somebody made version {champion} of {name} champion by hand: the ledger has no promotion of {name}",
                f"Remove the alias champion of {name} in MLflow.",
            )
        return 0
    intent = past[-1]
    if champion == intent.version:
        return champion
    if ledger.find_unfinished_intent(name) and champion == intent.from_version:
        raise WeaverError(
            f"{describe_intent(intent)} of {name} was not finished: the champion is still {champion or 'none'}",
            f"Run it again (in Airflow: clear its failed task); or give it up: weaver rollback {name} --why …",
        )
    raise WeaverError(
        f"somebody moved the alias champion of {name} by hand to {champion or 'nothing'}: for the ledger, "
        f"{describe_intent(intent)} is champion",
        f"Put it back: weaver rollback {name} --to {intent.version} --why …",
    )


def resolve_champion(plan: TrainingPlan) -> Promotion:
    """The promotion or rollback that made the present champion: what is to be deployed where it does not answer.

    Raises:
        WeaverError: there is no champion; or it is not the ledger's, and nothing of it is deployed.
        Unavailable: MLflow does not answer.
    """
    name = plan.template
    past = ledger.read_intents(name)
    if not verify_champion(connect_mlflow().MlflowClient(), name) or not past:
        raise WeaverError(f"{name} has no champion that the ledger knows of", f"Run `weaver run {name}` first.")
    return to_promotion(past[-1])


def set_aliases(client: Any, intent: ledger.LedgerEntry) -> None:
    """Move the aliases to where an intent wants them: `champion` last, so that it is never without the others."""
    before = find_previous_champion(intent.name, intent.version)
    if version_exists(client, intent.name, before):
        client.set_registered_model_alias(intent.name, "previous_champion", str(before))
    else:
        client.delete_registered_model_alias(intent.name, "previous_champion")
    prompts.set_champion_prompt(client, intent.name, intent.version)
    client.set_registered_model_alias(intent.name, "champion", str(intent.version))


def prompt_record(client: Any, name: str, version: int) -> dict[str, str]:
    """What the ledger keeps of the prompt whose label moves with the model's."""
    prompt = prompts.read_prompt(client, name, version)
    return {"prompt": prompt} if prompt else {}


def find_previous_champion(name: str, version: int) -> int:
    """The champion that a version took the place of when it was promoted; 0 is none."""
    promotions = [
        entry for entry in ledger.read_intents(name) if entry.event == "promotion" and entry.version == version
    ]
    return promotions[-1].from_version if promotions else 0


def version_exists(client: Any, name: str, version: int) -> bool:
    """Return whether MLflow's registry has this version."""
    return bool(client.search_model_versions(f"name = '{name}' and version_number = {version}"))


def to_promotion(intent: ledger.LedgerEntry) -> Promotion:
    """Return the promotion that an entry of the ledger announced."""
    return Promotion(
        name=intent.name,
        from_version=intent.from_version,
        to_version=intent.version,
        by=intent.by,
        at=intent.at,
        why=intent.why,
        kind="rollback" if intent.event == "rollback" else "promotion",
    )


def describe_intent(intent: ledger.LedgerEntry) -> str:
    """Return what an entry of the ledger announced, in a line."""
    return f"version {intent.version} ({intent.event} by {intent.by}, {intent.at}: {intent.why})"


def describe_aliases(name: str) -> dict[str, dict[str, Any]]:
    """`alias → version, run_id and tags` of a registered model.

    Raises:
        WeaverError: nothing was registered under this name yet.
    """
    client = connect_mlflow().MlflowClient()
    if not client.search_registered_models(f"name = '{name}'"):
        raise WeaverError(f"no model '{name}' is registered yet", f"Run `weaver run {name}` first.")
    shown = {}
    for alias, number in sorted(read_aliases(client, name).items()):
        version = client.get_model_version(name, str(number))
        shown[alias] = {"version": number, "run_id": version.run_id, "tags": dict(version.tags)}
    return shown
