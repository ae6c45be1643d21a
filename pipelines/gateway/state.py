"""What all requests share: keys, catalogue, cache, agent, log, metrics, traces; opened and closed with the process."""

import asyncio
import gc
import logging
import os
import time
from collections.abc import Coroutine
from threading import Thread
from typing import Any

from pipelines.clients import backends
from pipelines.core.errors import WeaverError
from pipelines.gateway.api_keys import Keyring
from pipelines.gateway.catalogue import Catalogue
from pipelines.gateway.completions import Chat
from pipelines.gateway.prometheus import Metrics
from pipelines.gateway.response_cache import Cache
from pipelines.gateway.routing import Agent
from pipelines.gateway.schemas import FeedbackRequest
from pipelines.gateway.traces import Traces
from pipelines.request_log import Feedback, RequestLog, folder, hashed
from pipelines.request_log.queries import asked

LOOK = 0.2  # seconds between looks at route files, templates and keys
SETTLE = 60.0  # seconds between moves of the log's rows into Parquet
SHADOWS = 4  # shadow requests at a time; what is more is left out
LAST = 10.0  # seconds that background work has when the process ends

log = logging.getLogger(__name__)


class Gateway:
    def __init__(self) -> None:
        self.log = RequestLog(folder())
        self.keys, self.catalogue = Keyring(), Catalogue()
        self.cache, self.agent = Cache(), Agent()
        self.metrics, self.traces = Metrics(), Traces()
        self.backends: dict[str, backends.Backend] = {}
        self.tasks: set[asyncio.Task[Any]] = set()
        self.shadows: set[asyncio.Task[Any]] = set()
        self.complained = 0.0
        self.readiness: tuple[float, str] = (0.0, "")
        self.warming: Thread | None = None
        self.warm = False

    def backend(self, name: str) -> backends.Backend:
        if name not in self.backends:
            self.backends[name] = backends.load_backend(name)
        return self.backends[name]

    def in_background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Work that goes on if its client goes; the process ends only after it."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # whoever waits for it is told
        return task

    async def watch(self) -> None:
        """Follow route files, templates and keys, and settle the log; for as long as the process lives."""
        settled = time.monotonic()
        while True:
            await asyncio.sleep(LOOK)
            try:
                await asyncio.to_thread(self.look)
                if self.warming is None and self.catalogue.entries:
                    self.warming = Thread(target=self.warm_up, daemon=True)  # it takes seconds; an end need not wait
                    self.warming.start()
                if time.monotonic() - settled > SETTLE:
                    settled = time.monotonic()
                    await asyncio.to_thread(self.settle)
            except Exception as error:  # the next look may find it mended
                self.complain(str(error))

    def warm_up(self) -> None:
        # What is loaded stays: half a million objects that every full collection would look at, for a third of a
        # second in which no request is answered.
        gc.disable()
        try:
            self.log.warm(next(iter(self.catalogue.entries)))
            self.settle()
            gc.freeze()
        finally:
            gc.enable()
        self.warm = True

    def look(self) -> None:
        self.keys.look()
        if self.catalogue.look():
            self.cache.retire(self.catalogue.digests())

    def settle(self) -> None:
        self.keys.keep_uses()
        self.log.settle()

    def complain(self, text: str) -> None:
        """Say what goes wrong with every request, once a minute."""
        if time.monotonic() - self.complained > 60:
            self.complained = time.monotonic()
            log.error(text)

    def shadow(self, chat: Chat) -> None:
        """Ask the versions in shadow the same; under load they are the first to be left out."""
        name, policy = chat.model_version.name, chat.entry.policy
        for model_version in self.agent.shadows(chat.entry.route):
            if len(self.shadows) >= SHADOWS or self.agent.waiting(name) > policy.max_queue // 2:
                self.metrics.shadows_dropped.labels(name).inc()
                continue
            again = Chat(self, chat.entry, model_version, "shadow", chat.asked, chat.key, time.perf_counter(), chat.id)
            task = self.in_background(again.answer())
            self.shadows.add(task)
            task.add_done_callback(self.shadows.discard)

    def take_feedback(self, said: FeedbackRequest, key: str) -> None:
        """
        Raises:
            WeaverError: no answer has this id.
        """
        about = asked(self.log.folder, said.id)
        template = about["template"] if about else ""
        texts = {
            name: self.log.protected(text, template) if template else ""
            for name in ("correction", "comment")
            if (text := getattr(said, name))
        }
        user = hashed(said.user)
        if about and about["key"] == key:
            user = user or about["user"]
        self.log.feedback(Feedback(id=said.id, at=time.time(), key=key, user=user, thumb=said.thumb or "", **texts))

    async def unready(self) -> str:
        """Why no request can be answered now; empty if it can."""
        at, why = self.readiness
        if time.monotonic() - at > 1:
            why = await asyncio.to_thread(self.look_whether_ready)
            self.readiness = (time.monotonic(), why)
        return why

    def look_whether_ready(self) -> str:
        if not os.access(self.log.folder, os.W_OK):
            return f"{self.log.folder} cannot be written"
        if self.catalogue.entries and not self.warm:
            return "what finds personal data is being loaded"
        endpoints = [
            endpoint
            for entry in self.catalogue.entries.values()
            for model_version in entry.route.versions
            for endpoint in model_version.endpoints
        ]
        for name in dict.fromkeys(endpoint.backend for endpoint in endpoints):
            try:
                known = self.backend(name).status()
            except (WeaverError, OSError):
                continue
            if any(known.get(endpoint.model) == "ready" for endpoint in endpoints if endpoint.backend == name):
                return ""
        return "no deployed version is ready on any backend" if endpoints else "nothing has been deployed"

    async def close(self) -> None:
        """Finish what is under way, settle the log, and let go of everything."""
        if self.tasks:
            _, late = await asyncio.wait(self.tasks, timeout=LAST)
            for task in late:
                task.cancel()
        await asyncio.to_thread(self.settle)
        self.log.close()
        await asyncio.to_thread(self.traces.close)
        for backend in self.backends.values():
            await backend.close()
