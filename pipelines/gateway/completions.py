"""One chat request on its way to its answer: from the cache, or from a place that has the version; logged, then told.

A version once chosen is kept: another place may stand in for it, never another version.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import orjson

from pipelines.clients.backends import Chunk
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.routes import Endpoint, ServedVersion
from pipelines.gateway import schemas
from pipelines.gateway.api_errors import Refusal
from pipelines.gateway.catalogue import Entry
from pipelines.gateway.endpoint_stats import Attempt
from pipelines.gateway.response_cache import Hit
from pipelines.gateway.routing import Choice
from pipelines.request_log import Exchange, hashed

if TYPE_CHECKING:
    from pipelines.gateway.state import Gateway

PATIENCE, AGAIN = 8.0, 0.25  # seconds for which places that are all down are asked again, and between two rounds
SHORT = 500  # characters that are read for personal data at once: that takes less than to wake a thread for it
HEAD_START = 0.002  # seconds; the question is read when the backend has it and is at work
AFTERWARDS = 0.001  # seconds from when an answer is logged, in which it is sent
STALLED = 10.0  # seconds without another token from which an answer counts as broken off
Say = Callable[[str], Awaitable[None]]  # passes a piece of the answer on to the client


class Chat:
    """
    Args:
        why: why it is this version that answers.
        began: `time.perf_counter()` when the request came.
        shadow_of: the id of the request that this one repeats for a version in shadow.
    """

    def __init__(
        self,
        gateway: "Gateway",
        entry: Entry,
        model_version: ServedVersion,
        why: str,
        asked: schemas.ChatRequest,
        key: str,
        began: float,
        shadow_of: str = "",
    ) -> None:
        self.gateway, self.entry, self.model_version, self.asked = gateway, entry, model_version, asked
        self.why, self.key, self.shadow_of = why, key, shadow_of
        self.id = f"chatcmpl-{uuid.uuid4().hex}"
        self.at, self.began = time.time(), began
        self.deadline = asyncio.get_running_loop().time() + entry.policy.timeout
        self.model = schemas.model_id(model_version)
        self.request = asked.for_backend(model_version, entry.policy.max_new_tokens)
        self.status, self.backend, self.cached, self.route = "ok", "", "", f"{self.model}; {why}"
        self.queue_s = self.first_token_s = self.waited_s = self.cost = 0.0
        self.question: asyncio.Task[list[str]] | None = None
        self.begin("")

    def begin(self, backend: str) -> None:
        """An answer from its start: of what another place had said, nothing stays."""
        self.backend = backend
        self.pieces: list[str] = []
        self.finish_reason = "stop"
        self.prompt_tokens = self.completion_tokens = 0

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def usage(self) -> dict[str, int]:
        return schemas.usage(self.prompt_tokens, self.completion_tokens)

    def elapsed(self) -> float:
        return time.perf_counter() - self.began

    def headers(self) -> dict[str, str]:
        route = " ".join(self.route.split()).encode("ascii", "replace").decode()
        return {"x-request-id": self.id, "x-weaver-route": route}

    async def answer(self, say: Say | None = None) -> None:
        """Find the answer, and return once it stands in the log.

        Args:
            say: is given each piece as it comes; what was said cannot be taken back.
        Raises:
            Refusal: there is no answer, or no whole one.
        """
        in_flight = self.gateway.metrics.in_flight.labels(self.model_version.name)
        in_flight.inc()
        try:
            await self.find(say)
        except asyncio.CancelledError:
            self.status = "cancelled"
            self.gateway.in_background(self.record())
            raise
        except Exception as error:
            self.status = error.code if isinstance(error, Refusal) else "internal_error"
            if isinstance(error, Refusal):
                error.headers["x-request-id"] = self.id
            await asyncio.shield(self.gateway.in_background(self.record()))
            raise
        else:
            # Whoever hangs up now is too late: the answer is there, and is logged.
            await asyncio.shield(self.gateway.in_background(self.record()))
        finally:
            in_flight.dec()

    async def find(self, say: Say | None) -> None:
        if not self.shadow_of and (hit := self.gateway.cache.get(self.model_version, self.request, self.entry.policy)):
            self.take(hit)
            if say:
                await say(hit.answer)
            return
        asyncio.get_running_loop().call_later(HEAD_START, self.read_question)
        await self.ask_places(say)

    def take(self, hit: Hit) -> None:
        self.pieces, self.finish_reason, self.cached = [hit.answer], hit.finish_reason, hit.kind
        self.prompt_tokens, self.completion_tokens = hit.prompt_tokens, hit.completion_tokens
        self.route = f"{self.model}@cache; {hit.kind}; {self.why}"
        self.first_token_s = self.elapsed()

    async def ask_places(self, say: Say | None) -> None:
        """Ask the places of the version until one has answered. A backend that died is back within seconds: for so
        long they are asked again, as long as the retry budget has something left."""
        agent, name, policy = self.gateway.agent, self.model_version.name, self.entry.policy
        if agent.waiting(name) > policy.max_queue:
            raise Refusal(429, "overloaded", f"{policy.max_queue} requests wait already; come again.", retry_after=1)
        patience = time.monotonic() + PATIENCE
        while not await self.ask_each(say):
            if time.monotonic() > patience or not agent.may_retry(name, policy):
                raise Refusal(503, "unavailable", f"{self.model} cannot be reached now.", retry_after=1)
            await asyncio.sleep(AGAIN)

    async def ask_each(self, say: Say | None) -> bool:
        """Ask one place after the other, in the agent's order; whether one has answered."""
        agent, name, policy = self.gateway.agent, self.model_version.name, self.entry.policy
        for number, choice in enumerate(agent.order(self.model_version, policy)):
            if number and not agent.may_retry(name, policy):
                return False
            try:
                await self.ask(choice, say)
                return True
            except Unavailable as error:
                if say and self.pieces:
                    raise Refusal(502, "broken_off", f"The answer broke off: {self.model} was lost.") from error
            except TimeoutError as error:
                text = f"{self.model} did not answer within {policy.timeout:g} s."
                raise Refusal(504, "timeout", text) from error
            except WeaverError as error:
                raise Refusal(400, "context_length_exceeded", error.what, "messages") from error
        return False

    async def ask(self, choice: Choice, say: Say | None) -> None:
        endpoint = choice.endpoint
        self.begin(endpoint.backend)
        self.route = f"{self.model}@{endpoint.backend}; {choice.why}; {self.why}"
        self.queue_s = self.elapsed()
        attempt = self.gateway.agent.attempt(choice)
        try:
            with attempt:
                # Within the attempt, so that it is the backend's failing; before the backend's own time-out.
                async with asyncio.timeout_at(self.deadline):
                    await self.listen(choice.endpoint, attempt, say)
                attempt.done(self.usage)
        finally:
            self.cost += attempt.cost

    async def listen(self, endpoint: Endpoint, attempt: Attempt, say: Say | None) -> None:
        """Take the answer of a place, piece by piece."""
        backend, left = self.gateway.backend(endpoint.backend), self.deadline - asyncio.get_running_loop().time()
        async with aclosing(backend.stream(endpoint, self.request, left + 1)) as chunks:  # type: ignore[type-var]
            while (chunk := await self.next_of(chunks, endpoint)) is not None:
                if piece := self.read(chunk):
                    if not self.pieces:
                        attempt.first_token()
                        self.first_token_s = self.elapsed()
                    self.pieces.append(piece)
                    if say:
                        await say(piece)

    async def next_of(self, chunks: AsyncIterator[Chunk], endpoint: Endpoint) -> Chunk | None:
        """The next chunk, or None after the last; an engine that died in mid-answer may leave its server silent.

        Raises:
            Unavailable: it began to answer, and says nothing more.
        """
        asked_at = time.perf_counter()
        try:
            async with asyncio.timeout(STALLED if self.pieces else None):
                return await anext(chunks, None)
        except TimeoutError as error:
            raise Unavailable(f"{endpoint.model} fell silent on {endpoint.backend} for {STALLED:g} s") from error
        finally:
            self.waited_s += time.perf_counter() - asked_at

    def read(self, chunk: dict[str, Any]) -> str:
        """Take what a chunk tells, and return its piece of the answer."""
        if used := chunk.get("usage"):
            self.prompt_tokens, self.completion_tokens = used["prompt_tokens"], used["completion_tokens"]
        for choice in chunk.get("choices") or []:
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
            return choice["delta"].get("content") or ""
        return ""

    def read_question(self) -> asyncio.Task[list[str]]:
        """The protected texts of the messages; the first call begins."""
        if self.question is None:
            texts = [message["content"] for message in self.asked.conversation()]
            self.question = asyncio.ensure_future(self.protected(*texts))
        return self.question

    async def protected(self, *texts: str) -> list[str]:
        if self.gateway.warm and sum(map(len, texts)) <= SHORT:
            return self.gateway.log.all_protected(list(texts), self.model_version.name)
        return await asyncio.to_thread(self.gateway.log.all_protected, list(texts), self.model_version.name)

    async def protected_conversation(self) -> tuple[str, str]:
        """Messages, as JSON, and the answer."""
        messages, texts = self.asked.conversation(), await self.read_question()
        answer = ""
        if self.pieces and texts != [message["content"] for message in messages]:
            # What is personal in the question may come again in the answer, where nothing announces it.
            sent = [message["content"] for message in messages]
            *texts, answer = await self.protected(*sent, self.text)
        elif self.pieces:
            (answer,) = await self.protected(self.text)
        told = [message | {"content": text} for message, text in zip(messages, texts, strict=True)]
        return orjson.dumps(told).decode(), answer

    async def record(self) -> None:
        """Write the request into the log; whatever nobody waits for follows.

        Raises:
            Refusal: the log cannot be written; so the answer must not count as given.
        """
        messages, answer = await self.protected_conversation()
        exchange = Exchange(
            id=self.id,
            at=self.at,
            template=self.model_version.name,
            version=self.model_version.version,
            backend=self.backend,
            route=self.route,
            key=self.key,
            user=hashed(self.asked.user),
            messages=messages,
            answer=answer,
            status=self.status,
            cached=self.cached,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            queue_s=self.queue_s,
            first_token_s=self.first_token_s,
            latency_s=self.elapsed(),
            cost=self.cost,
            shadow_of=self.shadow_of,
        )
        try:
            self.gateway.log.write(exchange)
        except (WeaverError, OSError) as error:
            self.gateway.complain(f"the request log cannot be written: {error}")
            self.status = "log_unavailable"
            self.count(self.elapsed())
            raise Refusal(503, self.status, "The answer cannot be logged now, and so is not given.") from error
        self.gateway.in_background(self.follow_up(exchange, self.elapsed()))

    async def follow_up(self, exchange: Exchange, seconds: float) -> None:
        """Metrics, a trace, and the answer's place in the cache, once the client has it."""
        await asyncio.sleep(AFTERWARDS)
        self.count(seconds)
        self.gateway.traces.write(exchange, self.request, self.finish_reason)
        if self.status == "ok" and not (self.cached or self.shadow_of or self.entry.policy.cache == "off"):
            told = Hit(self.text, "exact", self.completion_tokens, self.prompt_tokens, self.finish_reason)
            await asyncio.to_thread(self.gateway.cache.put, self.model_version, self.request, self.entry.policy, told)

    def count(self, seconds: float) -> None:
        metrics, version = self.gateway.metrics, (self.model_version.name, str(self.model_version.version))
        metrics.requests.labels(*version, self.backend, self.status, self.cached).inc()
        if self.shadow_of or self.status != "ok":
            return
        metrics.seconds.labels(*version).observe(seconds)
        metrics.first_token.labels(*version).observe(self.first_token_s)
        metrics.overhead.observe(seconds - self.waited_s)
        metrics.tokens.labels(*version, "prompt").inc(self.prompt_tokens)
        metrics.tokens.labels(*version, "completion").inc(self.completion_tokens)
        metrics.cost.labels(*version).inc(self.cost)
