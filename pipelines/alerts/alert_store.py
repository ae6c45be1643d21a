"""alerts.jsonl, which only ever grows: what was raised, sent and acknowledged; and what follows from that."""

import logging
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from pipelines.core.errors import WeaverError
from pipelines.core.files import append_line, canonical_json, file_lock
from pipelines.core.settings import Severity, settings

ORDER: tuple[Severity, ...] = get_args(Severity)
OVER = timedelta(days=7)  # an alert that was not raised for so long is over, and a message that waited so long is stale

log = logging.getLogger(__name__)


class Entry(BaseModel):
    """A line. `raised`, `escalated` and `digest` are messages, with the channels that they have to reach in `to`."""

    model_config = ConfigDict(frozen=True)

    event: Literal["raised", "escalated", "digest", "sent", "failed", "acknowledged"] = "raised"
    at: AwareDatetime
    id: str = ""  # of the message
    key: str = ""
    severity: Severity = "warning"
    text: str = ""
    template: str = ""
    link: str = ""
    to: tuple[str, ...] = ()
    repeats: int = 0  # how often it was seen since `since`, this time included
    since: AwareDatetime | None = None
    channel: str = ""
    by: str = ""


@dataclass
class Case:
    """What became of one key since it was raised first, since it was acknowledged, or since it was over."""

    key: str
    severity: Severity  # the highest
    text: str
    template: str
    link: str
    first: datetime
    last: datetime
    count: int = 1
    told: Entry | None = None  # the last message of it that had a channel to go to
    repeats: int = 0  # how often it was raised since then
    escalated: bool = False
    acknowledged: datetime | None = None
    by: str = ""


def file() -> Path:
    return settings().home / "alerts.jsonl"


def writing() -> AbstractContextManager[None]:
    return file_lock(file().with_suffix(".lock"), "writing an alert")


def write(entry: Entry) -> None:
    append_line(file(), canonical_json(entry.model_dump(mode="json", exclude_unset=True)))


def read() -> list[Entry]:
    """All lines, oldest first; one that is none is logged and passed over, for alerts have to go on."""
    entries: list[Entry] = []
    lines = file().read_bytes().split(b"\n")[:-1] if file().exists() else []  # after the last end: torn off, or nothing
    for number, line in enumerate(lines, start=1):
        try:
            entries.append(Entry.model_validate_json(line))
        except ValidationError as error:
            log.warning("%s, line %d is passed over: %s", file(), number, error.errors()[0]["msg"])
    return entries


def higher(one: Severity, other: Severity) -> Severity:
    return max(one, other, key=ORDER.index)


def cases(entries: Iterable[Entry]) -> dict[str, Case]:
    """Key → what became of it, in the order in which they were raised first."""
    found: dict[str, Case] = {}
    for entry in entries:
        case = found.get(entry.key)
        if entry.event == "raised" and entry.key:
            found[entry.key] = raised(case, entry)
        elif entry.event == "escalated" and case:
            case.severity, case.escalated = entry.severity, True
            case.told, case.repeats = (entry, 0) if entry.to else (case.told, case.repeats)
        elif entry.event == "acknowledged" and case:
            case.acknowledged, case.by = entry.at, entry.by
    return found


def raised(case: Case | None, entry: Entry) -> Case:
    """The case once it was raised again; a new one, which knows what was told before, if it was closed."""
    fresh = Case(entry.key, entry.severity, entry.text, entry.template, entry.link, first=entry.at, last=entry.at)
    if case:
        fresh.told, fresh.repeats = case.told, case.repeats
        quiet = timedelta(hours=settings().alert_quiet_hours)
        if case.acknowledged and entry.at - case.acknowledged < quiet:
            fresh.acknowledged, fresh.by = case.acknowledged, case.by
        if (not case.acknowledged or fresh.acknowledged) and entry.at - case.last <= OVER:
            fresh.first, fresh.count, fresh.escalated = case.first, case.count + 1, case.escalated
            fresh.severity = higher(case.severity, entry.severity)
    fresh.told, fresh.repeats = (entry, 0) if entry.to else (fresh.told, fresh.repeats + 1)
    return fresh


def find(key: str) -> Case:
    """
    Raises:
        WeaverError: nothing was raised under this key.
    """
    known = cases(read())
    if key not in known:
        raise WeaverError(f"no alert has the key {key!r}", "`weaver alerts list` shows the keys.")
    return known[key]


def waiting(entries: list[Entry], at: datetime) -> list[tuple[Entry, str]]:
    """The messages that have not reached a channel yet, and the channel; oldest first."""
    sent = {(entry.id, entry.channel) for entry in entries if entry.event == "sent"}
    recent = (entry for entry in entries if entry.to and at - entry.at <= OVER)
    return [(entry, channel) for entry in recent for channel in entry.to if (entry.id, channel) not in sent]


def failed(entries: list[Entry], since: datetime) -> set[tuple[str, str]]:
    """What failed since then: (message, channel), or ("", channel) where the channel itself was down."""
    return {(entry.id, entry.channel) for entry in entries if entry.event == "failed" and entry.at > since}
