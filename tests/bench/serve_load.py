"""Load for OpenAI servers, from one process and one thread: closed loops, open loops, and what the answers took.

A closed loop has so many clients, each of which waits for its answer before it asks again: it shows what a server can
do, and hides how long people wait when it stalls, for then nobody asks. An open loop asks when the clock says so,
whatever became of the requests before, and counts an answer's seconds from when it was to be asked (no coordinated
omission: G. Tene, "How NOT to Measure Latency").
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import orjson

Question = dict[str, Any]  # what stands in a request beside the model: messages, max_tokens, …
PATIENCE = 120.0  # seconds until an answer counts as none


class Door(NamedTuple):
    """Where a model answers, and how one gets in."""

    url: str
    model: str
    key: str = ""
    socket: str = ""  # the path of the unix socket to reach it by, if it has no port


class Answer(NamedTuple):
    """What became of a request; times in seconds since the epoch."""

    due: float  # when it was to be asked
    first_token: float  # 0 where the answer was not streamed
    done: float
    status: int  # of HTTP; 0: no whole answer came
    id: str
    model: str
    tokens: int
    route: str  # how the gateway came by it; empty if no gateway did
    error: str  # in the server's words

    @property
    def seconds(self) -> float:
        return self.done - self.due


class Client:
    """A user of one server."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.session = aiohttp.ClientSession(
            connector=connector(door),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {door.key}"},
            timeout=aiohttp.ClientTimeout(total=PATIENCE),
        )

    async def ask(self, question: Question, due: float = 0.0) -> Answer:
        """Ask, and read the answer to its end. That a server fails, or is none, is an answer too.

        Args:
            due: when it was to be asked, if not now: the wait began then.
        """
        due, first_token, status, route = due or time.time(), 0.0, 0, ""
        reply: dict[str, Any] = {}
        body = orjson.dumps({"model": self.door.model} | question)
        try:
            async with self.session.post(self.door.url, data=body) as response:
                if response.status == 200 and question.get("stream"):
                    async for chunk in chunks(response):
                        if not first_token and any(choice["delta"].get("content") for choice in chunk["choices"]):
                            first_token = time.time()
                        reply |= {name: value for name, value in chunk.items() if value}
                else:
                    reply = orjson.loads(await response.read())
                status, route = response.status, response.headers.get("x-weaver-route", "")
        except (aiohttp.ClientError, OSError, ValueError):
            pass  # the status stays 0
        tokens = (reply.get("usage") or {}).get("completion_tokens", 0)
        id, model, error = (str(reply.get(name, "")) for name in ("id", "model", "error"))
        return Answer(due, first_token, time.time(), status, id, model, tokens, route, error)


@asynccontextmanager
async def clients(*doors: Door) -> AsyncIterator[list[Client]]:
    opened = [Client(door) for door in doors]
    try:
        yield opened
    finally:
        for client in opened:
            await client.session.close()


def connector(door: Door) -> aiohttp.BaseConnector:
    """A connection a request, on every side alike: llama.cpp drops its own at will."""
    options: dict[str, Any] = {"force_close": True, "limit": 0}
    return aiohttp.UnixConnector(door.socket, **options) if door.socket else aiohttp.TCPConnector(**options)


async def chunks(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """The chunks of a streamed answer.

    Raises:
        ValueError: it ends before `[DONE]`, or with an error.
    """
    complete = False
    async for line in response.content:  # to its end: only then is the connection free for the next
        field, _, data = line.partition(b":")
        if data.strip() == b"[DONE]":
            complete = True
        elif field == b"data":
            chunk = orjson.loads(data)
            if "choices" not in chunk:
                raise ValueError(chunk)
            yield chunk
    if not complete:
        raise ValueError("the answer broke off")


async def closed_loop(client: Client, questions: Iterable[Question], at_once: int) -> list[Answer]:
    """Ask every question, so many at a time; in the order of their answers' due times."""
    left = iter(questions)

    async def person() -> list[Answer]:
        return [await client.ask(question) for question in left]

    return sorted(answer for answers in await asyncio.gather(*(person() for _ in range(at_once))) for answer in answers)


async def open_loop(client: Client, questions: Iterable[Question], gaps: Iterable[float]) -> list[Answer]:
    """Ask each question a gap (seconds) after the one before, whatever became of that; the shorter of both ends it."""
    due, tasks = time.time(), []
    for question, gap in zip(questions, gaps):  # noqa: B905
        due += gap
        await asyncio.sleep(max(0.0, due - time.time()))
        tasks.append(asyncio.create_task(client.ask(question, due)))
    return list(await asyncio.gather(*tasks))
