"""Questions from the training rows and the request log, and answers of the champion to them, for the judge."""

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

TIMEOUT = 120.0  # seconds per answer
DAY = 86_400.0


def sample_questions(dataset: DatasetVersion, plan: TrainingPlan) -> list[Question]:
    """Up to judge.questions different questions: half of them from the request log, if it has enough, the others from
    the training rows, whose facts are known. The dataset's digest is the seed, so that a retry draws the same."""
    rng = random.Random(dataset.digest)
    rows = read_jsonl(Path(dataset.uri) / "train.jsonl")
    trained_on = [Question(chat_format.user_messages(row), row.get("facts") or {}) for row in rows]
    training_keys = {digest(question.messages) for question in trained_on}
    live = [question for question in read_live_questions(plan) if digest(question.messages) not in training_keys]
    half = rng.sample(live, min(len(live), plan.judge.questions // 2))
    return half + rng.sample(trained_on, min(len(trained_on), plan.judge.questions - len(half)))


def read_live_questions(plan: TrainingPlan) -> list[Question]:
    """The different questions of users in the request log that were answered; oldest first."""
    from pipelines.request_log import read_exchanges, select_user_requests

    questions: dict[str, Question] = {}
    for row in select_user_requests(
        read_exchanges(time.time() - plan.judge.days * DAY, template=plan.template)
    ).to_pylist():
        if row["status"] == "ok":
            messages = [message for message in json.loads(row["messages"]) if message["role"] != "system"]
            questions.setdefault(digest(messages), Question(messages, {}))
    return list(questions.values())


def list_versions(client: openai.OpenAI, plan: TrainingPlan) -> list[str]:
    """The deployed versions of the template, whose answers are judged.

    Raises:
        Unavailable: the gateway does not answer.
        WeaverError: it refused, or no version is deployed.
    """
    with translate_gateway_error(plan):
        versions = sorted(model.id for model in client.models.list() if model.id.rpartition("-v")[0] == plan.template)
    if not versions:
        raise WeaverError(f"no version of {plan.template} is deployed yet", remedy(plan))
    return versions


def sample_answers(client: openai.OpenAI, question: Question, plan: TrainingPlan) -> list[str]:
    """Different answers of the champion to a question, at most judge.answers, each sampled with another seed.

    Raises:
        Unavailable: the gateway does not answer.
        WeaverError: it refused.
    """
    texts: dict[str, None] = {}
    for seed in range(plan.judge.answers):
        with translate_gateway_error(plan):
            response = client.chat.completions.create(
                model=plan.template,
                messages=question.messages,  # type: ignore[arg-type]
                temperature=plan.judge.temperature,
                seed=seed,
                max_tokens=plan.evaluate.max_new_tokens,
                user=JUDGE,
            )
        if text := (response.choices[0].message.content or "").strip():
            texts[text] = None
    return list(texts)


@contextmanager
def translate_gateway_error(plan: TrainingPlan) -> Iterator[None]:
    """Turn errors of the client `openai` into what a person can act on.

    Raises:
        Unavailable: the gateway does not answer.
        WeaverError: it refused.
    """
    try:
        yield
    except (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError) as error:
        raise Unavailable(f"the gateway does not answer: {error}", "Start it with `weaver up`.") from error
    except openai.APIError as error:
        raise WeaverError(f"the gateway refused a request of the judge: {error.message}", remedy(plan)) from error


def remedy(plan: TrainingPlan) -> str:
    """What to do if there is no champion to judge."""
    return f"Deploy a champion with `weaver run {plan.template}`, or set judge.questions to 0."


def connect_gateway() -> openai.OpenAI:
    """A client of the local gateway.

    Raises:
        Unavailable: the gateway has never been started.
    """
    try:
        key = settings().secret("gateway")
    except FileNotFoundError as error:
        raise Unavailable("the gateway has not been started yet", "Start it with `weaver up`.") from error
    return openai.OpenAI(base_url=f"{settings().gateway_url}/v1", api_key=key, timeout=TIMEOUT, max_retries=2)
