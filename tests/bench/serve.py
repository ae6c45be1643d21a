"""What the gateway costs and what it gives: its overhead beside another's, throughput, waits, answers within 100 ms.

Sides that are compared take turns within the same minute: on a busy machine nothing else can be said of them.
Questions are the Service Advisor's own rows; one that is about a vehicle carries its record, as at the counter.
"""

import asyncio
import logging
import random
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.clients.local_model import packaged_gguf
from pipelines.core.files import atomic_write
from pipelines.core.settings import settings
from pipelines.text import chat_format
from tests.bench import serve_home as home
from tests.bench.own_home import wait_for
from tests.bench.serve_figures import Heard, figures, plot, span
from tests.bench.serve_load import Answer, Client, Door, Question, clients, closed_loop, open_loop
from tests.bench.serve_peer import llama_cpp, mlflow_gateway

log = logging.getLogger(__name__)

FEW = 300
SHORT = 24  # tokens of a short answer, at most; the base, which has not learned to be brief, mostly uses them up
IN_A_ROW = 8  # times that each question of the overhead is asked of every side
AT_ONCE = 4  # clients of the closed loop; the engine works on as many requests at a time
ROUNDS = 2  # of the closed loop, each side in turn
EXPONENT = 1.0  # of the mix, by Zipf's law: the n-th question is asked 1/n as often as the first
LOAD = 0.5  # the rate of the open loop, as a share of what the closed one got through
SEED = 17
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}


def run(requests: int = 3_000, picture: Path | None = None) -> dict[str, Any]:
    """Bring up the serving stack in a home of its own, with the peer beside it, and ask questions.

    Args:
        requests: questions of the mix, as of a day at the counter after a deployment. The overhead takes twice as
            many, but no more than twice FEW; the loops a fifth.
        picture: where to draw the latencies; bench/serve.png in WEAVER_HOME if not given.

    Returns:
        Milliseconds (_ms), seconds (_s), shares; and how many requests (_requests) each is of.
        cold_start_s: from the deployment of a version beside another to its first answer.
        overhead_p99_ms, peer_overhead_p99_ms: p99 through a gateway less p99 without, of the same requests for one
        token, asked of the same llama.cpp server; …_interval_ms: 95%, of resampled requests; …_each_ms: what each
        request took longer.
        share_under_100_ms: of a mix of questions, one at a time, from asking to the last of at most 24 tokens;
        mix: how it is made, and how often questions come again; cached_p99_ms: of what the cache answered;
        uncached_share_under_100_ms: of the same questions without a cache.
        throughput_ratio: tokens per second through the gateway over those without it, in the same closed loop;
        first_token_ms: in it. open_loop_ms: waits at a steady rate, each from when it was to be asked.
        failed_requests: through the gateway, of all the above. plot: the picture's path.
    """
    from pipelines.kits.automotive import service_advisor

    rows = service_advisor.build()
    random.Random(SEED).shuffle(rows)
    picture = picture or settings().home / "bench" / "serve.png"
    with home.serving_home() as folder, llama_cpp(packaged_gguf()) as other, mlflow_gateway(other, folder) as peer:
        (place,) = home.deploy(1, "llama_cpp")
        home.route(home.UNCACHED, {1: [place]}, champion=1)
        wait_for(f"{settings().gateway_url}/readyz")
        began = time.monotonic()
        home.route(home.CACHED, {2: home.deploy(2, "llama_cpp")}, champion=2)
        asyncio.run(first_answer())
        cold_start_s = time.monotonic() - began
        heard = asyncio.run(hear(requests, rows, cold_start_s, home.straight(place), other, peer))
    with atomic_write(picture) as temporary:
        plot(heard).savefig(temporary, format="png", dpi=100)
    mix = {
        "questions": len(rows),
        "zipf_exponent": EXPONENT,
        "hit_rate_expected": expected_hits(len(rows), requests, 300, 10_000),
    }
    return figures(heard) | {"mix": mix, "plot": str(picture)}


async def first_answer() -> None:
    """Ask the gateway until it knows the route, and the version has answered."""
    async with clients(home.gateway(home.CACHED)) as (client,):
        while (await client.ask({"messages": [{"role": "user", "content": "Hello."}], "max_tokens": 1})).status != 200:
            await asyncio.sleep(0.02)


async def hear(requests: int, rows: Sequence[chat_format.Row], cold_start_s: float, *doors: Door) -> Heard:
    """The whole bench.

    Args:
        doors: llama.cpp that the gateway stands before, llama.cpp that the peer does, and the peer.
    """
    async with clients(*doors, home.gateway(home.UNCACHED), home.gateway(home.CACHED)) as opened:
        bare, others, theirs, ours, cached = opened
        log.info("the overhead: questions for one token, through gateways and without")
        few = min(requests, FEW)
        repeated = [ask(row, 1) for row in rows[: max(1, 2 * few // IN_A_ROW)]]
        answer_rounds = await in_turn([bare, others], [ours, theirs], repeated)
        log.info("the mix: %d short questions, some of them again", requests)
        mix = [ask(rows[n], SHORT) for n in drawn(len(rows), requests)]
        mixed = await closed_loop(cached, mix, at_once=1)
        unmixed = await closed_loop(ours, mix[: max(2, few // 8)], at_once=1)
        log.info("the loops: %d clients, then a steady rate", AT_ONCE)
        fresh = (ask(row, SHORT, **STREAMED) for row in rows)  # what the engine has read before, it reads faster
        rounds: dict[Client, list[list[Answer]]] = {bare: [], ours: []}
        for _ in range(ROUNDS):
            for client, answers in rounds.items():
                answers.append(await closed_loop(client, islice(fresh, max(2, few // 10)), AT_ONCE))
        rate = LOAD * sum(map(len, rounds[ours])) / sum(map(span, rounds[ours]))
        steady = await open_loop(ours, islice(fresh, max(2, few // 5)), poisson(rate))
    return Heard(
        cold_start_s,
        through=answer_rounds[ours],
        direct=answer_rounds[bare],
        peer=answer_rounds[theirs],
        peer_direct=answer_rounds[others],
        mixed=mixed,
        unmixed=unmixed,
        rounds=rounds[ours],
        direct_rounds=rounds[bare],
        steady=steady,
    )


async def in_turn(
    engines: list[Client], gateways: list[Client], questions: list[Question]
) -> dict[Client, list[Answer]]:
    """Ask everybody every question, one at a time, in random order; the engines have read its prompt before."""
    rng = random.Random(SEED)
    answers: dict[Client, list[Answer]] = {client: [] for client in (*engines, *gateways)}
    for question in questions:
        for engine in engines:
            await engine.ask(question)
        for _ in range(IN_A_ROW):
            for client in rng.sample(list(answers), len(answers)):
                answers[client].append(await client.ask(question))
    return answers


def ask(row: chat_format.Row, tokens: int, **options: Any) -> Question:
    """A row's question, with the system prompt that the gateway would add: the other sides do not know it."""
    messages = chat_format.prompt_messages(row, home.template().system_prompt)
    return {"messages": messages, "max_tokens": tokens, "temperature": 0, **options}


def popularity(questions: int) -> np.ndarray:
    """The share of each question, by Zipf's law."""
    weights = np.arange(1, questions + 1) ** -EXPONENT
    return np.asarray(weights / weights.sum())


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
