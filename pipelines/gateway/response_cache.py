"""The response cache: a question that a version has answered is not sent to it again.

An entry is bound to the version and its digest, to the version of the knowledge index and how much of it is shown, to
the parameters that shape an answer, to all earlier messages and to the record below the question: all of these are
compared exactly. The question itself, the first line of the last
message, is normalised only where that cannot change its meaning (`normalise`). Where the template's policy is
`semantic`, another wording may hit as well (semantic_cache.py).

Never stored: sampled answers (the next one would differ), conversations with personal data, interrupted answers.
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
from pipelines.gateway.grounding import Grounding
from pipelines.text import privacy
from pipelines.text.passages import Passage

MAX_ENTRIES, MAX_BYTES = 10_000, 64 * 2**20  # the least recently used are evicted first
ENTRY_OVERHEAD = 3_000  # bytes of an entry besides its texts: keys, objects, a vector
# A request with any other parameter (tools, logprobs, more than one answer) is not cached.
SHAPING = {"max_tokens", "max_completion_tokens", "stop", "presence_penalty", "frequency_penalty", "response_format"}
IGNORED = {"model", "messages", "stream", "stream_options", "user", "metadata", "store"}
SAMPLING = {"temperature", "top_p", "seed"}  # at temperature 0 the others change nothing


class CachedAnswer(NamedTuple):
    """An answer, with what a response needs of it."""

    answer: str
    kind: str  # exact or semantic: how it was found
    completion_tokens: int
    prompt_tokens: int
    finish_reason: str
    grounding: Grounding = Grounding("off")
    cited: tuple[Passage, ...] = ()


class CacheKey(NamedTuple):
    """What an answer belongs to."""

    scope: str  # digest of all that must be exactly the same
    question: str  # normalised


class Entry(NamedTuple):
    """A stored answer."""

    answer: CachedAnswer
    at: float  # seconds of the cache's clock
    model: str  # digest of the version
    size: int  # bytes, approximately
    indexed: Hashable | None  # its key in the semantic index


class ResponseCache:
    """Thread-safe; one for all templates.

    Args:
        clock: returns seconds; another clock where logged requests are replayed.
    """

    def __init__(
        self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.max_entries, self.max_bytes, self.clock = max_entries, max_bytes, clock
        self.entries: OrderedDict[Hashable, Entry] = OrderedDict()
        self.bytes = 0
        self.index = semantic_cache.SemanticIndex()
        self.lock = Lock()

    def get(
        self, version: ServedVersion, request: dict[str, Any], policy: Serving, index_version: int = 0
    ) -> CachedAnswer | None:
        """The answer that this version gave to this question within `policy.cache_hours`.

        Args:
            request: the client's, without passages.
            index_version: of the knowledge index; 0 if none is searched.
        """
        if policy.cache == "off" or not (key := make_key(version, request, (index_version, policy.retrieval))):
            return None
        with self.lock:
            if answer := self.get_fresh(key, policy):
                return answer._replace(kind="exact")
            if policy.cache != "semantic" or (threshold := semantic_cache.get_threshold(version.name, policy)) is None:
                return None
            similar = self.index.find(key.scope, key.question, threshold)
            if similar and (answer := self.get_fresh(similar, policy)):
                return answer._replace(kind="semantic")
        return None

    def put(self, version: ServedVersion, request: dict[str, Any], policy: Serving, answer: CachedAnswer) -> None:
        """Store an answer, if it may be stored.

        The search for personal data takes up to some milliseconds: call it in a thread, after the client has its
        answer.
        """
        searched = (answer.grounding.index_version, policy.retrieval)
        if policy.cache == "off" or not (key := make_key(version, request, searched)) or not answer.answer:
            return
        if answer.finish_reason not in ("stop", "length") or has_personal_data(version, request, answer.answer):
            return
        texts = [answer.answer, key.question, *(passage.text for passage in answer.grounding.passages)]
        size = sum(len(text.encode()) for text in texts) + ENTRY_OVERHEAD
        with self.lock:
            self.drop(key)
            indexed = self.index.add(key.scope, key.question, key) if policy.cache == "semantic" else None
            self.entries[key] = Entry(answer, self.clock(), version.digest, size, indexed)
            self.bytes += size
            while len(self.entries) > self.max_entries or self.bytes > self.max_bytes:
                self.drop(next(iter(self.entries)))

    def retire(self, digests: set[str]) -> None:
        """Remove the answers of versions whose digest is not among these: no route has them any more."""
        with self.lock:
            for key in [key for key, entry in self.entries.items() if entry.model not in digests]:
                self.drop(key)

    def get_fresh(self, key: Hashable, policy: Serving) -> CachedAnswer | None:
        """The answer of a key, unless it is too old; marks it as recently used."""
        entry = self.entries.get(key)
        if entry is None:
            return None
        if self.clock() - entry.at > policy.cache_hours * 3600:
            self.drop(key)
            return None
        self.entries.move_to_end(key)
        return entry.answer

    def drop(self, key: Hashable) -> None:
        """Remove an entry, if there is one."""
        if entry := self.entries.pop(key, None):
            self.bytes -= entry.size
            self.index.remove(entry.indexed, key)


def make_key(version: ServedVersion, request: dict[str, Any], searched: tuple[int, int] = (0, 0)) -> CacheKey | None:
    """The cache key of a request; None if its answer must not be cached.

    Args:
        searched: the version of the knowledge index, and how many of its passages are shown at most.
    """
    parameters = {name: value for name, value in request.items() if value is not None}
    if parameters.get("temperature") or not parameters.keys() <= SHAPING | IGNORED | SAMPLING:
        return None
    *earlier, last = parameters["messages"]
    question, record = "", last
    if last["role"] == "user" and isinstance(last.get("content"), str):
        question, _, below = last["content"].strip().partition("\n")
        record = last | {"content": below}
    shaping = {name: parameters[name] for name in sorted(SHAPING & parameters.keys())}
    scope = digest([version.name, version.version, version.digest, searched, shaping, earlier, record])
    return CacheKey(scope, normalise(question))


def normalise(question: str) -> str:
    """The question without what cannot change its meaning: case of plain words, spacing, punctuation at its end.

    A word that contains a digit, or capitals beyond its first letter, stays as it is: P0420, 2.0L, MPG, CR-V.
    """
    words = question.split()
    normalised = (word.lower() if word.istitle() and not any(map(str.isdigit, word)) else word for word in words)
    return " ".join(normalised).rstrip("?!. ")


def has_personal_data(version: ServedVersion, request: dict[str, Any], answer: str) -> bool:
    """Whether the conversation contains personal data; the template's own prompt is not searched."""
    texts = [message.get("content") or "" for message in request["messages"]]
    return any(privacy.find_personal_data(str(text)) for text in [*texts, answer] if text != version.system_prompt)
