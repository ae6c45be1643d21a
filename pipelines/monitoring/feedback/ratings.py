"""Ratings of answers: by users through the gateway, by experts in MLflow's review queue; one shape for all."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, field_validator

from pipelines import request_log
from pipelines.clients import mlflow_reviews
from pipelines.core.files import file_lock, read_jsonl, write_jsonl
from pipelines.core.settings import settings
from pipelines.text.no_value import is_no_value

GOOD, BAD = 4, 2  # an expert's score of at least GOOD means a good answer, of at most BAD a bad one
WORD = re.compile(r"[\w$]+(?:[.,:/'-]\w+)*%?")

Message = dict[str, str]
Name = TypeVar("Name")
Value = TypeVar("Value")


class Rating(BaseModel):
    """One person's rating of one answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Literal["gateway", "review"]
    id: str  # of the answer: the exchange's in the request log, or the trace's in MLflow
    at: float  # epoch seconds
    key: str  # id of the API key, or an expert's name
    user: str = ""  # who used the key, hashed; empty if the client did not say
    version: int  # of the model that answered
    messages: list[Message]  # the conversation up to the answer
    answer: str
    verdict: Literal["", "up", "down"]  # a correction means down, too
    score: float = 0  # an expert's, from 1 to 5; 0 if there is none
    correction: str = ""
    comment: str = ""

    @field_validator("correction")
    @classmethod
    def check_correction(cls, text: str) -> str:
        """See `clean_correction`; ratings that were stored before may hold such texts too."""
        return clean_correction(text)

    def __hash__(self) -> int:
        return hash((self.source, self.id, self.rater))

    @property
    def rater(self) -> str:
        """Who rated: the API key's id and its user, or the expert's name."""
        return f"{self.key}/{self.user}" if self.user else self.key

    @property
    def expert(self) -> bool:
        """Whether the rating is from MLflow's review queue."""
        return self.source == "review"

    @property
    def turns(self) -> list[Message]:
        """The conversation without the system message."""
        return [message for message in self.messages if message["role"] != "system"]

    @property
    def prompt(self) -> str:
        """The last message of the user."""
        return next((m["content"].strip() for m in reversed(self.messages) if m["role"] == "user"), "")

    @property
    def instruction(self) -> str:
        """The first line of the prompt; its record stands below it (`pipelines.text.chat_format.user_messages`)."""
        return self.prompt.partition("\n")[0].strip()

    @property
    def input(self) -> str:
        """The record below the first line of the prompt; empty without one."""
        return self.prompt.partition("\n")[2].strip()

    @cached_property
    def question_key(self) -> str:
        """Equal for conversations that differ only in case and punctuation."""
        return "\n".join(f"{message['role']}: {normalise_text(message['content'])}" for message in self.turns)


def clean_correction(text: str) -> str:
    """A correction without spaces around it; empty if it stands for no answer (TBD, n/a, a dash): nobody gave one."""
    return "" if is_no_value(text) else text.strip()


def normalise_text(text: str) -> str:
    """The words of a text, in lower case and without punctuation."""
    return " ".join(WORD.findall(text.casefold()))


def read_ratings(template: str) -> list[Rating]:
    """All ratings of a template's answers, oldest first; the newest one if a rater rated an answer several times.

    They are kept beside the request log, which is deleted after 90 days: a correction stays valid for longer.

    Raises:
        Unavailable: MLflow, which has the experts' scores, does not answer.
        WeaverError: the request log is damaged.
    """
    file = ratings_file(template)
    current = [*read_user_ratings(template), *read_expert_ratings(template)]
    if not current and not file.exists():
        return []
    with file_lock(file.with_suffix(".lock"), f"reading the ratings of {template}"):
        stored = [Rating.model_validate(row) for row in read_jsonl(file)] if file.exists() else []
        newest = {(rating.source, rating.id, rating.rater): rating for rating in [*stored, *current]}
        ratings = sorted(newest.values(), key=lambda rating: (rating.at, rating.id, rating.rater))
        if ratings != stored:
            write_jsonl(file, (rating.model_dump() for rating in ratings))
    return ratings


def ratings_file(template: str) -> Path:
    """Where the ratings of a template are kept."""
    return settings().home / "feedback" / template / "ratings.jsonl"


def read_user_ratings(template: str) -> list[Rating]:
    """The ratings of users in the request log, for those answers that it still holds."""
    rows: list[dict[str, Any]] = request_log.read_feedback(template=template).to_pylist()
    return [
        Rating(
            source="gateway",
            id=row["id"],
            at=row["at"],
            key=row["key"],
            user=row["user"] or "",
            version=row["version"],
            messages=json.loads(row["messages"]),
            answer=row["answer"],
            verdict="down" if clean_correction(row["correction"]) else row["thumb"],
            correction=row["correction"],
            comment=row["comment"],
        )
        for row in rows
        if row["messages"] is not None
    ]


def read_expert_ratings(template: str) -> list[Rating]:
    """The ratings of experts in MLflow's review queues.

    Raises:
        Unavailable: MLflow does not answer.
    """
    ratings = []
    for review in mlflow_reviews.read_reviews(template):
        verdict: Literal["", "up", "down"] = ""
        if clean_correction(review.correction) or 0 < review.score <= BAD:
            verdict = "down"
        elif review.score >= GOOD:
            verdict = "up"
        ratings.append(
            Rating(
                source="review",
                id=review.id,
                at=review.at,
                key=review.by,
                version=review.version,
                messages=review.messages,
                answer=review.answer,
                verdict=verdict,
                score=review.score,
                correction=review.correction,
                comment=review.comment,
            )
        )
    return ratings


def group_by_question(ratings: Iterable[Rating]) -> list[list[Rating]]:
    """The ratings of each question."""
    return group_values((rating.question_key, rating) for rating in ratings)


def group_values(named: Iterable[tuple[Name, Value]]) -> list[list[Value]]:
    """The values of each name, in their order."""
    groups: dict[Name, list[Value]] = defaultdict(list)
    for name, value in named:
        groups[name].append(value)
    return list(groups.values())
