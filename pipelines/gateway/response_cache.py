"""Answers given before: a question that a version has answered is not put to it again.

An entry is bound to the version and its bytes, to the parameters that shape an answer, to everything said before and to
the record below the question: all that is compared word for word. Of the question itself, the first line of the last
message, only what cannot change its meaning is evened out (`plain`). Where the template's policy says `semantic`,
another wording may find the answer too (semantic.py).

Never kept: what was sampled (the next answer would differ), what holds personal data, what was cut off by an error.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, NamedTuple

from pipelines.core.files import digest
from pipelines.core.plan import Serving
from pipelines.core.routes import ServedVersion
from pipelines.gateway import semantic_cache
from pipelines.text import privacy

ENTRIES, BYTES = 10_000, 64 * 2**20  # the least recently used go first
OVERHEAD = 3_000  # bytes of an entry besides its texts: keys, objects, a vector
# A request that asks for anything else (tools, logprobs, more than one answer) is not for the cache.
SHAPING = {"max_tokens", "max_completion_tokens", "stop", "presence_penalty", "frequency_penalty", "response_format"}
INDIFFERENT = {"model", "messages", "stream", "stream_options", "user", "metadata", "store"}
SAMPLING = {"temperature", "top_p", "seed"}  # at temperature 0 the others change nothing


class Hit(NamedTuple):
    answer: str
    kind: str  # exact or semantic
    completion_tokens: int
    prompt_tokens: int
    finish_reason: str


class Asked(NamedTuple):
    scope: str  # digest of all that must be the same word for word
    question: str  # plain


class Entry(NamedTuple):
    hit: Hit
    at: float  # seconds of the cache's clock
    model: str  # its digest
    size: int  # bytes, about
    indexed: Hashable | None  # where the semantic index has it


class Cache:
    """Thread-safe; one for all templates.

    Args:
        clock: tells seconds; of another time where old requests are asked again.
    """

    def __init__(
        self, entries: int = ENTRIES, most_bytes: int = BYTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.entries, self.most_bytes, self.clock = entries, most_bytes, clock
        self.kept: OrderedDict[Hashable, Entry] = OrderedDict()
        self.bytes = 0
        self.index = semantic_cache.Index()
        self.lock = Lock()

    def get(self, model_version: ServedVersion, request: dict[str, Any], policy: Serving) -> Hit | None:
        """The answer that this version gave to this question within `policy.cache_hours`."""
        if policy.cache == "off" or not (asked := read(model_version, request)):
            return None
        with self.lock:
            if hit := self.fresh(asked, policy):
                return hit._replace(kind="exact")
            if (
                policy.cache == "semantic"
                and (least := semantic_cache.threshold(model_version.name, policy)) is not None
            ):
                key = self.index.find(asked.scope, asked.question, least)
                if key and (hit := self.fresh(key, policy)):
                    return hit._replace(kind="semantic")
        return None

    def put(self, model_version: ServedVersion, request: dict[str, Any], policy: Serving, hit: Hit) -> None:
        """Keep an answer, unless it must not be kept.

        Reading for personal data takes up to some milliseconds: call it in a thread, after the client has its answer.
        """
        if policy.cache == "off" or not (asked := read(model_version, request)) or not hit.answer:
            return
        if hit.finish_reason not in ("stop", "length") or personal(model_version, request, hit.answer):
            return
        size = len(hit.answer.encode()) + len(asked.question.encode()) + OVERHEAD
        with self.lock:
            self.drop(asked)
            indexed = self.index.add(asked.scope, asked.question, asked) if policy.cache == "semantic" else None
            self.kept[asked] = Entry(hit, self.clock(), model_version.digest, size, indexed)
            self.bytes += size
            while len(self.kept) > self.entries or self.bytes > self.most_bytes:
                self.drop(next(iter(self.kept)))

    def retire(self, live: set[str]) -> None:
        """Forget the answers of models whose digest is not among `live`: those that no route serves any more."""
        with self.lock:
            for key in [key for key, entry in self.kept.items() if entry.model not in live]:
                self.drop(key)

    def fresh(self, key: Hashable, policy: Serving) -> Hit | None:
        entry = self.kept.get(key)
        if entry is None:
            return None
        if self.clock() - entry.at > policy.cache_hours * 3600:
            self.drop(key)
            return None
        self.kept.move_to_end(key)
        return entry.hit

    def drop(self, key: Hashable) -> None:
        if entry := self.kept.pop(key, None):
            self.bytes -= entry.size
            self.index.remove(entry.indexed, key)


def read(model_version: ServedVersion, request: dict[str, Any]) -> Asked | None:
    """What a request asks, and in which scope; None where its answer is not for the cache."""
    said = {name: value for name, value in request.items() if value is not None}
    if said.get("temperature") or not said.keys() <= SHAPING | INDIFFERENT | SAMPLING:
        return None
    *before, last = said["messages"]
    question, record = "", last
    if last["role"] == "user" and isinstance(last.get("content"), str):
        question, _, below = last["content"].strip().partition("\n")
        record = last | {"content": below}
    shaping = {name: said[name] for name in sorted(SHAPING & said.keys())}
    return Asked(
        digest([model_version.name, model_version.version, model_version.digest, shaping, before, record]),
        plain(question),
    )


def plain(question: str) -> str:
    """The question without what cannot change its meaning: case of plain words, spacing, marks at its end.

    A word that holds a figure, or capitals beyond its first letter, stays as it is: P0420, 2.0L, MPG, CR-V.
    """
    words = question.split()
    even = (word.lower() if word.istitle() and not any(map(str.isdigit, word)) else word for word in words)
    return " ".join(even).rstrip("?!. ")


def personal(model_version: ServedVersion, request: dict[str, Any], answer: str) -> bool:
    """Whether the conversation holds personal data; the template's own prompt is not looked at."""
    said = [message.get("content") or "" for message in request["messages"]]
    return any(privacy.find_personal_data(str(text)) for text in [*said, answer] if text != model_version.system_prompt)
