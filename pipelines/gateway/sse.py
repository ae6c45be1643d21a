"""A chat completion as server-sent events, in the format that OpenAI's clients read.

Not sse-starlette's EventSourceResponse: that sends its headers before the first event, so an error could no longer be
an HTTP status; it watches for disconnections itself, as RequestBodyMiddleware does; and it takes an iterator, where the
completion pushes each piece and waits until the client has taken it.
"""

import time
from typing import Any

import orjson
from fastapi import Response
from starlette.types import Receive, Scope, Send

from pipelines.gateway import schemas
from pipelines.gateway.api_errors import ApiError
from pipelines.gateway.completions import ChatCompletion


class EventStream(Response):
    """The response starts with the first piece: until then an error is an HTTP status, afterwards an event."""

    media_type = "text/event-stream"

    def __init__(self, completion: ChatCompletion) -> None:
        super().__init__()
        self.completion, self.created, self.started = completion, int(time.time()), False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        completion, self.send = self.completion, send
        try:
            await completion.run(self.send_piece)
        except ApiError as error:
            if not self.started:
                raise
            await self.send_last(error.body)
            return
        if not self.started:
            await self.send_piece("")
        last = schemas.make_chunk(completion.id, completion.model, self.created, {}, completion.finish_reason)
        await self.send_event(last | completion.extension())
        if (options := completion.body.stream_options) and options.include_usage:
            chunk = schemas.make_chunk(completion.id, completion.model, self.created, {})
            await self.send_event(chunk | {"choices": [], "usage": completion.usage} | completion.extension())
        await self.send_last(b"[DONE]")

    async def send_piece(self, piece: str) -> None:
        """Send a piece of the answer; the first one after the headers."""
        delta = {"content": piece}
        if not self.started:
            self.started = True
            delta = {"role": "assistant"} | delta
            self.init_headers(self.completion.headers() | {"cache-control": "no-store"})
            del self.headers["content-length"]
            await self.send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await self.send_event(schemas.make_chunk(self.completion.id, self.completion.model, self.created, delta))

    async def send_event(self, data: dict[str, Any]) -> None:
        """Send one event."""
        body = b"data: " + orjson.dumps(data) + b"\n\n"
        await self.send({"type": "http.response.body", "body": body, "more_body": True})

    async def send_last(self, data: bytes) -> None:
        """Send the last event, and end the response."""
        await self.send({"type": "http.response.body", "body": b"data: " + data + b"\n\n"})
