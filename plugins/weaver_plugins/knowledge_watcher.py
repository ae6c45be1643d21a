"""Watches the documents of a template's knowledge base: the event that some were added or removed since the last check.

They can be found as soon as they are added; what follows the event is the check whether the others still can.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

POLL_SECONDS = 30


class NewDocumentsTrigger(BaseEventTrigger):
    """Fires once for each state of a template's documents that no index was checked with.

    Args:
        template: whose documents.
    """

    def __init__(self, template: str) -> None:
        super().__init__()
        self.template = template

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Where Airflow finds this class, and its arguments."""
        return "weaver_plugins.knowledge_watcher.NewDocumentsTrigger", {"template": self.template}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event {template, documents} when documents have changed, and stay so until the next look."""
        from pipelines.core.errors import WeaverError
        from pipelines.knowledge.index_verdict import find_new_documents

        fired = seen = last_error = ""
        while True:
            try:
                documents = await asyncio.to_thread(find_new_documents, self.template)
            except (WeaverError, OSError) as error:  # a full disk, a damaged file
                if str(error) != last_error:
                    self.log.warning("%s", error)
                last_error = str(error)
            else:
                if documents and documents == seen != fired:  # several files are added one after the other
                    fired = documents
                    yield TriggerEvent({"template": self.template, "documents": documents})
                seen, last_error = documents, ""
            await asyncio.sleep(POLL_SECONDS)
