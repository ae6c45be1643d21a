"""The watcher of champions, beside deployments that somebody makes; tests/e2e lets MLflow move one."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.serving.pointer import deploying
from pipelines.settings import REPOSITORY

MOVED = ("service_advisor", 2)
STEP = 0.01  # seconds between two looks


@pytest.fixture
def champions(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(REPOSITORY / "plugins"))
    import champions

    async def behind(_: Any) -> Any:
        yield MOVED

    monkeypatch.setattr(champions, "PAUSE", STEP)
    monkeypatch.setattr(champions, "GRACE", 10 * STEP)
    monkeypatch.setattr(champions.ChampionMoved, "behind", behind)
    yield champions


async def told(watcher: Any, seconds: float) -> int:
    """How many events it fires in that time."""
    events: list[Any] = []

    async def listen() -> None:
        async for event in watcher:
            events.append(event.payload)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(listening := asyncio.ensure_future(listen())), seconds)
    listening.cancel()
    assert all(event == {"template": MOVED[0], "version": MOVED[1]} for event in events)
    return len(events)


def test_a_champion_that_nobody_deploys_is_told_once(champions: Any) -> None:
    assert asyncio.run(told(champions.ChampionMoved().run(), 60 * STEP)) == 1


def test_one_that_is_being_deployed_is_not_told(champions: Any) -> None:
    with deploying(MOVED[0]):
        assert asyncio.run(told(champions.ChampionMoved().run(), 60 * STEP)) == 0


def test_a_deployment_that_fails_after_it_was_told_is_not_told_again(champions: Any) -> None:
    async def story() -> list[int]:
        looks: list[int] = []
        watcher = champions.ChampionMoved().run()
        events: list[Any] = []

        async def listen() -> None:
            async for event in watcher:
                events.append(event)

        listening = asyncio.ensure_future(listen())
        await asyncio.sleep(40 * STEP)
        looks.append(len(events))
        with deploying(MOVED[0]):
            await asyncio.sleep(20 * STEP)
        await asyncio.sleep(40 * STEP)
        listening.cancel()
        return [*looks, len(events)]

    assert asyncio.run(story()) == [1, 1]
