"""The rows of the request log: requests with their answers, and feedback on them."""

import hmac
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from pipelines.core.settings import settings

SCHEMA_VERSION = "1"  # incremented when a column changes its meaning; an added column is null in older rows
TYPES: dict[Any, pa.DataType] = {int: pa.int64(), float: pa.float64()}  # all others are text
Time = Annotated[float, Field(ge=0, lt=253_402_300_800, description="epoch seconds, until the year 9999")]

JUDGE = "weaver judge"  # the user of the judge's own requests


class Row(BaseModel):
    """A row."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Exchange(Row):
    """One request and its answer."""

    id: str  # the completion's id, which the client has
    at: Time
    template: str
    version: int
    backend: str  # "" where the cache answered
    route: str  # the routing decision, as in the header x-weaver-route
    key: str  # id of the API key, never the key
    user: str  # pseudonym of the client's `user`; "" if it sent none
    messages: str  # JSON of the conversation, with the passages that were shown below its question; protected
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
    retrieval: str = ""  # what it was answered from: off, failed, own_record, found, quoted, declined
    sources: str = "[]"  # JSON: the ids of the passages that were shown or quoted
    index_version: int = 0  # of the knowledge index that was searched; 0 if none was
    unfounded_facts: int = 0  # of the model's answer: numbers, codes and names that neither record nor question states


class Feedback(Row):
    """A person's feedback on an answer; later feedback of the same user of a key replaces it."""

    id: str  # of the exchange
    at: Time
    key: str  # id of the API key
    thumb: Literal["", "up", "down"] = ""
    correction: str = ""  # the answer that would have been right, protected
    comment: str = ""  # protected
    user: str = ""  # pseudonym of who gives it, as in Exchange; by default the user of the request


class StoredFeedback(Feedback):
    """Feedback as it is stored: with the template and time of its exchange."""

    template: str
    exchange_at: Time  # when the request came


KINDS: dict[str, type[Row]] = {"exchanges": Exchange, "feedbacks": StoredFeedback}


def arrow_schema(kind: str) -> pa.Schema:
    """The Arrow schema of a kind's rows."""
    fields = [(name, TYPES.get(field.annotation, pa.string())) for name, field in KINDS[kind].model_fields.items()]
    return pa.schema(fields, metadata={"weaver_log": SCHEMA_VERSION})


def hash_user(user: str | None) -> str:
    """A pseudonym of what a client calls its user: an HMAC (SHA-256, 64 bits) with this home's key; empty for nobody.

    A bare hash could be guessed: whoever has a list of names or numbers hashes them all and compares.
    """
    return hmac.digest(user_key(settings().home), user.encode(), "sha256").hex()[:16] if user else ""


@cache
def user_key(home: Path) -> bytes:
    """The key of the pseudonyms of users: derived from the home's secret, which only its owner can read."""
    from pipelines.text.privacy.pseudonyms import derive_key

    return derive_key("users of the request log")


def log_folder() -> Path:
    """Where this home's request log is."""
    return settings().home / "serving" / "log"
