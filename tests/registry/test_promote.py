"""A challenger becomes champion once and whole: the ledger first, the aliases next, the deployment last."""

import threading
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.artifacts import NOBODY, Evidence, ReviewScores, Verdict
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.files import digest
from pipelines.registry import ledger
from pipelines.registry.ledger_check import verify_ledger
from pipelines.registry.promote import describe_aliases, find_decision
from pipelines.serving.deployment_pointer import deployed_version_number

from ..models import PASSED, Home, killed
from ..servers import Server


def agree(models: Home, champion: int) -> None:
    """The ledger, MLflow's alias and the deployment say that this version answers."""
    assert verify_ledger({models.name: deployed_version_number(models.name)})[1] == []
    assert models.champions()[0] == deployed_version_number(models.name) == champion
    said = [entry for entry in ledger.read_entries() if entry.changes_champion][-1]
    assert (said.event, said.version) == ("deployed", champion)


def told(models: Home) -> list[tuple[str, int, int]]:
    return [
        (entry.event, entry.from_version, entry.version) for entry in ledger.read_entries() if entry.name == models.name
    ]


def test_a_champion_has_its_whole_story_in_the_ledger(models: Home) -> None:
    models.promoted(1, 2)
    agree(models, 2)
    assert models.champions() == (2, 1)
    assert told(models) == [
        ("registered", 0, 1),
        ("approved", 0, 1),
        ("promotion", 0, 1),
        ("deployed", 0, 1),
        ("registered", 0, 2),
        ("approved", 0, 2),
        ("promotion", 1, 2),
        ("deployed", 1, 2),
    ]
    promotion = ledger.read_entries()[-2]
    assert (promotion.by, promotion.why) == ("ada", "better") and len(promotion.evidence) == 64
    assert (promotion.dataset, promotion.plan_digest) == (models.dataset.tag, models.plan.digest())
    tags = describe_aliases(models.name)["champion"]["tags"]
    assert (tags["decision"], tags["decided_by"], tags["decided_why"]) == ("approved", "ada", "better")


def test_promoting_twice_is_promoting_once(models: Home) -> None:
    challenger = models.challenger(1)
    first = models.promote(challenger)
    assert models.promote(challenger, by="bob", why="again") == first
    assert [event for event, *_ in told(models)].count("promotion") == 1


def test_killed_before_any_of_its_changes_it_is_finished_by_running_it_again(models: Home) -> None:
    champion, step = 0, 1
    while True:
        challenger = models.challenger(champion + 1, champion)
        was_killed = killed(lambda challenger=challenger: models.promote(challenger), step)
        models.promote(challenger)
        champion, step = champion + 1, step + 1
        agree(models, champion)
        assert models.champions() == (champion, champion - 1)
        assert [event for event, *_ in told(models)].count("deployed") == champion
        if not was_killed:
            break
    assert step > 12, "every change of a promotion was interrupted"


def test_of_two_promotions_at_once_one_wins_and_the_other_is_told(models: Home) -> None:
    models.promoted(1)
    rivals = [models.challenger(seed, champion=1) for seed in (2, 3)]
    outcomes: list[Any] = []
    start = threading.Barrier(2)

    def promote(rival: dict[str, Any]) -> None:
        start.wait()
        try:
            outcomes.append(models.promote(rival)["promote"].to_version)
        except WeaverError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=promote, args=(rival,)) for rival in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [outcome for outcome in outcomes if isinstance(outcome, int)]
    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, WeaverError)]
    assert "compared with champion 1, and by now version" in refused.what and "weaver run" in refused.remedy
    agree(models, winner)
    assert models.champions() == (winner, 1)


def test_a_verdict_that_failed_is_never_promoted(models: Home) -> None:
    failed = models.challenger(1) | {"gate": Verdict(passed=False, rules=[], reason="failed: too slow")}
    failed["collect_evidence"] = models.evidence(failed)
    with pytest.raises(WeaverError, match="may not be promoted: the gate failed: too slow"):
        models.promote(failed)
    assert models.champions() == (0, 0)
    assert told(models) == [("registered", 0, 1)]


@pytest.mark.parametrize("to", ["other", "none"])
def test_an_alias_moved_by_hand_is_refused_with_what_puts_it_back(models: Home, to: str) -> None:
    models.promoted(1, 2)
    if to == "other":
        models.client.set_registered_model_alias(models.name, "champion", "1")
    else:
        models.client.delete_registered_model_alias(models.name, "champion")
    late = models.challenger(3, champion=2)
    with pytest.raises(
        WeaverError, match=f"alias champion of {models.name} by hand to {'1' if to == 'other' else 'no'}"
    ):
        models.promote(late)
    with pytest.raises(WeaverError, match="by hand") as refused:
        models.run("fetch_champion", {})
    assert f"weaver rollback {models.name} --to 2" in refused.value.remedy
    models.rollback(to=2, why="put back")
    agree(models, 2)
    assert models.promote(late)["promote"].to_version == 3


def test_a_champion_by_hand_before_the_first_promotion_is_refused(models: Home) -> None:
    challenger = models.challenger(1, champion=1)
    models.client.set_registered_model_alias(models.name, "champion", "1")
    with pytest.raises(WeaverError, match="the ledger has no promotion"):
        models.promote(challenger)


def test_a_late_try_does_not_undo_a_rollback(models: Home) -> None:
    models.promoted(1)
    second = models.challenger(2, champion=1)
    models.run("promote", second, by="ada", why="better")  # its deployment is still to come
    models.rollback()
    agree(models, 1)
    with pytest.raises(WeaverError, match=r"was champion already, and version 1 \(rollback") as refused:
        models.promote(second)
    assert "--to 2" in refused.value.remedy
    agree(models, 1)


def test_a_deployment_that_comes_after_a_rollback_is_refused(models: Home) -> None:
    models.promoted(1)
    second = models.challenger(2, champion=1)
    second["promote"] = models.run("promote", second, by="ada", why="better")
    models.rollback()
    with pytest.raises(WeaverError, match=r"version 2 .* is no longer the champion: version 1 is"):
        models.run("deploy", second)
    agree(models, 1)


def test_an_unfinished_promotion_stops_the_next_until_it_is_finished_or_given_up(models: Home) -> None:
    models.promoted(1)
    second, third = models.challenger(2, champion=1), models.challenger(3, champion=1)
    assert killed(lambda: models.promote(second), 5)  # approved and its head, promotion and its head; then tags
    assert told(models)[-1] == ("promotion", 1, 2) and models.champions()[0] == 1
    with pytest.raises(WeaverError, match=r"version 2 \(promotion by ada.* was not finished"):
        models.promote(third)
    models.rollback(why="given up")
    agree(models, 1)
    models.promote(third)
    agree(models, 3)


@pytest.mark.slow
def test_without_mlflow_nothing_is_half_done(models: Home, own_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.core.settings import settings

    own_server.start()
    monkeypatch.setenv("WEAVER_TRACKING_URI", own_server.url)
    settings.cache_clear()
    models.promoted(1)
    second = models.challenger(2, champion=1)
    own_server.kill()
    before = ledger.read_entries()
    with pytest.raises(Unavailable, match="weaver up"):
        models.promote(second)
    assert ledger.read_entries() == before and deployed_version_number(models.name) == 1
    own_server.start()
    models.promote(second)
    agree(models, 2)


def test_a_rejection_is_kept_and_nobodys_is_asked_again(models: Home) -> None:
    challenger = models.challenger(1)
    models.run("reject", challenger, by=NOBODY, why="nobody answered")
    assert find_decision(models.dataset, models.plan) == ""
    models.run("reject", challenger, by="ada", why="not tonight")
    assert find_decision(models.dataset, models.plan).endswith("with this plan: rejected")
    assert [(entry.event, entry.by, entry.why) for entry in ledger.read_entries()[-2:]] == [
        ("rejected", NOBODY, "nobody answered"),
        ("rejected", "ada", "not tonight"),
    ]


def forge_verdict(models: Home, candidate: dict[str, Any]) -> dict[str, Any]:
    """The gate said no, and somebody gives `promote` another verdict."""
    return candidate | {"gate": Verdict(passed=True, rules=[], reason="passed: all rules hold, surely")}


def forge_evaluation(models: Home, candidate: dict[str, Any]) -> dict[str, Any]:
    """Compared with another champion than it says."""
    return candidate | {"evaluate": candidate["evaluate"].model_copy(update={"champion": 7})}


def forge_candidate(models: Home, candidate: dict[str, Any]) -> dict[str, Any]:
    """Another version than the one that was approved."""
    return candidate | {"register": candidate["register"].model_copy(update={"version": 1})}


def forge_evidence(models: Home, candidate: dict[str, Any]) -> dict[str, Any]:
    """Evidence that was changed, with its digest put right."""
    pack = Path(candidate["collect_evidence"].uri)
    (pack / "verdict.json").write_text(PASSED.model_dump_json().replace("true", "true "))
    return candidate | {"collect_evidence": Evidence(uri=str(pack), digest=digest(pack))}


def borrow_evidence(models: Home, candidate: dict[str, Any]) -> dict[str, Any]:
    """The evidence of another candidate, signed and whole."""
    return candidate | {"collect_evidence": models.challenger(9, champion=1)["collect_evidence"]}


def replace_adapter(models: Home, candidate: dict[str, Any]) -> dict[str, Any]:
    """Another adapter behind the version in MLflow."""
    version = str(candidate["register"].version)
    models.client.set_model_version_tag(models.name, version, "adapter_digest", "0" * 64)
    return candidate


def weaken_plan(models: Home, candidate: dict[str, Any]) -> dict[str, Any]:
    """A plan with a weaker gate than the one that was judged by."""
    models.plan = models.plan.model_copy(update={"gate": models.plan.gate.model_copy(update={"gain_over_base": -1.0})})
    return candidate


@pytest.mark.parametrize(
    ("forge", "message"),
    [
        (forge_verdict, "verdict.json is about something else"),
        (forge_evaluation, "evaluation.json is about something else"),
        (forge_candidate, "candidate.json is about something else"),
        (forge_evidence, "does not match its signature"),
        (borrow_evidence, "is about something else"),
        (replace_adapter, "has another adapter_digest in MLflow than in its evidence"),
        (weaken_plan, "plan.json is about something else"),
    ],
)
def test_what_was_forged_is_not_promoted(forge: Any, message: str, models: Home) -> None:
    models.promoted(1)
    candidate = forge(models, models.challenger(2, champion=1))
    before = len(ledger.read_entries())
    with pytest.raises(WeaverError, match=message):
        models.promote(candidate)
    assert models.champions() == (1, 0) and len(ledger.read_entries()) == before, "nothing was decided"


def test_an_experiment_fails_the_gate_and_is_never_promoted(models: Home) -> None:
    models.plan = models.plan.model_copy(update={"experiment": True})
    candidate = models.challenger(1)
    verdict = models.run("gate", candidate | {"collect_scores": ReviewScores()})
    assert not verdict.passed and "an experiment can never be promoted" in verdict.reason
    with pytest.raises(WeaverError, match="may not be promoted: its run was an experiment"):
        models.promote(candidate)
    assert models.client.get_model_version(models.name, "1").tags["experiment"] == "true"


def test_the_ledger_keeps_the_record_of_the_decision(models: Home) -> None:
    record = {"question": {"body": "Promote?"}, "audit_log": {"owner": "ada"}}
    models.run("promote", models.challenger(1), by="ada", why="better", record=record)
    entries = [entry for entry in ledger.read_entries() if entry.event == "approved"]
    assert [entry.record for entry in entries] == [record]
