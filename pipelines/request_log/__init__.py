"""The request log: every request, its answer, and what people thought of it; append-only, and nothing personal in it.

    gateway ─ write ─▶ landing.sqlite ─ settle ─▶ exchanges/date=…/*.parquet ─▶ exchanges(), any reader of Parquet
            feedback                              feedbacks/date=…/*.parquet ─▶ feedbacks()

One process writes, any number read at the same time, and each sees every row once.
"""

import logging
import threading
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from pipelines.core.errors import WeaverError
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import Privacy
from pipelines.request_log import parquet_store
from pipelines.request_log.queries import LANDING, asked, exchanges, feedbacks, of_people
from pipelines.request_log.schema import JUDGE, KINDS, Exchange, Feedback, Opinion, folder, hashed
from pipelines.request_log.write_ahead_log import Landing, landed
from pipelines.text import privacy

__all__ = ["JUDGE", "Exchange", "Feedback", "RequestLog", "exchanges", "feedbacks", "folder", "hashed", "of_people"]

SETTLED_AT_ONCE = 10_000  # rows; what a settling holds in memory
BETWEEN = "\n\0\n"  # no space to a pattern: nothing found reaches from one text into the next
log = logging.getLogger(__name__)


class Protection(NamedTuple):
    policy: Privacy
    key: bytes  # of the stand-ins: the log's own, so that it cannot be joined with a dataset on them


class RequestLog:
    """The one writer of the log in this folder. Its methods may be called from any thread.

    Raises:
        WeaverError: another process writes it, or it cannot be written at all.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder, self.settling = folder, threading.Lock()
        self.protections: dict[str, Protection] = {}
        self.only = FileLock(folder / ".lock", timeout=0, thread_local=False)
        try:
            self.only.acquire()
        except Timeout as error:
            raise WeaverError(
                f"another process writes the request log {folder}", "Stop that gateway, or give this one its own home."
            ) from error
        settled = (parquet_store.last_of(day) for kind in KINDS for day in parquet_store.days(folder / kind))
        self.landing = Landing(folder / LANDING, after=max(settled, default=0))

    def warm(self, template: str) -> None:
        """Do now what the first text of a template would wait for, and the first settling: Presidio takes seconds to
        load, and pandas, which pyarrow brings along, a fifth of one."""
        self.protected("Call Jane Doe at 313-555-0134.", template)
        parquet_store.load()

    def protected(self, text: str, template: str) -> str:
        """A text as the template's privacy policy wants it in the log; what a dataset would drop is masked."""
        return self.all_protected([text], template)[0]

    def all_protected(self, texts: list[str], template: str) -> list[str]:
        """The texts of one conversation, read as one: the question may say whose name the answer mentions."""
        if template not in self.protections:
            self.protections[template] = protection(template)
        whole = BETWEEN.join(texts)
        changes = privacy.find_changes(whole, *self.protections[template])
        start, protected = 0, []
        for text in texts:
            protected.append(privacy.apply_changes(whole, changes, start, start + len(text)))
            start += len(text) + len(BETWEEN)
        return protected

    def write(self, exchange: Exchange) -> None:
        """Returns when a kill -9 cannot lose the row; a power cut can, within the second that follows.

        Args:
            exchange: its texts protected.
        Raises:
            WeaverError: the disk is full; the row is not in the log.
        """
        self.landing.add("exchanges", exchange.id, exchange.model_dump_json())

    def feedback(self, feedback: Feedback) -> None:
        """As `write`. Later feedback of the same user of a key on the same answer takes the place of the one before.

        Raises:
            WeaverError: no answer in the log has this id, or the disk is full.
        """
        exchange = asked(self.folder, feedback.id)
        if exchange is None:
            raise WeaverError(
                f"no answer has the id {feedback.id[:80]!r}",
                f"Give the `id` of a response of the last {parquet_store.KEEP_DAYS} days.",
            )
        opinion = Opinion(**feedback.model_dump(), template=exchange["template"], asked=exchange["at"])
        self.landing.add("feedbacks", opinion.id, opinion.model_dump_json())

    def settle(self) -> None:
        """Move what has landed into Parquet, and read the privacy policies anew; killed anywhere, the next one goes on.

        Raises:
            WeaverError: the disk is full; what could not be moved stays where it is.
        """
        with self.settling:
            self.renew_policies()
            while rows := landed(self.folder / LANDING, limit=SETTLED_AT_ONCE):
                parquet_store.settle(self.folder, rows)
                self.landing.remove(rows[-1].number)
            for kind in KINDS:
                parquet_store.tidy(self.folder / kind)

    def renew_policies(self) -> None:
        for template in list(self.protections):
            try:
                self.protections[template] = protection(template)
            except WeaverError as error:
                log.warning("the log of %s keeps to its privacy policy: %s", template, error)

    def close(self) -> None:
        self.landing.close()
        self.only.release()


def protection(template: str) -> Protection:
    return Protection(make_plan(template).privacy, privacy.derive_key(f"request log of {template}"))
