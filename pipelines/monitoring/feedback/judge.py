"""The judge: a model behind OpenAI's protocol that says which of two answers is better, asked in both orders.

A model is swayed by which answer it sees first. So it sees each pair twice, the second time turned round, and only
what it says both times is its verdict; how often it changes its mind is its position bias, which is measured.
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
TIMEOUT = 120.0  # seconds an answer
ATTEMPTS = 3
RETRIED = (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError)


class Judgement(NamedTuple):
    preferred: Preferred
    by: str  # facts or model; "" where nobody could say
    flipped: bool = False  # the model changed its mind with the order
    unclear: int = 0  # replies of the model's that were no verdict
    for_first: int = 0  # replies of the model's for the answer that it was shown first


class Judge:
    def __init__(self, client: openai.OpenAI, model: str, rubric: str) -> None:
        self.client, self.model, self.rubric = client, model, rubric

    def compare(self, question: Question, first: str, second: str) -> Judgement:
        """
        Raises:
            Unavailable: the endpoint does not answer, after some tries.
            WeaverError: it refuses; with its words.
        """
        straight, turned = self.reply(question, first, second), self.reply(question, second, first)
        said = [parse_verdict(straight), swap_sides(parse_verdict(turned))]
        agreed = said[0] if said[0] == said[1] and said[0] else "tie"
        return Judgement(
            preferred=agreed,
            by="model",
            flipped=said[0] != said[1],
            unclear=said.count(None),
            for_first=[parse_verdict(straight), parse_verdict(turned)].count("first"),
        )

    def reply(self, question: Question, first: str, second: str) -> str:
        asked = PROMPT.format(question=question.text, first=first, second=second)
        try:
            for attempt in stamina.retry_context(on=RETRIED, attempts=ATTEMPTS, wait_initial=0.5):
                with attempt:
                    told = self.client.chat.completions.create(
                        model=self.model,
                        messages=[{"role": "system", "content": self.rubric}, {"role": "user", "content": asked}],
                        temperature=0,
                        max_tokens=MAX_TOKENS,
                    )
            return told.choices[0].message.content or ""
        except RETRIED as error:
            raise Unavailable(
                f"the judge at {self.client.base_url} does not answer: {error}",
                "Start it, or correct WEAVER_JUDGE_URL; without one, the local model judges.",
            ) from error
        # What a server answers that speaks another protocol is read as whatever it looks like.
        except (openai.APIError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise WeaverError(
                f"the judge at {self.client.base_url} refuses, or does not speak OpenAI's protocol: {error}",
                "Correct WEAVER_JUDGE_URL (with its /v1), WEAVER_JUDGE_KEY and WEAVER_JUDGE_MODEL.",
            ) from error


def parse_verdict(reply: str) -> Preferred | None:
    """What a reply says; None if it is no verdict."""
    found = VERDICT.match(reply)
    names: dict[str, Preferred] = {"a": "first", "b": "second", "tie": "tie"}
    return names[found[1].lower()] if found else None


def swap_sides(said: Preferred | None) -> Preferred | None:
    other: dict[Preferred, Preferred] = {"first": "second", "second": "first", "tie": "tie"}
    return other[said] if said else None


def decide(question: Question, first: str, second: str, model: Judge | None) -> Judgement:
    """The facts first, then the model, if there is one whose word counts."""
    if (by_facts := decide_by_facts(question, first, second)) is not None:
        return Judgement(by_facts, "facts")
    return model.compare(question, first, second) if model else Judgement("tie", "")


@contextmanager
def open_judge(rubric: str) -> Iterator[Judge]:
    """The judge that settings name; none named, the local model, which runs for as long as this lasts."""
    here = settings()
    if here.judge_url:
        # Only where the settings say: no redirects, and no proxy that the environment names.
        with httpx2.Client(trust_env=False, follow_redirects=False) as web:
            yield Judge(make_client(here.judge_url, here.judge_key.get_secret_value(), web), here.judge_model, rubric)
    else:
        with local_model() as socket, httpx2.Client(transport=httpx2.HTTPTransport(uds=str(socket))) as web:
            yield Judge(make_client("http://localhost/v1", "", web), PACKAGED_MODEL, rubric)


def make_client(url: str, key: str, web: httpx2.Client) -> openai.OpenAI:
    return openai.OpenAI(base_url=url, api_key=key or "none", http_client=web, max_retries=0, timeout=TIMEOUT)
