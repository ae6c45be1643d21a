"""An answer as server-sent events, as OpenAI's clients read them."""

import time
from typing import Any

import orjson
from fastapi import Response
from starlette.types import Receive, Scope, Send

from pipelines.gateway import schemas
from pipelines.gateway.api_errors import Refusal
from pipelines.gateway.completions import Chat


class Events(Response):
    """The response begins with the first piece: until then an error is an HTTP status, afterwards an event."""

    media_type = "text/event-stream"

    def __init__(self, chat: Chat) -> None:
        super().__init__()
        self.chat, self.created, self.started = chat, int(time.time()), False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        chat, self.send = self.chat, send
        try:
            await chat.answer(self.say)
        except Refusal as refusal:
            if not self.started:
                raise
            await self.end(refusal.body)
            return
        if not self.started:
            await self.say("")
        await self.event(schemas.chunk(chat.id, chat.model, self.created, {}, chat.finish_reason))
        if (options := chat.asked.stream_options) and options.include_usage:
            used = schemas.chunk(chat.id, chat.model, self.created, {}) | {"choices": [], "usage": chat.usage}
            await self.event(used)
        await self.end(b"[DONE]")

    async def say(self, piece: str) -> None:
        delta = {"content": piece}
        if not self.started:
            self.started = True
            delta = {"role": "assistant"} | delta
            self.init_headers(self.chat.headers() | {"cache-control": "no-store"})
            del self.headers["content-length"]
            await self.send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await self.event(schemas.chunk(self.chat.id, self.chat.model, self.created, delta))

    async def event(self, told: dict[str, Any]) -> None:
        body = b"data: " + orjson.dumps(told) + b"\n\n"
        await self.send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self, last: bytes) -> None:
        await self.send({"type": "http.response.body", "body": b"data: " + last + b"\n\n"})
