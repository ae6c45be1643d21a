"""The request log split into windows: each begins at a multiple of the policy's hours, and is measured after its end.

Windows do not overlap and their borders do not depend on when the check runs, so a check that was killed, late or
repeated finds the same ones.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pipelines import request_log

Row = dict[str, Any]


class Window(NamedTuple):
    """A stretch of time, in epoch seconds: from `since` until before `until`."""

    since: float
    until: float


def last_window_end(hours: float, now: float, grace: float) -> float:
    """The end of the last window that has ended.

    Args:
        grace: seconds that a request of a window may still take after its end.
    """
    length = hours * 3600
    return (now - grace) // length * length


def split_into_windows(rows: list[Row], hours: float) -> dict[Window, list[Row]]:
    """Rows with `at` (epoch seconds) by their window, oldest first."""
    length = hours * 3600
    by_window: dict[Window, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["at"]):
        number = row["at"] // length
        by_window.setdefault(Window(number * length, (number + 1) * length), []).append(row)
    return by_window


def read_requests(template: str, version: int, since: float, until: float) -> list[Row]:
    """The requests of people to this version: id, at, question, answer, status of each."""
    import pyarrow.compute as pc

    table = request_log.select_user_requests(request_log.read_exchanges(since, until, template))
    rows = table.filter(pc.field("version") == version).select(["id", "at", "messages", "answer", "status"]).to_pylist()
    return [{"question": last_question(row.pop("messages"))} | row for row in rows]


def read_thumbs_down(template: str, version: int, since: float, until: float) -> list[bool]:
    """Of the answers of this version that people rated then, whether the thumb was down."""
    ratings = request_log.read_feedback(since, until, template).to_pylist()
    return [row["thumb"] == "down" for row in ratings if row["thumb"] and row["version"] == version]


def last_question(messages: str) -> str:
    """The last message of the user in a conversation, which is JSON."""
    texts = [message.get("content") for message in json.loads(messages) if message.get("role") == "user"]
    return str(texts[-1] or "") if texts else ""


def sample_rows(rows: list[Row], most: int) -> list[Row]:
    """At most `most` of the rows, in their order; which ones depends on their ids alone."""
    if len(rows) <= most:
        return rows
    chosen = sorted(rows, key=lambda row: hashlib.blake2b(str(row["id"]).encode(), digest_size=8).digest())[:most]
    kept = {row["id"] for row in chosen}
    return [row for row in rows if row["id"] in kept]


def format_time(at: float) -> str:
    """Epoch seconds as ISO 8601, UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def parse_time(at: str) -> float:
    """ISO 8601 as epoch seconds."""
    return datetime.fromisoformat(at).timestamp()
