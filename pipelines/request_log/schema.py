"""What the request log holds: rows of conversations that were answered, and of what people thought of the answers."""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from pipelines.core.settings import settings

SCHEMA_VERSION = "1"  # rises when a column changes its meaning; one that is added reads as null in older rows
TYPES: dict[Any, pa.DataType] = {int: pa.int64(), float: pa.float64()}  # whatever else is text
Time = Annotated[float, Field(ge=0, lt=253_402_300_800, description="epoch seconds, until the year 9999")]


JUDGE = "weaver judge"  # the user that the judge's own questions are asked as: nobody's, and nobody is answered


class Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Exchange(Row):
    """One request and its answer."""

    id: str  # what the client sees and gives feedback on
    at: Time
    template: str
    version: int
    backend: str  # "" where the cache answered
    route: str  # the decision, as in x-weaver-route
    key: str  # id of the API key, never the key
    user: str  # what the client calls its user, hashed; "" if it says nothing
    messages: str  # JSON of the conversation, protected
    answer: str  # protected
    status: str  # ok, cancelled, or an error code such as unavailable, timeout
    cached: str  # "", exact or semantic
    prompt_tokens: int
    completion_tokens: int
    queue_s: float  # seconds
    first_token_s: float
    latency_s: float
    cost: float  # of the backend's machine, for the time that it worked on this request
    shadow_of: str = ""  # id of the request that this one repeats for a version in shadow


class Feedback(Row):
    """What somebody thought of an answer; what the same user of a key thinks later takes its place."""

    id: str  # of the exchange
    at: Time
    key: str  # id of the API key
    thumb: Literal["", "up", "down"] = ""
    correction: str = ""  # what the answer should have been, protected
    comment: str = ""  # protected
    user: str = ""  # who used the key, as in Exchange; whoever asked, if nobody says otherwise


class Opinion(Feedback):
    """Feedback as it is stored: with where its exchange is found."""

    template: str
    asked: Time  # the exchange's `at`


KINDS: dict[str, type[Row]] = {"exchanges": Exchange, "feedbacks": Opinion}


def schema(kind: str) -> pa.Schema:
    fields = [(name, TYPES.get(field.annotation, pa.string())) for name, field in KINDS[kind].model_fields.items()]
    return pa.schema(fields, metadata={"weaver_log": SCHEMA_VERSION})


def hashed(user: str | None) -> str:
    """What a client calls its user, for a log that must not know."""
    return hashlib.sha256(user.encode()).hexdigest()[:16] if user else ""


def folder() -> Path:
    return settings().home / "serving" / "log"
