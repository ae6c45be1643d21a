"""What the gateway costs and what it gives: its overhead beside another's, throughput, waits, answers within 100 ms.

Sides that are compared take turns within the same minute: on a busy machine nothing else can be said of them.
Questions are the Service Advisor's own rows; one that is about a vehicle carries its record, as at the counter.
"""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from pipelines import chat
from pipelines.bench import serve_home as home
from pipelines.bench.serve_figures import Heard, figures, plot, span
from pipelines.bench.serve_load import Answer, Client, Door, Question, clients, closed_loop, open_loop
from pipelines.bench.serve_peer import llama_cpp, mlflow_gateway
from pipelines.files import whole
from pipelines.settings import settings

SHORT = 24  # tokens of a short answer, at most; the base, which has not learnt to be brief, mostly uses them up
IN_A_ROW = 8  # times that each question of the overhead is asked of every side
AT_ONCE = 4  # clients of the closed loop; the engine works on as many requests at a time
ROUNDS = 2  # of the closed loop, each side in turn
EXPONENT = 1.0  # of the mix, by Zipf's law: the n-th question is asked 1/n as often as the first
LOAD = 0.5  # the rate of the open loop, as a share of what the closed one got through
SEED = 17
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}


def run(requests: int = 300, picture: Path | None = None) -> dict[str, Any]:
    """Bring up the serving room in a home of its own, with the peer beside it, and ask questions.

    Args:
        requests: questions of the mix; the overhead takes twice as many, the loops a fifth.
        picture: where to draw the latencies; bench/serve.png in WEAVER_HOME if not given.

    Returns:
        Milliseconds (_ms), seconds (_s), shares; and how many requests (_requests) each is of.
        cold_start_s: from a version's deployment to its first answer.
        overhead_p99_ms, peer_overhead_p99_ms: p99 through a gateway less p99 without, of the same requests for one
        token, all asked of one llama.cpp server; …_interval_ms: 95%, of resampled requests; …_each_ms: what each
        request took longer.
        share_under_100_ms: of a mix of questions, one at a time, from asking to the last of at most 24 tokens;
        mix: how it is made, and how often questions come again; cached_p99_ms: of what the cache answered;
        uncached_share_under_100_ms: of the same questions without a cache.
        throughput_ratio: tokens a second through the gateway over those without it, in the same closed loop;
        first_token_ms: in it. open_loop_ms: waits at a steady rate, each from when it was to be asked.
        failed_requests: through the gateway, of all the above. plot: the picture's path.
    """
    from pipelines.kits.automotive import service_advisor

    rows = service_advisor.build()
    random.Random(SEED).shuffle(rows)
    picture = picture or settings().home / "bench" / "serve.png"
    with home.own_home() as folder, llama_cpp(home.packaged_gguf()) as direct, mlflow_gateway(direct, folder) as peer:
        home.route(home.UNCACHED, {1: [home.place(direct)]}, champion=1)
        began = time.monotonic()
        home.route(home.CACHED, {1: home.deploy(1, "llama_cpp")}, champion=1)
        asyncio.run(first_answer())
        heard = asyncio.run(hear(requests, rows, time.monotonic() - began, direct, peer))
    with whole(picture) as temporary:
        plot(heard).savefig(temporary, format="png", dpi=100)
    mix = {
        "questions": len(rows),
        "zipf_exponent": EXPONENT,
        "hit_rate_expected": expected_hits(len(rows), requests, 1_000, 10_000),
    }
    return figures(heard) | {"mix": mix, "plot": str(picture)}


async def first_answer() -> None:
    """Ask until the gateway knows the route, and the version has answered."""
    async with clients(home.gateway(home.CACHED)) as (client,):
        while (await client.ask({"messages": [{"role": "user", "content": "Hello."}], "max_tokens": 1})).status != 200:
            await asyncio.sleep(0.02)


async def hear(requests: int, rows: Sequence[chat.Row], cold_start_s: float, direct: Door, peer: Door) -> Heard:
    doors = direct, home.gateway(home.UNCACHED), peer, home.gateway(home.CACHED)
    async with clients(*doors) as (bare, ours, theirs, cached):
        repeated = [ask(row, 1) for row in rows[: max(1, 2 * requests // IN_A_ROW)]]
        straight, through, other = await in_turn([bare, ours, theirs], repeated)
        mix = [ask(rows[n], SHORT) for n in drawn(len(rows), requests)]
        mixed = await closed_loop(cached, mix, at_once=1)
        unmixed = await closed_loop(ours, mix[: max(2, requests // 8)], at_once=1)
        fresh = (ask(row, SHORT, **STREAMED) for row in rows)  # what the engine has read before, it reads faster
        rounds: dict[Client, list[list[Answer]]] = {bare: [], ours: []}
        for _ in range(ROUNDS):
            for client, answers in rounds.items():
                answers.append(await closed_loop(client, islice(fresh, max(2, requests // 10)), AT_ONCE))
        rate = LOAD * sum(map(len, rounds[ours])) / sum(map(span, rounds[ours]))
        opened = await open_loop(ours, islice(fresh, max(2, requests // 5)), poisson(rate))
    return Heard(cold_start_s, straight, through, other, mixed, unmixed, rounds[ours], rounds[bare], opened)


async def in_turn(sides: list[Client], questions: list[Question]) -> list[list[Answer]]:
    """Ask every question of every side, one at a time, in random order; the engine has read its prompt before."""
    rng = random.Random(SEED)
    answers: dict[Client, list[Answer]] = {side: [] for side in sides}
    for question in questions:
        await sides[0].ask(question)
        for _ in range(IN_A_ROW):
            for side in rng.sample(sides, len(sides)):
                answers[side].append(await side.ask(question))
    return list(answers.values())


def ask(row: chat.Row, tokens: int, **options: Any) -> Question:
    """A row's question, with the system prompt that the gateway would add: the other sides do not know it."""
    messages = chat.asked(row, home.template().system_prompt)
    return {"messages": messages, "max_tokens": tokens, "temperature": 0, **options}


def popularity(questions: int) -> np.ndarray:
    """The share of each question, by Zipf's law."""
    weights = np.arange(1, questions + 1) ** -EXPONENT
    return weights / weights.sum()


def drawn(questions: int, requests: int) -> list[int]:
    shares = popularity(questions)
    return [int(n) for n in np.random.default_rng(SEED).choice(questions, requests, p=shares)]


def expected_hits(questions: int, *requests: int) -> dict[int, float]:
    """Requests → the share of them whose question was asked before, on average."""
    shares = popularity(questions)
    return {n: round(1 - float((1 - (1 - shares) ** n).sum()) / n, 3) for n in requests}


def poisson(rate: float) -> Iterator[float]:
    """Seconds between people who come independently of each other, so many a second."""
    rng = np.random.default_rng(SEED)
    while True:
        yield float(rng.exponential(1 / rate))
