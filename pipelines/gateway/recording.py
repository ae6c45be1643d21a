"""What follows an answer: its texts are protected and logged; then metrics, a trace, and the cache."""

import asyncio
from typing import TYPE_CHECKING

import orjson

from pipelines.core.errors import WeaverError
from pipelines.gateway.api_errors import ApiError
from pipelines.gateway.response_cache import CachedAnswer
from pipelines.request_log import Exchange, hash_user

if TYPE_CHECKING:
    from pipelines.gateway.completions import ChatCompletion

SHORT_TEXT = 500  # characters that are searched for personal data at once: faster than to wake a thread for it
# What is answered without a model needs no cache; an answer without the index is not given again once that is there.
CACHED_OUTCOMES = ("off", "own_record", "found")
FOLLOW_UP_DELAY = 0.001  # seconds after an answer is logged, in which it is sent


async def record(completion: "ChatCompletion") -> None:
    """Write a request into the log; what no client waits for follows in the background.

    Raises:
        ApiError: the log cannot be written; so the answer must not be returned.
    """
    gateway, version = completion.gateway, completion.version
    messages, answer = await protect_conversation(completion)
    exchange = Exchange(
        id=completion.id,
        at=completion.at,
        template=version.name,
        version=version.version,
        backend=completion.backend,
        route=completion.route,
        key=completion.key,
        user=hash_user(completion.body.user),
        messages=messages,
        answer=answer,
        status=completion.status,
        cached=completion.cached,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
        queue_s=completion.queue_s,
        first_token_s=completion.first_token_s,
        latency_s=completion.elapsed(),
        cost=completion.cost,
        shadow_of=completion.shadow_of,
        retrieval=completion.grounding.outcome,
        sources=orjson.dumps([passage.id for passage in completion.grounding.passages]).decode(),
        index_version=completion.grounding.index_version,
        unfounded_facts=completion.unfounded_facts,
    )
    try:
        gateway.log.write(exchange)
    except (WeaverError, OSError) as error:
        gateway.log_error_once_a_minute(f"the request log cannot be written: {error}")
        completion.status = "log_unavailable"
        count(completion, completion.elapsed())
        message = "The request log cannot be written, and no answer is returned without a log entry."
        raise ApiError(503, completion.status, message) from error
    gateway.run_in_background(follow_up(completion, exchange, completion.elapsed()))


async def follow_up(completion: "ChatCompletion", exchange: Exchange, seconds: float) -> None:
    """Metrics, a trace, and the cache, once the client has its answer."""
    await asyncio.sleep(FOLLOW_UP_DELAY)
    gateway, policy = completion.gateway, completion.entry.policy
    count(completion, seconds)
    gateway.traces.write(exchange, completion.request, completion.finish_reason)
    if completion.status != "ok" or completion.cached or completion.shadow_of or policy.cache == "off":
        return
    if completion.grounding.outcome in CACHED_OUTCOMES:
        usage = completion.completion_tokens, completion.prompt_tokens
        answer = CachedAnswer(
            completion.text, "exact", *usage, completion.finish_reason, completion.grounding, tuple(completion.cited)
        )
        await asyncio.to_thread(gateway.cache.put, completion.version, completion.request, policy, answer)


def count(completion: "ChatCompletion", seconds: float) -> None:
    """Add a request to the metrics; `seconds` is its duration."""
    metrics, version = completion.gateway.metrics, (completion.version.name, str(completion.version.version))
    metrics.requests.labels(*version, completion.backend, completion.status, completion.cached).inc()
    if completion.unfounded_facts:
        replaced = "yes" if completion.grounding.is_declined else "no"
        metrics.unfounded_answers.labels(*version, replaced).inc()
    if completion.shadow_of or completion.status != "ok":
        return
    metrics.retrieval.labels(version[0], completion.grounding.outcome).inc()
    metrics.duration.labels(*version).observe(seconds)
    metrics.first_token.labels(*version).observe(completion.first_token_s)
    metrics.overhead.observe(seconds - completion.waited_s)
    metrics.tokens.labels(*version, "prompt").inc(completion.prompt_tokens)
    metrics.tokens.labels(*version, "completion").inc(completion.completion_tokens)
    metrics.cost.labels(*version).inc(completion.cost)


def protect_question(completion: "ChatCompletion") -> asyncio.Task[list[str]]:
    """The task that protects the texts of the messages; the first call starts it."""
    if completion.protected_question is None:
        texts = [message["content"] for message in completion.asked_messages()]
        completion.protected_question = asyncio.ensure_future(protect_texts(completion, *texts))
    return completion.protected_question


async def protect_texts(completion: "ChatCompletion", *texts: str) -> list[str]:
    """The texts of one conversation without personal data, as the template's privacy policy wants it."""
    gateway, template = completion.gateway, completion.version.name
    if gateway.is_warm and sum(map(len, texts)) <= SHORT_TEXT:
        return gateway.log.protect_conversation(list(texts), template)
    return await asyncio.to_thread(gateway.log.protect_conversation, list(texts), template)


async def protect_conversation(completion: "ChatCompletion") -> tuple[str, str]:
    """The messages, as JSON, and the answer; both protected."""
    messages, texts = completion.asked_messages(), await protect_question(completion)
    originals = [message["content"] for message in messages]
    answer = ""
    if completion.pieces and texts != originals:
        # Personal data of the question may come again in the answer, where no context announces it.
        *texts, answer = await protect_texts(completion, *originals, completion.text)
    elif completion.pieces:
        (answer,) = await protect_texts(completion, completion.text)
    protected = [message | {"content": text} for message, text in zip(messages, texts, strict=True)]
    return orjson.dumps(protected).decode(), answer
