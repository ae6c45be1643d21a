"""The request log: every request, its answer and the feedback on it; append-only, without personal data.

    write, write_feedback ─▶ write_ahead_log.sqlite ─ flush ─▶ exchanges/date=…/*.parquet ─▶ read_exchanges()
                                                               feedbacks/date=…/*.parquet ─▶ read_feedback()

One process writes; any number read at the same time, with any reader of Parquet or the functions here, which also
read the rows of the write-ahead log; each row is there once.
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
from pipelines.request_log.queries import WAL_NAME, find_exchange, read_exchanges, read_feedback, select_user_requests
from pipelines.request_log.schema import JUDGE, KINDS, Exchange, Feedback, StoredFeedback, hash_user, log_folder
from pipelines.request_log.write_ahead_log import WriteAheadLog, read_pending
from pipelines.text import privacy

__all__ = [
    "JUDGE",
    "Exchange",
    "Feedback",
    "RequestLog",
    "find_exchange",
    "hash_user",
    "log_folder",
    "read_exchanges",
    "read_feedback",
    "select_user_requests",
]

FLUSH_BATCH_ROWS = 10_000  # what a flush holds in memory
SEPARATOR = "\n\0\n"  # not white space to a pattern: no match reaches from one text into the next
log = logging.getLogger(__name__)


class PrivacyPolicy(NamedTuple):
    """What `privacy.find_changes` needs."""

    policy: Privacy
    key: bytes  # of the pseudonyms: the log's own, so that they cannot be joined with a dataset's


class RequestLog:
    """The one writer of the log in this folder. Its methods may be called from any thread.

    Raises:
        WeaverError: another process writes it, or it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder, self.flushing = folder, threading.Lock()
        self.privacy: dict[str, PrivacyPolicy] = {}
        self.process_lock = FileLock(folder / ".lock", timeout=0, thread_local=False)
        try:
            self.process_lock.acquire()
        except Timeout as error:
            raise WeaverError(
                f"another process writes the request log {folder}",
                "Stop that gateway, or set another WEAVER_HOME.",
            ) from error
        numbers = (
            parquet_store.last_row_number(day) for kind in KINDS for day in parquet_store.list_days(folder / kind)
        )
        self.wal = WriteAheadLog(folder / WAL_NAME, after=max(numbers, default=0))

    def warm_up(self, template: str) -> None:
        """Load what the first text of a template and the first flush would wait for: Presidio takes seconds, and
        pandas, which pyarrow imports, a fifth of one."""
        self.protect_text("Call Jane Doe at 313-555-0134.", template)
        parquet_store.warm_up()

    def protect_text(self, text: str, template: str) -> str:
        """A text without personal data, by the template's privacy policy; where that would drop a row, it is masked."""
        return self.protect_conversation([text], template)[0]

    def protect_conversation(self, texts: list[str], template: str) -> list[str]:
        """The texts of one conversation, searched as one: the question may introduce a name that the answer repeats."""
        if template not in self.privacy:
            self.privacy[template] = load_privacy_policy(template)
        joined = SEPARATOR.join(texts)
        changes = privacy.find_changes(joined, *self.privacy[template])
        start, protected = 0, []
        for text in texts:
            protected.append(privacy.apply_changes(joined, changes, start, start + len(text)))
            start += len(text) + len(SEPARATOR)
        return protected

    def write(self, exchange: Exchange) -> None:
        """Write a row; once this returns, kill -9 cannot lose it. A power cut can, within the following second.

        Args:
            exchange: with its texts protected.
        Raises:
            WeaverError: the disk is full; the row is not in the log.
        """
        self.wal.add("exchanges", exchange.id, exchange.model_dump_json())

    def write_feedback(self, feedback: Feedback) -> None:
        """As `write`. Later feedback of the same user of a key on the same answer replaces the earlier one.

        Raises:
            WeaverError: no completion in the log has this id, or the disk is full.
        """
        exchange = find_exchange(self.folder, feedback.id)
        if exchange is None:
            raise WeaverError(
                f"no completion has the id '{feedback.id[:80]}'",
                f"Give the `id` of a response of the last {parquet_store.RETENTION_DAYS} days.",
            )
        row = StoredFeedback(**feedback.model_dump(), template=exchange["template"], exchange_at=exchange["at"])
        self.wal.add("feedbacks", row.id, row.model_dump_json())

    def flush(self) -> None:
        """Move the rows of the write-ahead log into Parquet, and reload the privacy policies. Safe to kill at any time.

        Raises:
            WeaverError: the disk is full; rows that were not moved stay in the write-ahead log.
        """
        with self.flushing:
            self.reload_privacy_policies()
            while rows := read_pending(self.folder / WAL_NAME, limit=FLUSH_BATCH_ROWS):
                parquet_store.append_rows(self.folder, rows)
                self.wal.remove(rows[-1].number)
            for kind in KINDS:
                parquet_store.maintain(self.folder / kind)

    def reload_privacy_policies(self) -> None:
        """Read the privacy policies of all templates in use again."""
        for template in list(self.privacy):
            try:
                self.privacy[template] = load_privacy_policy(template)
            except WeaverError as error:
                log.warning(
                    "the privacy policy of %s cannot be read, so its request log keeps the old one: %s", template, error
                )

    def close(self) -> None:
        """Release the log; another process may write it then."""
        self.wal.close()
        self.process_lock.release()


def load_privacy_policy(template: str) -> PrivacyPolicy:
    """The privacy policy in force for a template's log."""
    return PrivacyPolicy(make_plan(template).privacy, privacy.derive_key(f"request log of {template}"))
