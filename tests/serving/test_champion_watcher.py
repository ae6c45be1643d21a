"""The watcher of champions, beside deployments that somebody makes; tests/e2e lets MLflow set one."""

import asyncio
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.settings import REPOSITORY
from pipelines.serving.deployment_pointer import deployment_lock, is_being_deployed

UNDEPLOYED = ("service_advisor", 2)
STEP = 0.01  # seconds between two looks


@pytest.fixture
def watcher(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(REPOSITORY / "plugins"))
    from weaver_plugins import champion_watcher

    monkeypatch.setattr(champion_watcher, "POLL_SECONDS", STEP)
    monkeypatch.setattr(champion_watcher, "GRACE_SECONDS", 10 * STEP)
    find = lambda: {UNDEPLOYED: is_being_deployed(UNDEPLOYED[0])}  # noqa: E731
    monkeypatch.setattr(champion_watcher, "find_undeployed_champions", find)
    yield champion_watcher


def count_events(watcher: Any, *deploying: bool) -> list[int]:
    """How often it has fired after each stretch, in which somebody deploys or nobody does."""
    events: list[Any] = []

    async def listen() -> None:
        async for event in watcher.UndeployedChampionTrigger().run():
            events.append(event.payload)

    async def run_stretches() -> list[int]:
        listening, counts = asyncio.ensure_future(listen()), []
        for somebody in deploying:
            with deployment_lock(UNDEPLOYED[0]) if somebody else nullcontext():
                await asyncio.sleep(40 * STEP)
            counts.append(len(events))
        listening.cancel()
        return counts

    counts = asyncio.run(run_stretches())
    assert all(event == {"template": UNDEPLOYED[0], "version": UNDEPLOYED[1]} for event in events)
    return counts


def test_a_champion_that_nobody_deploys_fires_once(watcher: Any) -> None:
    assert count_events(watcher, False, False) == [1, 1]


def test_one_that_is_being_deployed_does_not_fire(watcher: Any) -> None:
    assert count_events(watcher, True, False) == [0, 1]


def test_a_deployment_that_fails_does_not_fire_again(watcher: Any) -> None:
    assert count_events(watcher, False, True, False) == [1, 1, 1]


def test_a_refused_sign_in_is_logged_once_and_the_trigger_goes_on(
    watcher: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    find, failures = watcher.find_undeployed_champions, [WeaverError("MLflow refused the sign-in")] * 3
    failures.append(Unavailable("MLflow does not answer"))

    def fail_first() -> Any:
        if failures:
            raise failures.pop(0)
        return find()

    monkeypatch.setattr(watcher, "find_undeployed_champions", fail_first)
    assert count_events(watcher, False, False) == [1, 1]
    log = capsys.readouterr().out + caplog.text  # Airflow's logging goes to either
    assert (log.count("refused the sign-in"), log.count("does not answer")) == (1, 1)


def test_the_champions_of_mlflow_that_are_not_deployed_are_found(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY / "plugins"))
    from weaver_plugins import champion_watcher

    champions = {"service_advisor": 2, "sales_assistant": 3, "parts_counter": None}
    monkeypatch.setattr(champion_watcher, "find_template_files", lambda: champions)
    monkeypatch.setattr(champion_watcher, "alias_version", lambda name, alias: champions[name])
    monkeypatch.setattr(champion_watcher, "deployed_version_number", {"service_advisor": 2, "sales_assistant": 2}.get)
    assert champion_watcher.find_undeployed_champions() == {("sales_assistant", 3): False}
