"""The canary: before a version gets traffic, it must answer the golden questions as well as at its evaluation."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from pipelines.clients.backends import Backend
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.plan import Deployment
from pipelines.core.routes import Endpoint, ServedVersion
from pipelines.text.chat_format import neutralise_message
from pipelines.text.facts import contains_fact

MIN_WORD_SIMILARITY = 0.6  # of two answers: engines round differently, and late in an answer a word may differ
TIMEOUT_FACTOR = 10  # times deployment.max_seconds, for one answer
GoldenRow = dict[str, Any]  # question, answer (as evaluated), base (the base model's answer), facts (that are right)


def run_canary(
    backend: Backend, endpoint: Endpoint, version: ServedVersion, golden: Sequence[GoldenRow], plan: Deployment
) -> dict[str, float]:
    """Send the golden questions to an endpoint, one at a time.

    Returns:
        golden_questions; passed_share: answers as good as at the evaluation; differs_from_base_share: answers that
        are not the base model's; p95_seconds: latency of an answer.
    Raises:
        WeaverError: it answers worse than at its evaluation, as the base model does, or too slowly; names the metric
            and its limit.
        Unavailable: it does not answer.
    """
    answers = asyncio.run(collect_answers(backend, endpoint, version, [row["question"] for row in golden], plan))
    pairs = [(row, text) for row, (text, _) in zip(golden, answers, strict=True)]
    metrics = {
        "golden_questions": float(len(golden)),
        "passed_share": share_of(is_as_good(row, text) for row, text in pairs),
        "differs_from_base_share": share_of(row["base"] != text for row, text in pairs),
        "p95_seconds": float(np.percentile([seconds for _, seconds in answers], 95)) if answers else 0.0,
    }
    name = f"{endpoint.model} on {endpoint.backend}"
    if metrics["passed_share"] < plan.min_golden_share:
        raise WeaverError(
            f"{name} answers {metrics['passed_share']:.0%} of {len(golden)} golden questions as well as at its "
            f"evaluation, and deployment.min_golden_share is {plan.min_golden_share:.0%}",
            "The served model differs from the evaluated one: read the backend's log, and check its quantisation.",
        )
    if not metrics["differs_from_base_share"] and any(row["base"] != row["answer"] for row in golden):
        raise WeaverError(f"{name} answers exactly as its base model: the adapter is not in it", "Export it again.")
    if metrics["p95_seconds"] > plan.max_seconds:
        raise latency_error(name, f"{metrics['p95_seconds']:.1f} s", plan)
    return metrics


async def collect_answers(
    backend: Backend, endpoint: Endpoint, version: ServedVersion, questions: Sequence[str], plan: Deployment
) -> list[tuple[str, float]]:
    """The answer to each question, and its latency in seconds.

    Raises:
        WeaverError: an answer takes many times the allowed latency; it is not worth a retry.
        Unavailable: the endpoint does not answer, or every answer is empty.
    """
    answers, name, timeout = [], f"{endpoint.model} on {endpoint.backend}", TIMEOUT_FACTOR * plan.max_seconds
    try:
        for question in questions:
            began = time.perf_counter()
            messages = [
                {"role": "system", "content": version.system_prompt},
                {"role": "user", "content": question},
            ]
            request = {
                "messages": [neutralise_message(message, version.control_tokens) for message in messages],
                "max_tokens": version.max_new_tokens,
                "temperature": 0,
            }
            async with asyncio.timeout(timeout):
                chunks = [chunk async for chunk in backend.stream(endpoint, request, 2 * timeout)]
            text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
            answers.append((text.strip(), time.perf_counter() - began))
    except TimeoutError as error:
        raise latency_error(name, f"more than {timeout:g} s", plan) from error
    finally:
        await backend.close()
    if questions and not any(text for text, _ in answers):
        raise Unavailable(f"{name} returns empty answers", "Read the backend's log.")
    return answers


def latency_error(name: str, latency: str, plan: Deployment) -> WeaverError:
    """The error of a version that is too slow."""
    return WeaverError(
        f"{name} needs {latency} for an answer, and deployment.max_seconds is {plan.max_seconds:g} s",
        "Give it more threads or a faster machine, use a smaller quantisation, or raise deployment.max_seconds.",
    )


def is_as_good(row: GoldenRow, answer: str) -> bool:
    """Whether an answer states every fact that the evaluated answer stated; if that stated none, most of its words."""
    if stated := [fact for fact in row["facts"] if contains_fact(fact, row["answer"])]:
        return all(contains_fact(fact, answer) for fact in stated)
    return SequenceMatcher(None, row["answer"].split(), answer.split()).ratio() >= MIN_WORD_SIMILARITY


def share_of(passed: Iterable[bool]) -> float:
    """The share of True values; 1 of none."""
    values = list(passed)
    return sum(values) / len(values) if values else 1.0
