"""Before anything is read: how large a request is, how slowly it comes, and whether the client is still there."""

import asyncio
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.gateway.api_errors import Refusal

MOST_BYTES = 1 << 20
PATIENCE = 20.0  # seconds for the whole body to come in


class Doorkeeper:
    """ASGI middleware around the application: a body comes whole or not at all; who hangs up, cancels.

    The application is a task of its own, so that it may await a backend while this one awaits the client's end.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {})["began"] = time.perf_counter()
        try:
            async with asyncio.timeout(PATIENCE):
                body = await whole_body(scope, receive)
        except TimeoutError:
            late = Refusal(408, "slow_request", f"The body did not come in within {PATIENCE:.0f} s.")
            await late.response(closing=True)(scope, receive, send)
        except Refusal as refusal:
            await refusal.response(closing=True)(scope, receive, send)
        else:
            if body is not None:
                await self.handle(scope, body, receive, send)

    async def handle(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return unread.pop() if unread else await receive()

        answering: asyncio.Task[Any] = asyncio.ensure_future(self.app(scope, again, send))
        leaving = asyncio.ensure_future(disconnected(receive))
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not answering.done():
                answering.cancel()
        try:
            await answering
        except asyncio.CancelledError:
            if not leaving.done() or leaving.cancelled():
                raise  # it was not the client: the server is being stopped


async def whole_body(scope: Scope, receive: Receive) -> bytes | None:
    """The request's body; nothing if the client went before it was whole.

    Raises:
        Refusal: it is too large; told from its header alone where it has one.
    """
    too_large = Refusal(413, "request_too_large", f"A request may have {MOST_BYTES:,} bytes.")
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    if announced.isdigit() and int(announced[:20]) > MOST_BYTES:
        raise too_large
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            raise too_large
        if not message.get("more_body"):
            return bytes(body)


async def disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
