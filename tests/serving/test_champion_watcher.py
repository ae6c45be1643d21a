"""The watcher of champions, beside deployments that somebody makes; tests/e2e lets MLflow move one."""

import asyncio
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.settings import REPOSITORY
from pipelines.serving.deployment_pointer import deployment_lock

MOVED = ("service_advisor", 2)
STEP = 0.01  # seconds between two looks


@pytest.fixture
def champions(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(REPOSITORY / "plugins"))
    from weaver_plugins import champion_watcher as champions

    async def behind(_: Any) -> Any:
        yield MOVED

    monkeypatch.setattr(champions, "PAUSE", STEP)
    monkeypatch.setattr(champions, "GRACE", 10 * STEP)
    monkeypatch.setattr(champions.ChampionMoved, "behind", behind)
    yield champions


def told(champions: Any, *deployed: bool) -> list[int]:
    """How often it has fired after each stretch, in which somebody deploys or nobody does."""
    events: list[Any] = []

    async def listen() -> None:
        async for event in champions.ChampionMoved().run():
            events.append(event.payload)

    async def story() -> list[int]:
        listening, counts = asyncio.ensure_future(listen()), []
        for somebody in deployed:
            with deployment_lock(MOVED[0]) if somebody else nullcontext():
                await asyncio.sleep(40 * STEP)
            counts.append(len(events))
        listening.cancel()
        return counts

    counts = asyncio.run(story())
    assert all(event == {"template": MOVED[0], "version": MOVED[1]} for event in events)
    return counts


def test_a_champion_that_nobody_deploys_is_told_once(champions: Any) -> None:
    assert told(champions, False, False) == [1, 1]


def test_one_that_is_being_deployed_is_not_told(champions: Any) -> None:
    assert told(champions, True, False) == [0, 1]


def test_a_deployment_that_fails_is_not_told_again(champions: Any) -> None:
    assert told(champions, False, True, False) == [1, 1, 1]
