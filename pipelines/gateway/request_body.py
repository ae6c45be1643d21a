"""Middleware around every POST: the body's size, time limit and encoding, and cancellation when the client disconnects.

JSON can hold what UTF-8 cannot: half of a surrogate pair, as a client sends that cuts a text within an emoji. Before
anything reads the body, U+FFFD takes its place, in every field; and so it does for bytes that are not UTF-8.
"""

import asyncio
import json
import re
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.gateway.api_errors import ApiError

MAX_BYTES = 1 << 20
BODY_TIMEOUT = 20.0  # seconds for the whole body
# An escape in JSON: a surrogate pair, half of one (the group), or any other, which may be an escaped backslash.
ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|(u[dD][89a-fA-F][\da-fA-F]{2})|.)", re.DOTALL
)


class RequestBodyMiddleware:
    """ASGI middleware: reads the whole body before the application runs, and cancels it when the client disconnects.

    The application runs as a task of its own, so that it can await a backend while this awaits the disconnection.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {})["began"] = time.perf_counter()
        try:
            async with asyncio.timeout(BODY_TIMEOUT):
                body = await read_body(scope, receive)
        except TimeoutError:
            error = ApiError(408, "request_timeout", f"The body was not received within {BODY_TIMEOUT:.0f} s.")
            await error.response(close_connection=True)(scope, receive, send)
        except ApiError as error:
            await error.response(close_connection=True)(scope, receive, send)
        else:
            if body is not None:
                await self.run_app(scope, replace_surrogates(body), receive, send)

    async def run_app(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        """Run the application on a complete body until it ends or the client disconnects."""
        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_body() -> Message:
            return unread.pop() if unread else await receive()

        application: asyncio.Task[Any] = asyncio.ensure_future(self.app(scope, receive_body, send))
        disconnection = asyncio.ensure_future(wait_for_disconnect(receive))
        try:
            await asyncio.wait({application, disconnection}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            disconnection.cancel()
            if not application.done():
                application.cancel()
        try:
            await application
        except asyncio.CancelledError:
            if not disconnection.done() or disconnection.cancelled():
                raise  # not because of the client: the server is shutting down


async def read_body(scope: Scope, receive: Receive) -> bytes | None:
    """The request's body; None if the client disconnected before it was complete.

    Raises:
        ApiError: it is too large; known from its header alone where that has a length.
    """
    too_large = ApiError(413, "request_too_large", f"The body is larger than {MAX_BYTES:,} bytes.")
    length = dict(scope["headers"]).get(b"content-length", b"0")
    if length.isdigit() and int(length[:20]) > MAX_BYTES:
        raise too_large
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > MAX_BYTES:
            raise too_large
        if not message.get("more_body"):
            return bytes(body)


def replace_surrogates(body: bytes) -> bytes:
    """The JSON as UTF-8, with U+FFFD for each half of a surrogate pair and for bytes that are no character.

    >>> replace_surrogates(rb'"P0301? \ud83d"') == rb'"P0301? \ufffd"'
    True
    """
    encoding = json.detect_encoding(body)
    if encoding != "utf-8" or not body.isascii():
        body = body.decode(encoding, "replace").encode()
    return ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], body) if rb"\u" in body else body


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass
