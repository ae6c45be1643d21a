"""Steady load on the gateway while its backends are killed, one after the other, and versions change places.

People ask on whatever happens: each request has its time, and none waits for another. Answers are asked for whole, not
streamed, as of a streamed answer the client has read the beginning by the time its backend dies.
"""

import asyncio
import os
import signal
import time
from collections import Counter
from contextlib import suppress
from itertools import cycle, islice, pairwise, repeat
from typing import Any, NamedTuple

from pipelines.clients import supervisor
from pipelines.core.routes import Endpoint
from pipelines.core.settings import settings
from pipelines.request_log.queries import read_exchanges
from tests.bench import serve_home as home
from tests.bench.own_home import wait_for
from tests.bench.serve import ask
from tests.bench.serve_figures import milliseconds
from tests.bench.serve_load import Answer, clients, open_loop

RATE = 1.0  # requests a second: what one of two backends can carry beside the other's start
TOKENS = 16
KILLED = ("llama_cpp", "triton")
FOLLOW = 1.0  # seconds within which the gateway follows a route


class Event(NamedTuple):
    """Something that was done to the serving stack."""

    at: float  # epoch seconds
    what: str  # the program that was killed, or the version that answers from now on


def run(minutes: float = 30, switch: bool = False, kill_s: float = 60, switch_s: float = 20) -> dict[str, Any]:
    """Keep asking, and kill llama.cpp and Triton in turn.

    Args:
        switch: let two versions take turns to answer, as promotions and rollbacks have it.
        kill_s, switch_s: seconds between kills, and between turns.

    Returns:
        lost_acknowledged: answers whose id does not stand in the request log exactly once; wrong_version: answers of
        another version than the route named at that time; failed_requests: all that were not answered with 200;
        availability: the share that was; available_seconds: the share of the seconds in which no request failed;
        longest_gap_s: between an answer and the next; latency_ms: from when each was to be asked.
    """
    from pipelines.kits.automotive import service_advisor

    with home.serving_home():
        versions = (1, 2) if switch else (1,)
        endpoints = {version: home.deploy(version, *KILLED) for version in versions}
        home.route(home.UNCACHED, endpoints, champion=1)
        wait_for(f"{settings().gateway_url}/readyz")
        answers, kills, turns = asyncio.run(trouble(service_advisor.build(), endpoints, minutes * 60, kill_s, switch_s))
        logged = Counter(read_exchanges(template=home.UNCACHED).column("id").to_pylist())
    return figures(answers, kills, turns, logged)


async def trouble(
    rows: list[dict[str, Any]], endpoints: dict[int, list[Endpoint]], seconds: float, kill_s: float, switch_s: float
) -> tuple[list[Answer], list[Event], list[Event]]:
    kills: list[Event] = []
    turns = [Event(0.0, version_id(1))]
    others = [asyncio.create_task(kill_in_turn(kills, endpoints, kill_s))]
    if len(endpoints) > 1:
        others.append(asyncio.create_task(switch_in_turn(turns, endpoints, switch_s)))
    questions = (ask(row, TOKENS) for row in islice(cycle(rows), int(seconds * RATE)))
    async with clients(home.gateway(home.UNCACHED)) as (client,):
        answers = await open_loop(client, questions, repeat(1 / RATE))
    for task in others:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    return answers, kills, turns


async def kill_in_turn(kills: list[Event], endpoints: dict[int, list[Endpoint]], every: float) -> None:
    """Kill Triton, and the llama.cpp of one version after the other; supervisord starts them again."""
    llama_cpp = [f"llama_cpp-{at.model}" for some in endpoints.values() for at in some if at.backend == "llama_cpp"]
    for program in cycle([name for one in llama_cpp for name in (one, "triton")]):
        await asyncio.sleep(every)
        states = await asyncio.to_thread(supervisor.program_states)
        if pid := states[program]["pid"]:
            os.kill(pid, signal.SIGKILL)
            kills.append(Event(time.time(), program))


async def switch_in_turn(turns: list[Event], endpoints: dict[int, list[Endpoint]], every: float) -> None:
    """Let one version after the other answer."""
    for version in cycle([*list(endpoints)[1:], next(iter(endpoints))]):
        await asyncio.sleep(every)
        turns.append(Event(time.time(), version_id(version)))
        home.route(home.UNCACHED, endpoints, version)


def version_id(version: int) -> str:
    return f"{home.UNCACHED}-v{version}"


def figures(answers: list[Answer], kills: list[Event], turns: list[Event], logged: Counter[str]) -> dict[str, Any]:
    """As `run` tells them."""
    good = [answer for answer in answers if answer.status == 200]
    failed = [answer for answer in answers if answer.status != 200]
    done = sorted(answer.done for answer in good)
    seconds = answers[-1].due - answers[0].due
    return {
        "requests": len(answers),
        "failed_requests": len(failed),
        "failed_by": dict(Counter(f"{answer.status} {answer.error}" for answer in failed)),
        "lost_acknowledged": sum(logged[answer.id] != 1 for answer in good),
        "wrong_version": sum(answer.model not in in_force(turns, answer.due) for answer in good),
        "availability": len(good) / len(answers),
        "available_seconds": 1 - len({int(answer.due) for answer in failed}) / max(1.0, seconds),
        "longest_gap_s": max((later - sooner for sooner, later in pairwise(done)), default=seconds),
        "latency_ms": milliseconds(good, 50, 95, 99),
        "answers_by": dict(Counter(answer.route.partition(";")[0] for answer in good)),
        "kills": dict(Counter(event.what for event in kills)),
        "switches": len(turns) - 1,
        "minutes": round(seconds / 60, 1),
    }


def in_force(turns: list[Event], at: float) -> set[str]:
    """The versions that a request of that time may be answered by: the gateway has a second to follow a turn."""
    before = [event.what for event in turns if event.at <= at - FOLLOW]
    around = [event.what for event in turns if at - FOLLOW < event.at <= at + FOLLOW]
    return {before[-1] if before else turns[0].what, *around}
