"""The benches of the serving stack: what they count is what people wait for, and what they say is what happened."""

import asyncio
import os
from collections import Counter
from itertools import repeat
from pathlib import Path

import psutil
import pytest

from pipelines.clients.local_model import packaged_gguf
from tests.bench import serve, serve_chaos
from tests.bench.serve_chaos import Event
from tests.bench.serve_figures import overhead, throughput
from tests.bench.serve_load import Answer, Door, clients, closed_loop, open_loop
from tests.bench.serve_peer import llama_cpp

from ..ports import free_port

QUESTION = {"messages": [{"role": "user", "content": "Which wheels are driven?"}], "max_tokens": 2, "temperature": 0}
STREAMED = QUESTION | serve.STREAMED


def answer(due: float = 0.0, seconds: float = 1.0, status: int = 200, id: str = "", model: str = "") -> Answer:
    return Answer(due, 0.0, due + seconds, status, id, model, tokens=10, route="", error="")


def test_an_open_loop_counts_what_everybody_waits_while_the_server_stands_still() -> None:
    async def stall(door: Door, server: psutil.Process) -> list[Answer]:
        async with clients(door) as (client,):
            server.suspend()
            asking = asyncio.create_task(open_loop(client, [QUESTION] * 5, repeat(0.2)))
            await asyncio.sleep(1.5)
            server.resume()
            return await asking

    before = set(psutil.Process().children())
    with llama_cpp(packaged_gguf()) as door:
        (server,) = set(psutil.Process().children()) - before
        answers = asyncio.run(stall(door, server))
    assert [answer.status for answer in answers] == [200] * 5
    for number, reply in enumerate(answers, start=1):
        assert reply.seconds > 1.4 - 0.2 * number


def test_a_streamed_answer_tells_its_first_token_and_how_many() -> None:
    async def two(door: Door) -> list[Answer]:
        async with clients(door) as (client,):
            return await closed_loop(client, [STREAMED, QUESTION, STREAMED], at_once=2)

    with llama_cpp(packaged_gguf()) as door:
        answers = asyncio.run(two(door))
    assert [answer.tokens for answer in answers] == [2, 2, 2]
    assert len({answer.id for answer in answers}) == 3
    assert sorted(answer.due < answer.first_token <= answer.done for answer in answers) == [False, True, True]


def test_a_server_that_is_not_there_is_a_failed_request() -> None:
    async def nobody() -> Answer:
        async with clients(Door(f"http://127.0.0.1:{free_port()}/v1/chat/completions", "any")) as (client,):
            return await client.ask(QUESTION)

    assert asyncio.run(nobody()).status == 0


def test_the_overhead_is_what_a_request_takes_longer() -> None:
    direct = [answer(seconds=0.020 + n / 10_000) for n in range(200)]
    through = [reply._replace(done=reply.done + 0.005) for reply in direct]
    figures = overhead("overhead", through, direct)
    assert figures["overhead_p99_ms"] == pytest.approx(5)
    assert figures["overhead_p99_interval_ms"] == pytest.approx([5, 5])
    assert figures["overhead_each_ms"] == {"p50": 5, "p90": 5, "p99": 5}


def test_throughput_leaves_out_the_time_between_rounds() -> None:
    assert throughput([[answer(0), answer(1)], [answer(100), answer(101)]]) == 10


def test_an_answer_that_was_not_logged_and_one_of_the_wrong_version_are_counted() -> None:
    turns = [Event(0, "v1"), Event(10, "v2")]
    answers = [
        answer(5, id="a", model="v1"),
        answer(9.5, id="b", model="v2"),  # the gateway may follow at once, or a second later
        answer(10.5, id="c", model="v1"),
        answer(12, id="d", model="v1"),
        answer(20, id="e", model="v2"),
        answer(21, status=503),
    ]
    figures = serve_chaos.figures(answers, [], turns, Counter(["a", "b", "c", "d", "d"]))
    assert figures["wrong_version"] == 1
    assert figures["lost_acknowledged"] == 2  # d stands there twice, e does not
    assert figures["failed_requests"] == 1
    assert figures["longest_gap_s"] == 8


@pytest.mark.slow
def test_the_bench_measures_every_figure_in_a_home_of_its_own(home: Path) -> None:
    before = dict(os.environ)
    figures = serve.run(16, home / "serve.png")
    assert figures["failed_requests"] == 0
    assert figures["overhead_requests"] == 32 and figures["mix_requests"] == 16
    assert figures["overhead_each_ms"]["p50"] < figures["peer_overhead_each_ms"]["p50"]
    assert 0.5 < figures["throughput_ratio"] < 2
    assert 0 <= figures["uncached_share_under_100_ms"] <= figures["share_under_100_ms"] <= figures["mix_hit_rate"] + 0.2
    assert 0 < figures["cold_start_s"] < 60
    assert (home / "serve.png").read_bytes().startswith(b"\x89PNG")
    assert dict(os.environ) == before
    assert [path.name for path in home.iterdir() if not path.is_symlink()] == ["serve.png"]


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_fails_while_backends_are_killed_and_versions_change_places(home: Path) -> None:
    figures = serve_chaos.run(minutes=1, switch=True, kill_s=25, switch_s=8)
    assert figures["kills"] == {"llama_cpp-service_advisor-v1": 1, "triton": 1}
    assert figures["switches"] >= 6
    assert figures["lost_acknowledged"] == figures["wrong_version"] == figures["failed_requests"] == 0
    assert figures["requests"] == 60
