"""The judge: a model behind OpenAI's protocol that decides which of two answers is better, in both orders.

A model is influenced by which answer it sees first. So it sees each pair twice, the second time in reverse order, and
only a verdict that it gives both times counts; how often its verdict changes is its position bias, which is measured.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import httpx2
import openai
import stamina

from pipelines.clients.local_model import PACKAGED_MODEL, local_model
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.settings import settings
from pipelines.monitoring.feedback.fact_check import Preferred, Question, decide_by_facts
from pipelines.text.chat_format import neutralise_control_tokens

PROMPT = """{question}

[answer A]
{first}
[end of answer A]

[answer B]
{second}
[end of answer B]

Which answer is better? Reply with one word: A, B or tie."""
VERDICT = re.compile(
    r"\W*(?:the\s+)?(?:better\s+)?(?:(?:answer|verdict)(?:\s+is)?\W+)?(A|B|tie)(?:\W*$|[.,:;!)*\n]|\s+(?:is|because)\b)",
    re.IGNORECASE,
)
MAX_TOKENS = 16
TIMEOUT = 120.0  # seconds per answer
ATTEMPTS = 3
RETRIED = (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError)


class Judgement(NamedTuple):
    """Which of two answers is better, and how that was decided."""

    preferred: Preferred
    by: str  # facts or model; empty if neither could decide
    flipped: bool = False  # the model's verdict changed with the order
    unclear: int = 0  # replies of the model without a verdict
    for_first: int = 0  # replies of the model for the answer that it was shown first


class Judge:
    """A model that compares answers by a rubric, which is its system message."""

    def __init__(self, client: openai.OpenAI, model: str, rubric: str) -> None:
        self.client, self.model, self.rubric = client, model, rubric

    def compare(self, question: Question, first: str, second: str) -> Judgement:
        """Compare two answers, once in each order.

        Raises:
            Unavailable: the endpoint does not answer, after some tries.
            WeaverError: it refused; the message has its words.
        """
        in_order, reversed_order = (
            parse_verdict(self.reply(question, *answers)) for answers in ((first, second), (second, first))
        )
        verdicts = [in_order, swap_sides(reversed_order)]
        agreed = verdicts[0] if verdicts[0] == verdicts[1] and verdicts[0] else "tie"
        return Judgement(
            preferred=agreed,
            by="model",
            flipped=verdicts[0] != verdicts[1],
            unclear=verdicts.count(None),
            for_first=[in_order, reversed_order].count("first"),
        )

    def reply(self, question: Question, first: str, second: str) -> str:
        """The model's words about two answers in this order.

        Raises:
            Unavailable: the endpoint does not answer, after some tries.
            WeaverError: it refused, or does not speak OpenAI's protocol.
        """
        prompt = neutralise_control_tokens(PROMPT.format(question=question.text, first=first, second=second))
        try:
            for attempt in stamina.retry_context(on=RETRIED, attempts=ATTEMPTS, wait_initial=0.5):
                with attempt:
                    response = self.client.chat.completions.create(
                        model=self.model,
                        messages=[
                            {"role": "system", "content": self.rubric},
                            {"role": "user", "content": neutralise_control_tokens(prompt)},
                        ],
                        temperature=0,
                        max_tokens=MAX_TOKENS,
                    )
            return response.choices[0].message.content or ""
        except RETRIED as error:
            raise Unavailable(
                f"the judge at {self.client.base_url} does not answer: {error}",
                "Start it, or correct WEAVER_JUDGE_URL; without one, the local model judges.",
            ) from error
        # A server with another protocol may answer with anything, which the client reads as far as it can.
        except (openai.APIError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise WeaverError(
                f"the judge at {self.client.base_url} refused, or does not speak OpenAI's protocol: {error}",
                "Correct WEAVER_JUDGE_URL (with its /v1), WEAVER_JUDGE_KEY and WEAVER_JUDGE_MODEL.",
            ) from error


def parse_verdict(reply: str) -> Preferred | None:
    """The verdict in a reply; None if it has none."""
    match = VERDICT.match(reply)
    names: dict[str, Preferred] = {"a": "first", "b": "second", "tie": "tie"}
    return names[match[1].lower()] if match else None


def swap_sides(verdict: Preferred | None) -> Preferred | None:
    """A verdict on answers in reverse order, as one on answers in their order."""
    other: dict[Preferred, Preferred] = {"first": "second", "second": "first", "tie": "tie"}
    return other[verdict] if verdict else None


def decide(question: Question, first: str, second: str, model: Judge | None) -> Judgement:
    """Decide by the facts, or else by the model, if there is one that is trusted."""
    if (by_facts := decide_by_facts(question, first, second)) is not None:
        return Judgement(by_facts, "facts")
    return model.compare(question, first, second) if model else Judgement("tie", "")


@contextmanager
def open_judge(rubric: str) -> Iterator[Judge]:
    """The judge that settings name, or else the local model, which runs until the context ends."""
    here = settings()
    if here.judge_url:
        # Answers of users go to this address only: no redirects, and no proxy of the environment.
        with httpx2.Client(trust_env=False, follow_redirects=False) as web:
            yield Judge(make_client(here.judge_url, here.judge_key.get_secret_value(), web), here.judge_model, rubric)
    else:
        with local_model() as socket, httpx2.Client(transport=httpx2.HTTPTransport(uds=str(socket))) as web:
            yield Judge(make_client("http://localhost/v1", "", web), PACKAGED_MODEL, rubric)


def make_client(url: str, key: str, web: httpx2.Client) -> openai.OpenAI:
    """A client without retries of its own: `Judge.reply` retries."""
    return openai.OpenAI(base_url=url, api_key=key or "none", http_client=web, max_retries=0, timeout=TIMEOUT)
