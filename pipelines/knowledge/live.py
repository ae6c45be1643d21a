"""The live version of an index, loaded, and loaded again when another one goes live."""

import logging
import threading
import time

from pipelines.core.errors import WeaverError
from pipelines.knowledge.index import live_version, open_table
from pipelines.knowledge.search import KnowledgeIndex

log = logging.getLogger(__name__)

REFRESH_SECONDS = 2.0  # between two looks at which version is live


def load_index(template: str, before: KnowledgeIndex | None = None) -> KnowledgeIndex:
    """The live version of a template's index; `before` itself if that is live still.

    Raises:
        WeaverError: there is none yet, or it is damaged.
    """
    table = open_table(template)
    version = live_version(table)
    if before and before.version == version:
        return before
    if not version:
        raise WeaverError(f"{template} has no knowledge index yet", f"Run `weaver knowledge sync {template}`.")
    return load_version(template, version)


def load_version(template: str, version: int) -> KnowledgeIndex:
    """A version of a template's index, live or not."""
    table = open_table(template)
    table.checkout(version)
    return KnowledgeIndex(table.to_arrow(), version)


class LiveIndex:
    """A template's live index for a server: never waited for once it is loaded.

    A new version is loaded in a thread of its own, and answers from then on; until then the old one does.
    """

    def __init__(self, template: str) -> None:
        self.template = template
        self.index: KnowledgeIndex | None = None
        self.looked = 0.0
        self.lock = threading.Lock()

    def get(self) -> KnowledgeIndex:
        """The index; the first call loads it.

        Raises:
            WeaverError: there is none yet.
        """
        if self.index is None:
            with self.lock:
                self.index = self.index or load_index(self.template)
                self.looked = time.monotonic()
        elif time.monotonic() - self.looked > REFRESH_SECONDS and self.lock.acquire(blocking=False):
            self.looked = time.monotonic()
            threading.Thread(target=self.refresh, daemon=True, name=f"knowledge-{self.template}").start()
        return self.index

    def refresh(self) -> None:
        """Load the live version if it is another one, and release the lock. A failure leaves the old one."""
        try:
            self.index = load_index(self.template, self.index)
        except WeaverError as error:
            log.warning("%s: the knowledge index stays at its version: %s", self.template, error)
        finally:
            self.looked = time.monotonic()
            self.lock.release()
