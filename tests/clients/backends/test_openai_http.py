"""What a server's faults become, seen with a server that has them all."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest
from aiohttp import web

from pipelines.clients.backends.openai_http import OpenAIServer
from pipelines.core.errors import Unavailable, WeaverError

PIECE = b'data: {"choices": [], "usage": {"completion_tokens": 1}}\n\n'
DONE = b"data: [DONE]\n\n"
ERROR = b'data: {"error": {"code": %d, "message": "out of memory"}}\n\n'


async def with_server(answer: Callable[[web.Request], Awaitable[web.StreamResponse]], key: str = "") -> list[dict]:
    """The chunks of two requests to a server with this answer: the second may use the same connection."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    client, received = OpenAIServer(key), []
    try:
        for _ in range(2):
            async with aclosing(client.stream(f"http://127.0.0.1:{runner.addresses[0][1]}", {}, 2)) as pieces:
                received += [piece async for piece in pieces]
    finally:
        await client.close()
        await runner.cleanup()
    return received


def saying(*pieces: bytes, broken: bool = False) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        assert (await request.json())["stream_options"] == {"include_usage": True}
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        if broken:
            request.transport.close()
        return response

    return answer


def refusing(status: int, body: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=body)

    return answer


def test_pieces_come_through_and_comments_do_not() -> None:
    assert asyncio.run(with_server(saying(b": ping\n\n", PIECE, DONE))) == 2 * [
        {"choices": [], "usage": {"completion_tokens": 1}}
    ]


def test_connections_are_kept_and_the_key_is_shown() -> None:
    seen = set()

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == "Bearer of-mine"
        seen.add(request.transport)
        return await saying(PIECE, DONE)(request)

    asyncio.run(with_server(answer, key="of-mine"))
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (saying(PIECE), "before it was complete"),
        (saying(PIECE, broken=True), "does not answer"),
        (saying(b"data: {\n\n", DONE), "does not answer"),
        (saying(ERROR % 500), "answered with HTTP 500: out of memory"),
        (refusing(503, '{"error": {"message": "Loading model"}}'), "answered with HTTP 503: Loading model"),
        (refusing(404, '{"message": "no such model"}'), "answered with HTTP 404: no such model"),
        (refusing(502, "bad gateway"), "answered with HTTP 502: bad gateway"),
    ],
)
def test_a_server_error_is_unavailable(answer: Callable, message: str) -> None:
    with pytest.raises(Unavailable, match=message):
        asyncio.run(with_server(answer))


@pytest.mark.parametrize("answer", [saying(ERROR % 400), refusing(400, '{"error": {"message": "out of memory"}}')])
def test_an_invalid_request_is_a_weaver_error(answer: Callable) -> None:
    with pytest.raises(WeaverError, match="rejects the request: out of memory") as error_info:
        asyncio.run(with_server(answer))
    assert not isinstance(error_info.value, Unavailable)


def test_nobody_there_is_unavailable() -> None:
    async def ask() -> None:
        client = OpenAIServer()
        try:
            async for _ in client.stream("unix:/nowhere/at/all.sock", {}, 2):
                pass
        finally:
            await client.close()

    with pytest.raises(Unavailable, match=r"all\.sock"):
        asyncio.run(ask())
