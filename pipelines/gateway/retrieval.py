"""The knowledge indexes of the templates, searched in threads of their own: the event loop waits for none.

An index that cannot be read stops no answer: the request goes on without passages, is counted, and the first one after
a success raises an alert.
"""

import asyncio
import gc
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from pipelines import alerts
from pipelines.core.errors import WeaverError
from pipelines.gateway.catalogue import Entry
from pipelines.gateway.grounding import Grounding, find_last_text, ground, show_asked
from pipelines.gateway.own_record import has_layout
from pipelines.gateway.prometheus import Metrics
from pipelines.kits.field_questions import load_asked_fields
from pipelines.knowledge.live import LiveIndex
from pipelines.knowledge.search import KnowledgeIndex, SearchResult
from pipelines.text.asked_fields import AskedFields
from pipelines.text.chat_format import Message

THREADS = 2
TIMEOUT = 10.0  # seconds that a request waits for an index
ASKED_TIMEOUT = 60.0  # seconds that a request waits until it is known how fields are asked for
RETRY_SECONDS = 5.0  # after a failure, in which the index is not tried again

log = logging.getLogger(__name__)


class Retriever:
    """Of one gateway; its methods are called from the event loop unless they say otherwise."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self.threads = ThreadPoolExecutor(THREADS, "knowledge")
        self.loader = ThreadPoolExecutor(1, "asked-fields")
        self.indexes: dict[str, LiveIndex] = {}
        self.frozen: dict[str, KnowledgeIndex] = {}
        self.asked: dict[str, Future[AskedFields | None]] = {}  # source of a dataset → how its fields are asked for
        self.failing: dict[str, float] = {}  # template → when it is tried again, by the monotonic clock

    async def ground(self, entry: Entry, messages: Sequence[Message]) -> Grounding:
        """What a conversation is answered from and shown with; never raises for what is wrong with the index."""
        grounding = await self.look_up(entry, messages)
        if grounding.answer:
            return grounding
        try:
            asked_fields = await self.wait_for_asked(entry.source)
        except Exception as error:  # of the kit's own code, or it takes too long
            log.error("records are shown whole to %s: %s", entry.route.name, error or type(error).__name__)
            return grounding._replace(outcome="failed")
        return await self.run(show_asked, grounding, messages, asked_fields, entry.knowledge)

    async def wait_for_asked(self, source: str) -> AskedFields | None:
        """How the fields of a dataset's records are asked for. It takes seconds to load, for which requests wait: a
        model that has learned from records with the fields asked for misreads whole ones."""
        loading = self.start_loading_asked(source)
        if loading.done():
            return loading.result()
        return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(loading)), ASKED_TIMEOUT)

    async def look_up(self, entry: Entry, messages: Sequence[Message]) -> Grounding:
        """What a conversation is answered from."""
        template = entry.route.name
        if not entry.policy.retrieval:
            return Grounding("off")
        if has_layout(find_last_text(messages)):
            return Grounding("own_record", index_version=self.version(template))
        if self.failing.get(template, 0.0) > time.monotonic():
            return Grounding("failed")
        began = time.perf_counter()
        try:
            grounding = await asyncio.wait_for(self.run(self.search, entry, messages), TIMEOUT)
        except TimeoutError:
            self.fail(template, f"it was not searched within {TIMEOUT:g} s")
            return Grounding("failed")
        except Exception as error:  # of LanceDB, Arrow or the file system: each has its own
            reason = str(error) if isinstance(error, WeaverError) else f"{type(error).__name__}: {error}"
            self.fail(template, reason)
            return Grounding("failed")
        self.metrics.retrieval_seconds.observe(time.perf_counter() - began)
        if self.failing.pop(template, None):
            log.info("%s is answered from its knowledge index again", template)
        return grounding

    async def run(self, work: Callable[..., Grounding], *inputs: Any) -> Grounding:
        """Run work in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work, *inputs)

    def search(self, entry: Entry, messages: Sequence[Message]) -> Grounding:
        """As `look_up`, in a thread."""
        return ground(self.load(entry.route.name), messages, entry.policy, entry.knowledge)

    def start_loading_asked(self, source: str) -> "Future[AskedFields | None]":
        """Load how the fields of a dataset's records are asked for, once."""
        if source not in self.asked:
            self.asked[source] = self.loader.submit(load_asked_fields, source)
        return self.asked[source]

    def load(self, template: str) -> KnowledgeIndex:
        """The live version of a template's index, for threads: the first call loads it.

        Raises:
            WeaverError: there is none yet.
        """
        index = self.indexes.setdefault(template, LiveIndex(template)).get()
        if self.frozen.get(template) is not index:
            self.frozen[template] = index
            gc.freeze()  # its objects stay: a full collection would look at all of them, while no request is answered
        return index

    def start_loading(self, entries: Iterable[Entry]) -> list["Future[Any]"]:
        """Load what is not loaded yet: indexes, what a first search loads, and what is known of how people ask; may be
        called from any thread."""
        loading: list[Future[Any]] = []
        for entry in entries:
            if entry.source not in self.asked:
                loading.append(self.start_loading_asked(entry.source))
            if entry.policy.retrieval and entry.route.name not in self.indexes:
                loading.append(self.threads.submit(self.warm_up, entry.route.name))
        return loading

    def warm_up(self, template: str) -> SearchResult:
        """A search, in a thread: it loads the word vectors and dictionaries.

        Raises:
            WeaverError: there is no index yet.
        """
        return self.load(template).search("How often is the 2012 Ford Focus serviced?")

    def version(self, template: str) -> int:
        """The version of the index that is searched now; 0 if none is loaded. Another one that is live is loaded."""
        live = self.indexes.get(template)
        return live.get().version if live and live.index else 0

    def fail(self, template: str, reason: str) -> None:
        """Note that an index cannot be searched, and raise an alert for the first time."""
        if template not in self.failing:
            text = (
                f"The gateway answers {template} without its knowledge index: {reason.rstrip('.')}. "
                f"Look at `weaver knowledge status {template}`; `weaver knowledge sync {template}` builds it."
            )
            threading.Thread(target=raise_alert, args=(text, template), daemon=True).start()
        self.failing[template] = time.monotonic() + RETRY_SECONDS

    def close(self) -> None:
        """Wait for no search any more."""
        for threads in (self.threads, self.loader):
            threads.shutdown(wait=False, cancel_futures=True)


def raise_alert(text: str, template: str) -> None:
    """Raise the alert; in a thread, because its channels are servers."""
    try:
        alerts.alert(text, key=f"{template}.knowledge", template=template)
    except (WeaverError, OSError) as error:
        log.error("%s (The alert could not be stored: %s)", text, error)
