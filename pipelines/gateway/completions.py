"""One chat request: answered from the cache, from the knowledge base, or by an endpoint of the chosen version; then
logged, then returned.

The version does not change once it is chosen: a fallback is another endpoint of it, never another version. An answer
from passages is sent when it is complete: one that states what no passage states is replaced, and so is never seen.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pipelines.clients.backends import Chunk
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.routes import Endpoint, ServedVersion
from pipelines.gateway import recording, schemas
from pipelines.gateway.api_errors import ApiError
from pipelines.gateway.catalogue import Entry
from pipelines.gateway.endpoint_stats import Attempt
from pipelines.gateway.grounding import Grounding, is_declined
from pipelines.gateway.response_cache import CachedAnswer
from pipelines.gateway.routing import Target
from pipelines.text.chat_format import Message, neutralise_message
from pipelines.text.passages import Passage

if TYPE_CHECKING:
    from pipelines.gateway.state import Gateway

RETRY_SECONDS, RETRY_PAUSE = 8.0, 0.25  # how long endpoints that are all down are retried, and the pause between rounds
PROTECTION_DELAY = 0.002  # seconds; the question is searched for personal data once the backend is at work on it
STALL_TIMEOUT = 10.0  # seconds without a further token after which an answer counts as interrupted
SendPiece = Callable[[str], Awaitable[None]]  # passes a piece of the answer on to the client


class ChatCompletion:
    """A request, its answer so far, and what the log will have of it.

    Args:
        entry: the route and policy that are in force for this request.
        version: the version that answers it.
        reason: why this version was chosen.
        body: the client's request.
        key: id of the API key.
        began: `time.perf_counter()` when the request came.
        shadow_of: the id of the request that this one repeats for a shadow version.
    """

    def __init__(
        self,
        gateway: "Gateway",
        entry: Entry,
        version: ServedVersion,
        reason: str,
        body: schemas.ChatRequest,
        key: str,
        began: float,
        shadow_of: str = "",
    ) -> None:
        self.gateway, self.entry, self.version, self.body = gateway, entry, version, body
        self.reason, self.key, self.shadow_of = reason, key, shadow_of
        self.id = f"chatcmpl-{uuid.uuid4().hex}"
        self.at, self.began = time.time(), began
        self.deadline = asyncio.get_running_loop().time() + entry.policy.timeout
        self.model = schemas.model_id(version)
        self.request = body.for_backend(version, entry.policy.max_new_tokens)
        self.status, self.backend, self.cached, self.route = "ok", "", "", f"{self.model}; {reason}"
        self.queue_s = self.first_token_s = self.waited_s = self.cost = 0.0
        self.protected_question: asyncio.Task[list[str]] | None = None
        self.grounding, self.unfounded_facts = Grounding("off"), 0
        self.cited: list[Passage] = []
        self.reset_answer("")

    def reset_answer(self, backend: str) -> None:
        """Start an answer anew: nothing stays of what another endpoint had sent."""
        self.backend = backend
        self.pieces: list[str] = []
        self.log_probs: list[float] = []  # of the answer's tokens; empty unless they were asked for
        self.finish_reason = "stop"
        self.prompt_tokens = self.completion_tokens = 0

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(self.pieces)

    @property
    def usage(self) -> dict[str, int]:
        """OpenAI's usage object."""
        return schemas.make_usage(self.prompt_tokens, self.completion_tokens)

    def elapsed(self) -> float:
        """Seconds since the request came."""
        return time.perf_counter() - self.began

    def headers(self) -> dict[str, str]:
        """The response's own headers: the request's id, the routing decision, and the ids of the cited passages."""
        route = " ".join(self.route.split()).encode("ascii", "replace").decode()
        headers = {"x-request-id": self.id, "x-weaver-route": route}
        if self.cited:
            headers["x-weaver-sources"] = ",".join(quote(passage.id, safe=" :/#") for passage in self.cited)
        return headers

    def extension(self) -> dict[str, Any]:
        """The fields of the answer that OpenAI's API does not have."""
        return {"citations": schemas.make_citations(self.cited), "declined": self.grounding.is_declined}

    def asked_messages(self) -> list[Message]:
        """The conversation as the model is asked, with its passages; without a system prompt of the template's own."""
        return self.grounding.show(self.body.conversation())

    async def run(self, send: SendPiece | None = None) -> None:
        """Get the answer, and return once it is in the request log.

        Args:
            send: receives each piece as it comes; a piece that was sent cannot be withdrawn.
        Raises:
            ApiError: there is no complete answer.
        """
        in_flight = self.gateway.metrics.in_flight.labels(self.version.name)
        in_flight.inc()
        try:
            await self.get_answer(send)
        except asyncio.CancelledError:
            self.status = "cancelled"
            self.gateway.run_in_background(recording.record(self))
            raise
        except Exception as error:
            self.status = error.code if isinstance(error, ApiError) else "internal_error"
            if isinstance(error, ApiError):
                error.headers["x-request-id"] = self.id
            await asyncio.shield(self.gateway.run_in_background(recording.record(self)))
            raise
        else:
            await asyncio.shield(self.gateway.run_in_background(recording.record(self)))
        finally:
            in_flight.dec()

    async def get_answer(self, send: SendPiece | None) -> None:
        """Answer from the cache, from the knowledge base, or from an endpoint."""
        cache, policy, retriever = self.gateway.cache, self.entry.policy, self.gateway.retriever
        index_version = retriever.version(self.version.name) if policy.retrieval else 0
        if not self.shadow_of and (cached := cache.get(self.version, self.request, policy, index_version)):
            self.use_cached(cached)
            if send:
                await send(cached.answer)
            return
        self.grounding = await retriever.ground(self.entry, self.request["messages"])
        if self.grounding.answer:
            self.answer_without_model()
        else:
            asyncio.get_running_loop().call_later(PROTECTION_DELAY, recording.protect_question, self)
            held = self.grounding.needs_check(self.version.min_confidence)  # it is sent when it is complete
            await self.try_until_answered(None if held else send)
            await self.check_answer()
            if not held:
                return
        if send:
            await send(self.text)

    def answer_without_model(self) -> None:
        """Take the passage that is quoted, or the sentence that declines."""
        self.pieces, self.cited = [self.grounding.answer], list(self.grounding.passages)
        self.route = f"{self.model}@knowledge; {self.grounding.outcome}; {self.reason}"
        self.first_token_s = self.elapsed()

    async def check_answer(self) -> None:
        """Compare a model's answer with its records: replace what lacks the field asked for, or states other facts."""
        if self.grounding.is_unsure(self.text, self.log_probs, self.version.min_confidence, self.entry.knowledge):
            self.pieces, self.finish_reason = [self.entry.knowledge.decline_sentence], "stop"
            self.grounding = self.grounding._replace(outcome="unsure")
            return
        grounding, messages, cut_off = self.grounding, self.request["messages"], self.finish_reason == "length"
        confirmed = grounding.message.confirm(self.text)
        if confirmed != self.text:
            self.pieces, self.finish_reason, self.unfounded_facts = [confirmed], "stop", 1
        if grounding.outcome not in ("found", "own_record"):
            return
        unfounded = await asyncio.to_thread(grounding.find_unfounded, self.text, messages, cut_off)
        self.unfounded_facts = max(self.unfounded_facts, len(unfounded))
        if grounding.outcome == "own_record":
            return
        if unfounded:
            self.pieces, self.finish_reason = [self.entry.knowledge.decline_sentence], "stop"
        if is_declined(self.text, self.entry.knowledge):
            self.grounding = grounding._replace(outcome="declined")
        else:
            self.cited = grounding.cite(self.text, messages)

    def use_cached(self, cached: CachedAnswer) -> None:
        """Take an answer from the cache."""
        self.pieces, self.finish_reason, self.cached = [cached.answer], cached.finish_reason, cached.kind
        self.prompt_tokens, self.completion_tokens = cached.prompt_tokens, cached.completion_tokens
        self.grounding, self.cited = cached.grounding, list(cached.cited)
        self.route = f"{self.model}@cache; {cached.kind}; {self.reason}"
        self.first_token_s = self.elapsed()

    async def try_until_answered(self, send: SendPiece | None) -> None:
        """Try the version's endpoints in rounds until one has answered.

        A backend that crashed is back within seconds: for so long the rounds go on, as far as the retry budget allows.
        """
        router, name, policy = self.gateway.router, self.version.name, self.entry.policy
        if router.count_in_flight(name) > policy.max_queue:
            message = f"{policy.max_queue} requests are already queued for {name}; try again later."
            raise ApiError(429, "overloaded", message, retry_after=1)
        deadline = time.monotonic() + RETRY_SECONDS
        while not await self.try_endpoints(send):
            if time.monotonic() > deadline or not router.take_retry(name, policy):
                raise ApiError(503, "unavailable", f"{self.model} is currently unavailable.", retry_after=1)
            await asyncio.sleep(RETRY_PAUSE)

    async def try_endpoints(self, send: SendPiece | None) -> bool:
        """Try one endpoint after the other, in the router's order; returns whether one has answered."""
        router, name, policy = self.gateway.router, self.version.name, self.entry.policy
        for number, target in enumerate(router.rank(self.version, policy)):
            if number and not router.take_retry(name, policy):
                return False
            try:
                await self.request_endpoint(target, send)
                return True
            except Unavailable as error:
                if send and self.pieces:
                    message = f"The connection to {self.model} was lost in the middle of the answer."
                    raise ApiError(502, "stream_interrupted", message) from error
            except TimeoutError as error:
                message = f"{self.model} did not answer within {policy.timeout:g} s."
                raise ApiError(504, "timeout", message) from error
            except WeaverError as error:
                raise ApiError(400, "context_length_exceeded", error.what, "messages") from error
        return False

    async def request_endpoint(self, target: Target, send: SendPiece | None) -> None:
        """Send the request to one endpoint, and measure it."""
        endpoint = target.endpoint
        self.reset_answer(endpoint.backend)
        self.route = f"{self.model}@{endpoint.backend}; {target.reason}; {self.reason}"
        self.queue_s = self.elapsed()
        attempt = self.gateway.router.attempt(target)
        try:
            with attempt:
                # Inside the attempt, so that it counts as the backend's failure; before the backend's own timeout.
                async with asyncio.timeout_at(self.deadline):
                    await self.receive_answer(endpoint, attempt, send)
                attempt.done(self.usage)
        finally:
            self.cost += attempt.cost

    async def receive_answer(self, endpoint: Endpoint, attempt: Attempt, send: SendPiece | None) -> None:
        """Receive an endpoint's answer, piece by piece."""
        backend = self.gateway.backend(endpoint.backend)
        seconds_left = self.deadline - asyncio.get_running_loop().time()
        stream = backend.stream(endpoint, self.grounded_request(), seconds_left + 1)
        async with aclosing(stream) as chunks:  # type: ignore[type-var]
            while (chunk := await self.next_chunk(chunks, endpoint)) is not None:
                if piece := self.read_chunk(chunk):
                    if not self.pieces:
                        attempt.first_token()
                        self.first_token_s = self.elapsed()
                    self.pieces.append(piece)
                    if send:
                        await send(piece)

    def grounded_request(self) -> dict[str, Any]:
        """The request to a backend, with the records below the question; as any text they begin and end no turn."""
        needed = self.grounding.needs_confidence(self.version.min_confidence)
        request = self.request | ({"logprobs": True} if needed else {})
        if not self.grounding.message.text:
            return request
        shown = self.grounding.show(self.request["messages"])
        tokens = self.version.control_tokens
        return request | {"messages": [neutralise_message(message, tokens) for message in shown]}

    async def next_chunk(self, chunks: AsyncIterator[Chunk], endpoint: Endpoint) -> Chunk | None:
        """The next chunk, or None after the last. An engine that died in the middle may leave its server silent.

        Raises:
            Unavailable: the answer has begun, and nothing more has come for STALL_TIMEOUT.
        """
        waiting_since = time.perf_counter()
        try:
            async with asyncio.timeout(STALL_TIMEOUT if self.pieces else None):
                return await anext(chunks, None)
        except TimeoutError as error:
            message = f"{endpoint.model} on {endpoint.backend} has sent nothing for {STALL_TIMEOUT:g} s"
            raise Unavailable(message) from error
        finally:
            self.waited_s += time.perf_counter() - waiting_since

    def read_chunk(self, chunk: Chunk) -> str:
        """Take a chunk's usage and finish reason, and return its piece of the answer."""
        if usage := chunk.get("usage"):
            self.prompt_tokens, self.completion_tokens = usage["prompt_tokens"], usage["completion_tokens"]
        for choice in chunk.get("choices") or []:
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
            self.log_probs += [token["logprob"] for token in (choice.get("logprobs") or {}).get("content") or ()]
            return choice["delta"].get("content") or ""
        return ""
