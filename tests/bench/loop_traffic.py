"""People at a counter, for the bench of the loop: they ask at a steady rate, and their colleagues correct the answers.

What they ask about is real questions of the kit, whose true answers are known: so is, of every answer, whether it was
right, which no part of the loop is told.
"""

import itertools
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx

from pipelines.core.settings import settings
from pipelines.text import chat_format
from pipelines.text.facts import contains_fact

Row = dict[str, Any]
AT_ONCE = 4  # people who wait for an answer
COLLEAGUES = 4  # who correct, each with a key of their own
PATIENCE = 60.0  # seconds


class Asked(NamedTuple):
    """One question and what came of it."""

    at: float  # epoch seconds
    subject: str
    version: int  # that answered; 0 if none did
    right: bool
    corrected: bool


class Counter:
    """
    Args:
        subjects: subject → its rows; each is asked in turn, again from the start when all have been.
        keys: API keys: the first asks, the others correct.
        corrections: the share of answers that a colleague looks at.
    """

    def __init__(self, template: str, subjects: dict[str, list[Row]], keys: list[str], corrections: float) -> None:
        self.template, self.corrections = template, corrections
        self.rows = {subject: itertools.cycle(rows) for subject, rows in subjects.items()}
        self.keys, self.rng = keys, random.Random(17)
        self.mix = dict.fromkeys(subjects, 1.0)
        self.questions: list[Asked] = []

    @contextmanager
    def open(self, rate: float) -> Iterator[None]:
        """People ask so many questions a second while this lasts, by the shares of `mix`."""
        closed = threading.Event()
        with ThreadPoolExecutor(AT_ONCE) as people:
            asking = threading.Thread(target=self.keep_asking, args=(rate, people, closed))
            asking.start()
            try:
                yield
            finally:
                closed.set()
                asking.join()

    def keep_asking(self, rate: float, people: ThreadPoolExecutor, closed: threading.Event) -> None:
        while not closed.wait(self.rng.expovariate(rate)):
            (subject,) = self.rng.choices(list(self.mix), list(self.mix.values()))
            people.submit(self.ask, subject, next(self.rows[subject]), self.rng.random() < self.corrections)

    def ask(self, subject: str, row: Row, looked_at: bool) -> None:
        """Ask, judge by the truth, and correct what is wrong where a colleague looks."""
        at, version, right = time.time(), 0, False
        try:
            answer_body = self.post(
                self.keys[0], "chat/completions", model=self.template, messages=chat_format.user_messages(row)
            )
            answer = answer_body["choices"][0]["message"]["content"]
            version = int(answer_body["model"].rpartition("-v")[2])
            right = all(contains_fact(fact, answer) for fact in row["facts"].values())
            if looked_at:
                rating = {"thumb": "up"} if right else {"thumb": "down", "correction": row["output"]}
                self.post(self.rng.choice(self.keys[1:]), "feedback", id=answer_body["id"], **rating)
        except httpx.HTTPError:
            pass  # it stands in the figures as a question that nobody answered
        self.questions.append(Asked(at, subject, version, right, looked_at and not right))

    def post(self, key: str, path: str, **body: Any) -> Any:
        bearer = {"Authorization": f"Bearer {key}"}
        url = f"{settings().gateway_url}/v1/{path}"
        return httpx.post(url, json=body, headers=bearer, timeout=PATIENCE, trust_env=False).raise_for_status().json()
