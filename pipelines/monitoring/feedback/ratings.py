"""What people think of answers: users through the gateway, experts in MLflow's review queue; one shape for all."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from pipelines import request_log
from pipelines.clients import mlflow_reviews
from pipelines.core.files import file_lock, read_jsonl, write_jsonl
from pipelines.core.settings import settings

GOOD, BAD = 4, 2  # an expert's score from which an answer is good, and up to which it is bad
WORD = re.compile(r"[\w$]+(?:[.,:/'-]\w+)*%?")

Message = dict[str, str]
Name = TypeVar("Name")
Value = TypeVar("Value")


class Rating(BaseModel):
    """What one person thinks of one answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Literal["gateway", "review"]
    id: str  # of the answer: the exchange's in the request log, or the trace's in MLflow
    at: float  # epoch seconds
    key: str  # id of the API key, or an expert's name
    user: str = ""  # who used the key, hashed; "" where the client did not say
    version: int  # that answered
    messages: list[Message]  # the conversation up to the answer
    answer: str
    verdict: Literal["", "up", "down"]  # a correction says down, too
    score: float = 0  # an expert's, from 1 to 5; 0 where there is none
    correction: str = ""
    comment: str = ""

    def __hash__(self) -> int:
        return hash((self.source, self.id, self.person))

    @property
    def person(self) -> str:
        return f"{self.key}/{self.user}" if self.user else self.key

    @property
    def expert(self) -> bool:
        return self.source == "review"

    @property
    def turns(self) -> list[Message]:
        """The conversation without what the model was told it is."""
        return [message for message in self.messages if message["role"] != "system"]

    @property
    def asked(self) -> str:
        return next((m["content"].strip() for m in reversed(self.messages) if m["role"] == "user"), "")

    @property
    def instruction(self) -> str:
        """The first line of what was asked; the record stands below it (`pipelines.text.chat_format.user_messages`)."""
        return self.asked.partition("\n")[0].strip()

    @property
    def input(self) -> str:
        return self.asked.partition("\n")[2].strip()

    @cached_property
    def question(self) -> str:
        """Equal for conversations that ask the same, whatever their case and punctuation."""
        return "\n".join(f"{message['role']}: {normalise_text(message['content'])}" for message in self.turns)


def normalise_text(text: str) -> str:
    """The words of a text alone."""
    return " ".join(WORD.findall(text.casefold()))


def read_ratings(template: str) -> list[Rating]:
    """All that anybody ever said of a template's answers, the newest of each person on each answer, oldest first.

    What was read once is kept beside the request log, which forgets after 90 days: a correction holds for longer.

    Raises:
        Unavailable: MLflow, which knows the experts' scores, does not answer.
        WeaverError: the request log is damaged.
    """
    file = ratings_file(template)
    said = [*read_user_ratings(template), *read_expert_ratings(template)]
    if not said and not file.exists():
        return []
    with file_lock(file.with_suffix(".lock"), f"reading what people think of {template}"):
        known = [Rating.model_validate(row) for row in read_jsonl(file)] if file.exists() else []
        newest = {(one.source, one.id, one.person): one for one in [*known, *said]}
        found = sorted(newest.values(), key=lambda one: (one.at, one.id, one.person))
        if found != known:
            write_jsonl(file, (one.model_dump() for one in found))
    return found


def ratings_file(template: str) -> Path:
    return settings().home / "feedback" / template / "opinions.jsonl"


def read_user_ratings(template: str) -> list[Rating]:
    """The request log's feedback, of those answers that it still holds."""
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
            verdict="down" if row["correction"] else row["thumb"],
            correction=row["correction"].strip(),
            comment=row["comment"],
        )
        for row in rows
        if row["messages"] is not None
    ]


def read_expert_ratings(template: str) -> list[Rating]:
    found = []
    for review in mlflow_reviews.read_reviews(template):
        verdict: Literal["", "up", "down"] = ""
        if review.correction or 0 < review.score <= BAD:
            verdict = "down"
        elif review.score >= GOOD:
            verdict = "up"
        found.append(
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
                correction=review.correction.strip(),
                comment=review.comment,
            )
        )
    return found


def group_by_question(said: Iterable[Rating]) -> list[list[Rating]]:
    return group_values((one.question, one) for one in said)


def group_values(named: Iterable[tuple[Name, Value]]) -> list[list[Value]]:
    """The values of each name, in the order given."""
    found: dict[Name, list[Value]] = defaultdict(list)
    for name, value in named:
        found[name].append(value)
    return list(found.values())
