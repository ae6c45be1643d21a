"""The request log cut into windows: each begins at a multiple of the policy's hours, and is looked at after its end.

Windows do not overlap and their borders do not depend on when somebody looks, so a look that was killed, late or made
twice finds the same ones.
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


def over(hours: float, now: float, grace: float) -> float:
    """The end of the last window that is over.

    Args:
        grace: seconds that a request of a window may still take after its end.
    """
    length = hours * 3600
    return (now - grace) // length * length


def cut(rows: list[Row], hours: float) -> dict[Window, list[Row]]:
    """Rows with `at` (epoch seconds) by their window, oldest first."""
    length = hours * 3600
    found: dict[Window, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["at"]):
        number = row["at"] // length
        found.setdefault(Window(number * length, (number + 1) * length), []).append(row)
    return found


def requests(template: str, version: int, since: float, until: float) -> list[Row]:
    """What people asked this version, and its answers: id, at, question, answer, status."""
    import pyarrow.compute as pc

    table = request_log.select_user_requests(request_log.read_exchanges(since, until, template))
    rows = table.filter(pc.field("version") == version).select(["id", "at", "messages", "answer", "status"]).to_pylist()
    return [{"question": question(row.pop("messages"))} | row for row in rows]


def thumbs(template: str, version: int, since: float, until: float) -> list[bool]:
    """Of the answers that people judged then, whether the thumb was down."""
    said = request_log.read_feedback(since, until, template).to_pylist()
    return [row["thumb"] == "down" for row in said if row["thumb"] and row["version"] == version]


def question(messages: str) -> str:
    """What the user said last, of a conversation in JSON."""
    said = [message.get("content") for message in json.loads(messages) if message.get("role") == "user"]
    return str(said[-1] or "") if said else ""


def sample(rows: list[Row], most: int) -> list[Row]:
    """At most so many of the rows, in their order; which ones depends on their ids alone."""
    if len(rows) <= most:
        return rows
    chosen = sorted(rows, key=lambda row: hashlib.blake2b(str(row["id"]).encode(), digest_size=8).digest())[:most]
    kept = {row["id"] for row in chosen}
    return [row for row in rows if row["id"] in kept]


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def epoch(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
