"""An earlier champion answers again: alias, deployment and ledger agree afterwards, whatever happened on the way."""

import shutil
import time

import pytest

from pipelines.core.errors import WeaverError
from pipelines.core.routes import Route, ServedVersion, write_route
from pipelines.core.settings import settings
from pipelines.registry import ledger
from pipelines.registry.ledger_check import verify_ledger
from pipelines.serving import model_store
from pipelines.serving.deployment_pointer import (
    deployed_version_number,
    read_deployment,
    write_deployment,
)

from ..models import Home, killed
from .test_promote import agree


def test_the_champion_before_answers_again(models: Home) -> None:
    models.promoted(1, 2)
    began = time.monotonic()
    back = models.rollback(why="it talks nonsense")
    assert time.monotonic() - began < 60
    agree(models, 1)
    assert models.champions() == (1, 0)
    assert (back["promote"].kind, back["promote"].from_version, back["promote"].to_version) == ("rollback", 2, 1)
    intent, done = ledger.read_entries()[-2:]
    assert (intent.event, intent.by, intent.why) == ("rollback", "ada", "it talks nonsense")
    assert (done.event, done.version, done.model) == ("deployed", 1, read_deployment(models.name).digest)


def test_each_rollback_goes_one_champion_further_back_and_any_can_be_named(models: Home) -> None:
    models.promoted(1, 2, 3)
    for version, before in ((2, 1), (1, 0)):
        models.rollback()
        agree(models, version)
        assert models.champions() == (version, before)
    with pytest.raises(WeaverError, match=r"there was no champion .* before version 1"):
        models.rollback()
    models.rollback(to=3)
    agree(models, 3)
    assert models.champions() == (3, 2)


def test_after_a_rollback_the_next_challenger_replaces_the_one_that_answers(models: Home) -> None:
    models.promoted(1, 2)
    models.rollback()
    models.promote(models.challenger(3, champion=1))
    agree(models, 3)
    models.rollback()
    agree(models, 1)


@pytest.mark.parametrize("kept", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_killed_before_any_of_its_changes_it_is_finished_by_running_it_again(kept: bool, models: Home) -> None:
    models.promoted(1, 2)
    step, was_killed = 0, True
    while was_killed:
        step += 1
        to = 1 if deployed_version_number(models.name) == 2 else 2
        if not kept:
            shutil.rmtree(model_store.local_folder(models.name) / f"v{to}")
            shutil.rmtree(models.work / "fetch_champion", ignore_errors=True)
        was_killed = killed(lambda to=to: models.rollback(to=to), step)
        if ledger.find_unfinished_intent(models.name):
            models.rollback(why="again")
        elif deployed_version_number(models.name) != to:  # not begun
            models.rollback(to=to)
        ledger.publish_head_tag(models.client, models.name)  # as the retry of a task does
        agree(models, to)
        moves = [entry.event for entry in ledger.read_entries() if entry.changes_champion]
        assert moves == ["promotion", "deployed"] * 2 + ["rollback", "deployed"] * step
    assert step > (7 if kept else 9), "every change of a rollback was interrupted"


def test_one_that_cannot_be_finished_may_go_to_another_version(models: Home) -> None:
    models.promoted(1, 2, 3)
    published = (
        settings().home / "models" / models.name / model_store.versions(models.name)[2].digest / "model.safetensors"
    )
    whole = published.read_bytes()
    for file in (published, model_store.local_folder(models.name) / "v2" / "model.safetensors"):
        file.unlink()  # not written to: they are links to the exported one
        file.write_bytes(b"something else")
    with pytest.raises(WeaverError, match="was changed after it was published"):
        models.rollback()
    assert deployed_version_number(models.name) == 3 and models.champions()[0] == 2
    models.rollback(to=3)
    agree(models, 3)
    published.write_bytes(whole)
    models.rollback()
    agree(models, 2)


def test_a_version_that_may_not_answer_is_refused_with_those_that_may(models: Home) -> None:
    models.promoted(1, 2)
    models.challenger(3, champion=2)
    for to, told in (
        (3, "version 3 of .* was never champion"),
        (9, "version 9 of .* was never champion"),
        (2, r"version 2 \(promotion by ada.* is champion and deployed already"),
    ):
        with pytest.raises(WeaverError, match=told) as refused:
            models.rollback(to=to)
        assert to == 2 or "one of: 1, 2" in refused.value.remedy
    models.client.delete_model_version(models.name, "1")
    for to in (1, 0):
        with pytest.raises(WeaverError, match=r"version 1 of .* was removed from the registry"):
            models.rollback(to=to)
    with pytest.raises(WeaverError, match="a rollback has no reason"):
        models.rollback(why=" ")
    agree(models, 2)


def test_without_a_champion_there_is_nothing_to_roll_back(models: Home) -> None:
    with pytest.raises(WeaverError, match="has no promotion"):
        models.rollback()


def test_a_deployment_or_route_that_was_changed_by_hand_is_reported_and_rebuilt(models: Home) -> None:
    models.promoted(1, 2)
    write_deployment(read_deployment(models.name).model_copy(update={"version": 1}))
    ((what, remedy, *_),) = verify_ledger({models.name: deployed_version_number(models.name)})[1]
    assert "version 1 of" in what and "is deployed, and version 2 is champion" in what
    assert f"weaver registry reconcile {models.name}" in remedy
    models.rollback(to=2, why="put right")
    agree(models, 2)
    version = ServedVersion(name=models.name, version=1, digest="", system_prompt="", max_new_tokens=1, endpoints=())
    write_route(Route(name=models.name, champion=1, versions=[version], shares={1: 1.0}))
    ((what, *_),) = verify_ledger({models.name: 2})[1]
    assert f"the requests for {models.name} go to version 1, and version 2 is champion" in what
