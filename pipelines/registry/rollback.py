"""The rollback stage: an earlier champion is champion again."""

from typing import Any

from pipelines.clients.mlflow import connect_mlflow, promotion_lock, read_aliases
from pipelines.core.artifacts import Promotion
from pipelines.core.errors import WeaverError
from pipelines.core.plan import TrainingPlan
from pipelines.registry import ledger
from pipelines.registry.promote import (
    describe_intent,
    find_previous_champion,
    prompt_record,
    set_aliases,
    to_promotion,
    verify_champion,
    version_exists,
)


def rollback(plan: TrainingPlan, by: str, why: str, to: int = 0, deployed: int = 0) -> Promotion:
    """Write the intent into the ledger, then move the aliases; what is deployed follows in the stages after it.

    A rollback that was killed is continued, also without `to`.

    Args:
        to: the version that becomes champion; 0 is the champion before the present one.
        deployed: the version that is deployed; 0 if none is, or if nobody knows.
    Raises:
        WeaverError: no reason; there is no such version, it was never champion, or it is and is deployed already; an
            alias was moved by hand, and `to` does not say where to.
        Unavailable: MLflow does not answer.
    """
    name = plan.template
    if not why.strip():
        raise WeaverError("a rollback has no reason", "Say why with --why; it is kept in the ledger.")
    with promotion_lock(name):
        client, intent = connect_mlflow().MlflowClient(), ledger.find_unfinished_intent(name)
        if intent is None or intent.event != "rollback" or to not in (0, intent.version):
            past = ledger.read_intents(name)
            if not past:
                raise WeaverError(f"the ledger has no promotion of {name}", f"Run `weaver run {name}` first.")
            target = to or find_target(client, name, intent)
            champion = read_aliases(client, name).get("champion", 0)
            check_target(client, past, target)
            if intent is None and {target} == {past[-1].version, champion, deployed}:
                raise WeaverError(
                    f"{describe_intent(past[-1])} of {name} is champion and deployed already",
                    "Nothing needs to be done.",
                )
            replaced = past[-1].version if past[-1].version != target else champion
            intent = ledger.append_entry(
                "rollback", name, target, by, why, replaced, record=prompt_record(client, name, target)
            )
        set_aliases(client, intent)
    return to_promotion(intent)


def find_target(client: Any, name: str, intent: ledger.LedgerEntry | None) -> int:
    """The champion before the present one, or the one that an unfinished promotion wanted to replace."""
    champion = intent.version if intent else verify_champion(client, name)
    target = find_previous_champion(name, champion)
    if not target:
        raise WeaverError(
            f"there was no champion of {name} before version {champion}",
            f"`weaver ledger show {name}` lists all that were; say which with --to.",
        )
    return target


def check_target(client: Any, past: list[ledger.LedgerEntry], target: int) -> None:
    """That a version may answer: somebody approved it once, and it is still there."""
    name, champions = past[0].name, {number for entry in past for number in (entry.version, entry.from_version)}
    there = [str(number) for number in sorted(champions) if version_exists(client, name, number)]
    if str(target) not in there:
        what = "was removed from the registry" if target in champions else "was never champion: nobody approved it"
        raise WeaverError(f"version {target} of {name} {what}", f"Choose one of: {', '.join(there)}.")
