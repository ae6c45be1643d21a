"""What all requests share: keys, catalogue, cache, router, log, metrics, traces; opened and closed with the process."""

import asyncio
import gc
import logging
import os
import time
from collections.abc import Coroutine
from concurrent.futures import Future, wait
from threading import Thread
from typing import Any

from pipelines.clients import backends
from pipelines.core.errors import WeaverError
from pipelines.gateway.api_keys import Keyring
from pipelines.gateway.catalogue import Catalogue
from pipelines.gateway.completions import ChatCompletion
from pipelines.gateway.prometheus import Metrics
from pipelines.gateway.response_cache import ResponseCache
from pipelines.gateway.retrieval import Retriever
from pipelines.gateway.routing import Router
from pipelines.gateway.schemas import FeedbackRequest
from pipelines.gateway.traces import Traces
from pipelines.knowledge.search import SearchResult
from pipelines.request_log import Feedback, RequestLog, find_exchange, hash_user, log_folder

REFRESH_SECONDS = 0.2  # between looks at routes, templates and keys
FLUSH_SECONDS = 60.0  # between moves of the log's rows into Parquet
MAX_SHADOW_REQUESTS = 4  # at a time; further ones are left out
CLOSE_TIMEOUT = 10.0  # seconds that background work has when the process ends

log = logging.getLogger(__name__)


class Gateway:
    """The gateway's state, one per process; its methods are called from the event loop unless they say otherwise."""

    def __init__(self) -> None:
        self.log = RequestLog(log_folder())
        self.keys, self.catalogue = Keyring(), Catalogue()
        self.cache, self.router = ResponseCache(), Router()
        self.metrics, self.traces = Metrics(), Traces()
        self.retriever = Retriever(self.metrics)
        self.backends: dict[str, backends.Backend] = {}
        self.tasks: set[asyncio.Task[Any]] = set()
        self.shadow_requests: set[asyncio.Task[Any]] = set()
        self.error_logged_at = 0.0
        self.readiness: tuple[float, str] = (0.0, "")
        self.warming: Thread | None = None
        self.is_warm = False

    def backend(self, name: str) -> backends.Backend:
        """The client of a backend, made at its first use."""
        if name not in self.backends:
            self.backends[name] = backends.load_backend(name)
        return self.backends[name]

    def run_in_background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run work that continues if its client disconnects; the process ends only after it."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # whoever awaits it gets the error
        return task

    async def refresh_periodically(self) -> None:
        """Follow route files, templates and keys, and flush the log; for as long as the process lives."""
        flushed = time.monotonic()
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await asyncio.to_thread(self.refresh)
                if self.warming is None and self.catalogue.entries:
                    self.warming = Thread(target=self.warm_up, daemon=True)  # takes seconds; a shutdown need not wait
                    self.warming.start()
                if time.monotonic() - flushed > FLUSH_SECONDS:
                    flushed = time.monotonic()
                    await asyncio.to_thread(self.flush)
            except Exception as error:  # the next look may find it corrected
                self.log_error_once_a_minute(str(error))

    def warm_up(self) -> None:
        """Load what the first requests would wait for."""
        # Loaded objects stay: every full collection would look at half a million of them, for a third of a second in
        # which no request is answered.
        gc.disable()
        try:
            loading = self.start_loading_knowledge()
            self.log.warm_up(next(iter(self.catalogue.entries)))
            self.flush()
            wait(loading)
            gc.freeze()
        finally:
            gc.enable()
        self.is_warm = True

    def start_loading_knowledge(self) -> list["Future[SearchResult]"]:
        """Load the knowledge indexes of templates that are answered from one, as far as they are not loaded yet."""
        return self.retriever.start_loading(self.catalogue.entries.values())

    def refresh(self) -> None:
        """Read keys, routes and templates that have changed."""
        self.keys.refresh()
        if self.catalogue.refresh():
            self.cache.retire(self.catalogue.digests())
            if self.is_warm:
                self.start_loading_knowledge()

    def flush(self) -> None:
        """Write the times of the keys' last requests, and move the log's rows into Parquet."""
        self.keys.save_last_used()
        self.log.flush()

    def log_error_once_a_minute(self, message: str) -> None:
        """Log an error that would otherwise be logged with every request."""
        if time.monotonic() - self.error_logged_at > 60:
            self.error_logged_at = time.monotonic()
            log.error(message)

    def start_shadow_requests(self, completion: ChatCompletion) -> None:
        """Repeat a request for the shadow versions; under load these are left out first."""
        name, policy = completion.version.name, completion.entry.policy
        for version in self.router.choose_shadows(completion.entry.route):
            queue_is_long = self.router.count_in_flight(name) > policy.max_queue // 2
            if len(self.shadow_requests) >= MAX_SHADOW_REQUESTS or queue_is_long:
                self.metrics.shadow_requests_dropped.labels(name).inc()
                continue
            shadow = ChatCompletion(
                self,
                completion.entry,
                version,
                "shadow",
                completion.body,
                completion.key,
                time.perf_counter(),
                completion.id,
            )
            task = self.run_in_background(shadow.run())
            self.shadow_requests.add(task)
            task.add_done_callback(self.shadow_requests.discard)

    def store_feedback(self, feedback: FeedbackRequest, key: str) -> None:
        """Write feedback into the log, its texts protected. It may be called from any thread.

        Raises:
            WeaverError: no completion has this id.
        """
        exchange = find_exchange(self.log.folder, feedback.id)
        template = exchange["template"] if exchange else ""
        texts = {
            name: self.log.protect_text(text, template) if template else ""
            for name in ("correction", "comment")
            if (text := getattr(feedback, name))
        }
        user = hash_user(feedback.user)
        if exchange and exchange["key"] == key:
            user = user or exchange["user"]
        row = Feedback(id=feedback.id, at=time.time(), key=key, user=user, thumb=feedback.thumb or "", **texts)
        self.log.write_feedback(row)

    async def why_not_ready(self) -> str:
        """Why no request can be answered now; "" if one can. Checked at most once a second."""
        at, reason = self.readiness
        if time.monotonic() - at > 1:
            reason = await asyncio.to_thread(self.check_readiness)
            self.readiness = (time.monotonic(), reason)
        return reason

    def check_readiness(self) -> str:
        """As `why_not_ready`, checked now; blocks."""
        if not os.access(self.log.folder, os.W_OK):
            return f"the request log {self.log.folder} cannot be written"
        if self.catalogue.entries and not self.is_warm:
            return "the recognisers of personal data and the knowledge indexes are being loaded"
        versions = [version for entry in self.catalogue.entries.values() for version in entry.route.versions]
        endpoints = [endpoint for version in versions for endpoint in version.endpoints]
        for name in dict.fromkeys(endpoint.backend for endpoint in endpoints):
            try:
                status = self.backend(name).status()
            except (WeaverError, OSError):
                continue
            if any(status.get(endpoint.model) == "ready" for endpoint in endpoints if endpoint.backend == name):
                return ""
        return "no deployed version is ready on any backend" if endpoints else "no version is deployed"

    async def close(self) -> None:
        """Finish the work in the background, flush the log, and close all connections."""
        if self.tasks:
            _, unfinished = await asyncio.wait(self.tasks, timeout=CLOSE_TIMEOUT)
            for task in unfinished:
                task.cancel()
        await asyncio.to_thread(self.flush)
        self.log.close()
        self.retriever.close()
        await asyncio.to_thread(self.traces.close)
        for backend in self.backends.values():
            await backend.close()
