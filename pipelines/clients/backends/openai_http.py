"""A streaming client of OpenAI-compatible servers, on a unix socket or a port."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson

from pipelines.clients.backends import Chunk
from pipelines.core.errors import Unavailable, WeaverError

CLIENT_ERRORS = {400, 413, 422}  # the request is invalid; after any other error, another server may succeed
CONNECT_TIMEOUT = 5.0  # seconds
KEEPALIVE_SECONDS = 3.0  # of an idle connection; llama.cpp and uvicorn close theirs after five
MAX_EVENT_BYTES = 1 << 20  # of one event


class OpenAIServer:
    """A client of any number of servers, within one event loop; connections to a port are kept for the next request."""

    def __init__(self, key: str = "") -> None:
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.sessions: dict[str, aiohttp.ClientSession] = {}

    async def stream(self, address: str, request: dict[str, Any], timeout: float) -> AsyncIterator[Chunk]:
        """Chunks as they are generated, the last with `usage`; a reader that stops early uses `contextlib.aclosing`.

        Closing it, or cancelling its reader, closes the connection, and the server stops generating.

        Args:
            endpoint: unix:/path/to.sock, or http://host:port.
            request: OpenAI's, with the model's name.
            timeout: seconds until the last chunk.

        Raises:
            Unavailable: no connection, a server error, a timeout, or an incomplete answer.
            WeaverError: the server rejects the request; with its message.
        """
        body = orjson.dumps(request | {"stream": True, "stream_options": {"include_usage": True}})
        limit = aiohttp.ClientTimeout(total=timeout, sock_connect=CONNECT_TIMEOUT)
        try:
            async with self.session(address).post("/v1/chat/completions", data=body, timeout=limit) as response:
                if response.status != 200:
                    raise make_error(address, response.status, await response.read())
                done = False
                async for line in response.content:  # to its end: only then can the connection be reused
                    field, _, data = line.partition(b":")
                    if field == b"data" and data.strip() == b"[DONE]":
                        done = True
                    elif field in (b"data", b"error"):
                        yield read_chunk(address, data)
                if done:
                    return
        except TimeoutError as error:
            raise Unavailable(f"{address} did not complete its answer within {timeout:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable(f"{address} does not answer: {error or type(error).__name__}") from error
        raise Unavailable(f"{address} ended its answer before it was complete")

    def session(self, address: str) -> aiohttp.ClientSession:
        """The connections to a server."""
        if address not in self.sessions:
            path = address.removeprefix("unix:")
            local = path != address
            self.sessions[address] = aiohttp.ClientSession(
                "http://localhost" if local else address,
                # llama.cpp closes a unix connection after each answer, whatever its headers say; a new one is cheap.
                connector=aiohttp.UnixConnector(path, force_close=True, limit=0)
                if local
                else aiohttp.TCPConnector(keepalive_timeout=KEEPALIVE_SECONDS, limit=0),
                headers=self.headers | {"Content-Type": "application/json"},
                read_bufsize=MAX_EVENT_BYTES,
            )
        return self.sessions[address]

    async def close(self) -> None:
        """Close all connections."""
        for session in self.sessions.values():
            await session.close()
        self.sessions.clear()


def read_chunk(address: str, data: bytes) -> Chunk:
    """A chunk; an error in the middle of the stream is raised like one before it."""
    chunk: Chunk = orjson.loads(data)
    if "error" in chunk:
        raise make_error(address, int(chunk["error"].get("code") or 500), data)
    return chunk


def make_error(address: str, status: int, body: bytes) -> WeaverError:
    """The error of a server's response, with its message."""
    try:
        error = orjson.loads(body)
        error = error.get("error", error)
        message = error if isinstance(error, str) else error.get("message") or error.get("detail") or error
    except (orjson.JSONDecodeError, AttributeError):
        message = body.decode(errors="replace").strip()
    if status in CLIENT_ERRORS:
        return WeaverError(f"the model's server rejects the request: {message}", "Change the request.")
    return Unavailable(f"{address} answered with HTTP {status}: {message}")
