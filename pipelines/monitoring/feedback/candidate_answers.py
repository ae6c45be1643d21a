"""What is judged: questions of the training rows and of the request log, and the champion's own answers to them."""

import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openai

from pipelines.core.artifacts import DatasetVersion
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.files import digest, read_jsonl
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings
from pipelines.monitoring.feedback.fact_check import Question
from pipelines.request_log import JUDGE
from pipelines.text import chat_format

TIMEOUT = 120.0  # seconds an answer
DAY = 86_400.0


def sample_questions(dataset: DatasetVersion, plan: TrainingPlan) -> list[Question]:
    """Up to judge.questions different ones: half from the request log as far as it has them, the others from the
    training rows, whose facts are known. Which ones is drawn by the dataset's bytes, so that a retry draws the same."""
    rng = random.Random(dataset.digest)
    rows = read_jsonl(Path(dataset.uri) / "train.jsonl")
    known = [Question(chat_format.user_messages(row), row.get("facts") or {}) for row in rows]
    answered = {digest(question.messages) for question in known}
    live = [question for question in read_live_questions(plan) if digest(question.messages) not in answered]
    half = rng.sample(live, min(len(live), plan.judge.questions // 2))
    return half + rng.sample(known, min(len(known), plan.judge.questions - len(half)))


def read_live_questions(plan: TrainingPlan) -> list[Question]:
    """The request log's different questions that were answered, without our own; oldest first."""
    from pipelines.request_log import read_exchanges, select_user_requests

    found: dict[str, Question] = {}
    for row in select_user_requests(
        read_exchanges(time.time() - plan.judge.days * DAY, template=plan.template)
    ).to_pylist():
        if row["status"] == "ok":
            messages = [message for message in json.loads(row["messages"]) if message["role"] != "system"]
            found.setdefault(digest(messages), Question(messages, {}))
    return list(found.values())


def list_versions(client: openai.OpenAI, plan: TrainingPlan) -> list[str]:
    """The versions that the gateway has for the template: who is judged.

    Raises:
        Unavailable: the gateway does not answer.
        WeaverError: it refuses, or has none.
    """
    with translate_gateway_error(plan):
        found = sorted(model.id for model in client.models.list() if model.id.rpartition("-v")[0] == plan.template)
    if not found:
        raise WeaverError(f"no version of {plan.template} is deployed yet", remedy(plan))
    return found


def sample_answers(client: openai.OpenAI, question: Question, plan: TrainingPlan) -> list[str]:
    """Different answers of the champion to a question, at most judge.answers, sampled with seeds of their own.

    Raises:
        Unavailable: the gateway does not answer.
        WeaverError: it refuses.
    """
    found: dict[str, None] = {}
    for seed in range(plan.judge.answers):
        with translate_gateway_error(plan):
            said = client.chat.completions.create(
                model=plan.template,
                messages=question.messages,  # type: ignore[arg-type]
                temperature=plan.judge.temperature,
                seed=seed,
                max_tokens=plan.evaluate.max_new_tokens,
                user=JUDGE,
            )
        if text := (said.choices[0].message.content or "").strip():
            found[text] = None
    return list(found)


@contextmanager
def translate_gateway_error(plan: TrainingPlan) -> Iterator[None]:
    try:
        yield
    except (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError) as error:
        raise Unavailable(f"the gateway gives no answer to judge: {error}", "Start it with `weaver up`.") from error
    except openai.APIError as error:
        raise WeaverError(f"the gateway refused: {error.message}", remedy(plan)) from error


def remedy(plan: TrainingPlan) -> str:
    return f"Deploy a champion with `weaver run {plan.template}`, or set judge.questions to 0."


def connect_gateway() -> openai.OpenAI:
    """The gateway, as whoever works on this machine asks it.

    Raises:
        Unavailable: it has never been started.
    """
    try:
        key = settings().secret("gateway")
    except FileNotFoundError as error:
        raise Unavailable("the gateway has not been started yet", "Start it with `weaver up`.") from error
    return openai.OpenAI(base_url=f"{settings().gateway_url}/v1", api_key=key, timeout=TIMEOUT, max_retries=2)
