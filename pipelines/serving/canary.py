"""The canary: a version that was loaded shows, before anybody is sent to it, that it is the one that was evaluated."""

import asyncio
import time
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from pipelines.clients.backends import Backend
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.plan import Deployment
from pipelines.core.routes import Endpoint, ServedVersion
from pipelines.text.facts import contains_fact

ALIKE = 0.6  # of the words of two answers: engines round differently, and late in an answer a word may turn
PATIENCE = 10  # times deployment.max_seconds, for one answer
Golden = dict[str, Any]  # question, answer (as evaluated), base (the base model's answer), facts (that are right)


def check(
    backend: Backend, endpoint: Endpoint, model_version: ServedVersion, golden: Sequence[Golden], plan: Deployment
) -> dict[str, float]:
    """Ask a place the golden questions, one at a time.

    Returns:
        questions; as_good: share that came out as good as at the evaluation; changed: share that the base answers
        otherwise; seconds: the slowest answer, or their 95th percentile of twenty and more.
    Raises:
        WeaverError: it answers worse than it was evaluated, as the base does, or too slowly; names figure and limit.
        Unavailable: it does not answer.
    """
    asked = asyncio.run(answers(backend, endpoint, model_version, [row["question"] for row in golden], plan))
    told = [answer for answer, _ in asked]
    seconds = sorted(took for _, took in asked)
    figures = {
        "questions": float(len(golden)),
        "as_good": share(as_good(row, answer) for row, answer in zip(golden, told, strict=True)),
        "changed": share(row["base"] != answer for row, answer in zip(golden, told, strict=True)),
        "seconds": seconds[int(0.95 * len(seconds))] if seconds else 0.0,
    }
    where = f"{endpoint.model} on {endpoint.backend}"
    if figures["as_good"] < plan.min_golden_share:
        raise WeaverError(
            f"{where} answers {figures['as_good']:.0%} of {len(golden)} golden questions as well as at its evaluation, "
            f"and deployment.min_golden_share is {plan.min_golden_share:.0%}",
            "What is served is not what was evaluated: see the backend's log, and its quantisation.",
        )
    if not figures["changed"] and any(row["base"] != row["answer"] for row in golden):
        raise WeaverError(f"{where} answers as its base does: its training is not in it", "Export it again.")
    if figures["seconds"] > plan.max_seconds:
        raise too_slow(where, f"{figures['seconds']:.1f} s", plan)
    return figures


async def answers(
    backend: Backend, endpoint: Endpoint, model_version: ServedVersion, questions: Sequence[str], plan: Deployment
) -> list[tuple[str, float]]:
    """Each question's answer, and the seconds that it took.

    Raises:
        WeaverError: one takes many times what it may: none is waited for longer, and to try again would not help.
        Unavailable: the place does not answer, or with nothing.
    """
    found, where, patience = [], f"{endpoint.model} on {endpoint.backend}", PATIENCE * plan.max_seconds
    try:
        for question in questions:
            began = time.perf_counter()
            request = {
                "messages": [
                    {"role": "system", "content": model_version.system_prompt},
                    {"role": "user", "content": question},
                ],
                "max_tokens": model_version.max_new_tokens,
                "temperature": 0,
            }
            async with asyncio.timeout(patience):
                pieces = [chunk async for chunk in backend.stream(endpoint, request, 2 * patience)]
            text = "".join(choice["delta"].get("content") or "" for piece in pieces for choice in piece["choices"])
            found.append((text.strip(), time.perf_counter() - began))
    except TimeoutError as error:
        raise too_slow(where, f"more than {patience:g} s", plan) from error
    finally:
        await backend.close()
    if questions and not any(text for text, _ in found):
        raise Unavailable(f"{where} answers nothing", "See the backend's log.")
    return found


def too_slow(where: str, took: str, plan: Deployment) -> WeaverError:
    return WeaverError(
        f"{where} takes {took} for an answer, and deployment.max_seconds is {plan.max_seconds}",
        "Give it more threads or a faster machine; quantise it further; or allow more.",
    )


def as_good(row: Golden, answer: str) -> bool:
    """It says every fact that the evaluated answer said; of one that said none, most of its words."""
    if said := [fact for fact in row["facts"] if contains_fact(fact, row["answer"])]:
        return all(contains_fact(fact, answer) for fact in said)
    return SequenceMatcher(None, row["answer"].split(), answer.split()).ratio() >= ALIKE


def share(hits: Any) -> float:
    found = list(hits)
    return sum(found) / len(found) if found else 1.0
