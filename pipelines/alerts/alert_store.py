"""The events of alerts, which only ever grow in number: what was raised, sent and acknowledged; and their state."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipelines.core.database import read_session, write_session
from pipelines.core.database.tables import AlertEvent
from pipelines.core.errors import WeaverError
from pipelines.core.settings import Severity, settings

__all__ = ["AlertEvent"]

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
EXPIRY = timedelta(days=7)  # an alert that was not raised for so long is over; a message that was not sent is stale


@dataclass
class AlertState:
    """What became of one key since it was raised first, since it was acknowledged, or since it was over."""

    key: str
    severity: Severity  # the highest
    text: str
    template: str
    link: str
    first: datetime
    last: datetime
    count: int = 1
    last_message: AlertEvent | None = None  # the last one that had a channel to go to
    repeats: int = 0  # how often it was raised since then
    escalated: bool = False
    acknowledged: datetime | None = None
    by: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Field → value; `last_message` as its columns."""
        message = self.last_message
        return vars(self) | {"last_message": message.to_dict() if message else None}


def write_alerts() -> AbstractContextManager[Session]:
    """A transaction in which nobody else writes alerts."""
    return write_session("alerts")


def read_events(key: str = "", since: datetime | None = None) -> list[AlertEvent]:
    """As `load_events`, in a transaction.

    Raises:
        WeaverError: the database cannot be read.
    """
    with read_session() as session:
        return load_events(session, key, since)


def load_events(session: Session, key: str = "", since: datetime | None = None) -> list[AlertEvent]:
    """The events, oldest first: all, those of one key, those since a time."""
    query = select(AlertEvent).order_by(AlertEvent.number)
    if key:
        query = query.where(AlertEvent.key == key)
    if since:
        query = query.where(AlertEvent.at >= since)
    return list(session.scalars(query))


def highest_severity(*severities: str) -> Severity:
    """Return the gravest of these severities."""
    return SEVERITIES[max(SEVERITIES.index(severity) for severity in severities)]


def compute_states(events: Iterable[AlertEvent]) -> dict[str, AlertState]:
    """Key → its state, in the order in which they were raised first."""
    states: dict[str, AlertState] = {}
    for event in events:
        state = states.get(event.key)
        if event.event == "raised" and event.key:
            states[event.key] = apply_raised(state, event)
        elif event.event == "escalated" and state:
            state.severity, state.escalated = highest_severity(event.severity), True
            if event.channels:
                state.last_message, state.repeats = event, 0
        elif event.event == "acknowledged" and state:
            state.acknowledged, state.by = event.at, event.by
    return states


def apply_raised(state: AlertState | None, event: AlertEvent) -> AlertState:
    """The state after the alert was raised again; a new one, with the last message of the old one, if it was over."""
    severity = highest_severity(event.severity)
    new = AlertState(event.key, severity, event.text, event.template, event.link, first=event.at, last=event.at)
    if state:
        new.last_message, new.repeats = state.last_message, state.repeats
        quiet = timedelta(hours=settings().alert_quiet_hours)
        if state.acknowledged and event.at - state.acknowledged < quiet:
            new.acknowledged, new.by = state.acknowledged, state.by
        if (not state.acknowledged or new.acknowledged) and event.at - state.last <= EXPIRY:
            new.first, new.count, new.escalated = state.first, state.count + 1, state.escalated
            new.severity = highest_severity(state.severity, severity)
    new.last_message, new.repeats = (event, 0) if event.channels else (new.last_message, new.repeats + 1)
    return new


def find_state(key: str, events: Iterable[AlertEvent]) -> AlertState:
    """
    Raises:
        WeaverError: nothing was raised under this key.
    """
    states = compute_states(events)
    if key not in states:
        raise WeaverError(f"no alert has the key '{key}'", "`weaver alerts list` shows the keys.")
    return states[key]


def find_unsent(events: Iterable[AlertEvent], at: datetime) -> list[tuple[AlertEvent, str]]:
    """The messages that have not reached a channel yet, and the channel; oldest first."""
    events = list(events)
    sent = {(event.message_id, event.channel) for event in events if event.event == "sent"}
    recent = (event for event in events if event.channels and at - event.at <= EXPIRY)
    return [
        (event, channel) for event in recent for channel in event.channels if (event.message_id, channel) not in sent
    ]


def find_failures(events: Iterable[AlertEvent], since: datetime) -> set[tuple[str, str]]:
    """What failed since then: (message, channel), or ("", channel) where the channel itself was down."""
    return {(event.message_id, event.channel) for event in events if event.event == "failed" and event.at > since}
