"""Chat completions from a server that speaks OpenAI's HTTP, on a unix socket or a port, piece by piece."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson

from pipelines.clients.backends import Chunk
from pipelines.core.errors import Unavailable, WeaverError

REFUSED = {400, 413, 422}  # the request is at fault; whatever else goes wrong, another server may do better
CONNECT = 5.0  # seconds
IDLE = 3.0  # seconds that an idle connection is kept; llama.cpp and uvicorn drop theirs after five
LINE = 1 << 20  # bytes of an event, at most


class OpenAIServer:
    """A client of any number of servers, within one event loop; connections to a port are kept for the next request."""

    def __init__(self, key: str = "") -> None:
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.sessions: dict[str, aiohttp.ClientSession] = {}

    async def stream(self, address: str, request: dict[str, Any], timeout: float) -> AsyncIterator[Chunk]:
        """Pieces as they are generated, the last with `usage`; whoever stops early closes this (`contextlib.aclosing`).

        Closing it, or cancelling its reader, closes the connection, at which the server stops generating.

        Args:
            endpoint: unix:/path/to.sock, or http://host:port.
            request: OpenAI's, with the model's name.
            timeout: seconds until the last piece must be here.

        Raises:
            Unavailable: no connection, an error of the server's, too late, or a stream that broke off.
            WeaverError: the server refuses the request; with its words.
        """
        body = orjson.dumps(request | {"stream": True, "stream_options": {"include_usage": True}})
        limit = aiohttp.ClientTimeout(total=timeout, sock_connect=CONNECT)
        try:
            async with self.session(address).post("/v1/chat/completions", data=body, timeout=limit) as response:
                if response.status != 200:
                    raise fault(address, response.status, await response.read())
                done = False
                async for line in response.content:  # to its end: only then is the connection free for the next
                    field, _, data = line.partition(b":")
                    if field == b"data" and data.strip() == b"[DONE]":
                        done = True
                    elif field in (b"data", b"error"):
                        yield piece(address, data)
                if done:
                    return
        except TimeoutError as error:
            raise Unavailable(f"{address} did not finish its answer within {timeout:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable(f"{address} does not answer, or not whole: {error or type(error).__name__}") from error
        raise Unavailable(f"{address} ended its answer before it was whole")

    def session(self, address: str) -> aiohttp.ClientSession:
        if address not in self.sessions:
            path = address.removeprefix("unix:")
            local = path != address
            self.sessions[address] = aiohttp.ClientSession(
                "http://localhost" if local else address,
                # llama.cpp closes a unix connection after each answer, whatever its headers say; a new one is cheap.
                connector=aiohttp.UnixConnector(path, force_close=True, limit=0)
                if local
                else aiohttp.TCPConnector(keepalive_timeout=IDLE, limit=0),
                headers=self.headers | {"Content-Type": "application/json"},
                read_bufsize=LINE,
            )
        return self.sessions[address]

    async def close(self) -> None:
        for session in self.sessions.values():
            await session.close()
        self.sessions.clear()


def piece(address: str, data: bytes) -> Chunk:
    """A chunk; an error that came after the answer had begun is raised as if it had come before."""
    chunk: Chunk = orjson.loads(data)
    if "error" in chunk:
        raise fault(address, int(chunk["error"].get("code") or 500), data)
    return chunk


def fault(address: str, status: int, body: bytes) -> WeaverError:
    """The error that a server told, in its own words."""
    try:
        told = orjson.loads(body)
        told = told.get("error", told)
        words = told if isinstance(told, str) else told.get("message") or told.get("detail") or told
    except (orjson.JSONDecodeError, AttributeError):
        words = body.decode(errors="replace").strip()
    if status in REFUSED:
        return WeaverError(f"the model's server refuses the request: {words}", "Change the request.")
    return Unavailable(f"{address} answered {status}: {words}")
