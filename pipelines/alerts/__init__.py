"""What somebody should know now: stored in the database, and sent to a chat and by mail where settings say.

An alert that is raised again is counted instead of sent again, and one that nobody acknowledges is escalated. A channel
that is down delays only its own messages: they are sent later. Killed anywhere, nothing is lost; a message that was
sent and not yet noted as sent is sent again, under the same message id.
"""

import logging
import re
import uuid
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from pipelines.alerts import alert_store
from pipelines.alerts.alert_store import AlertEvent, AlertState, highest_severity
from pipelines.alerts.channels import CHANNELS, DeliveryError, select_channels
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, file_lock
from pipelines.core.settings import Severity, settings

__all__ = ["Severity", "acknowledge", "alert", "escalate", "send"]

LONGEST = 4_000  # characters of a text
SENDER_WAIT_SECONDS = 30  # that one sender waits for another
RETRY_AFTER = timedelta(minutes=1)  # after a failure; many alerts at once do not wait for a dead server one by one

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # but for tab and end of line

log = logging.getLogger(__name__)


def now() -> datetime:
    """Return the present time, with its time zone."""
    return datetime.now(UTC)


def alert(text: str, severity: Severity = "warning", key: str = "", template: str = "", link: str = "") -> None:
    """Store the alert, and send it to every channel whose least severity it meets.

    Args:
        key: what it is about; the same key within WEAVER_ALERT_QUIET_HOURS is counted, and sent only if it is more
            severe than before. Without one, the same text is the same alert.
        template: whose model it is about, if one's.
        link: the page that shows more: of Airflow, of MLflow, a report.
    """
    text = clean_text(text)
    key = clean_text(key) or digest(text)[:12]
    with alert_store.write_alerts() as session:
        state = alert_store.compute_states(alert_store.load_events(session, key)).get(key)
        event = AlertEvent(
            event="raised",
            at=now(),
            message_id=uuid.uuid4().hex,
            severity=severity,
            key=key,
            text=text,
            template=template,
            link=clean_text(link),
        )
        new_state = alert_store.apply_raised(state, event)
        if new_state.escalated and not new_state.acknowledged:
            event.severity = new_state.severity
        if is_due(state, event):
            event.channels = list(select_channels(highest_severity(event.severity)))
            if state and state.last_message and state.repeats:
                event.repeats, event.since = state.repeats + 1, state.last_message.at
        session.add(event)
        escalate_state(new_state, session)
    log.log(logging.INFO if severity == "info" else logging.WARNING, "alert: %s", text)
    send()


def clean_text(text: str) -> str:
    """A text that can be written, sent and read: no half surrogate pair, no control character, no end of it."""
    text = CONTROL.sub("", text.encode(errors="replace").decode().replace("\r\n", "\n")).strip()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} … ({len(text) - LONGEST:,} more characters)"


def is_due(state: AlertState | None, event: AlertEvent) -> bool:
    """Whether the alert is sent, or only counted."""
    if not state or not (message := state.last_message):
        return True
    if highest_severity(event.severity, message.severity) != message.severity:
        return True
    heard = max(message.at, state.acknowledged or message.at)
    return event.at - heard >= timedelta(hours=settings().alert_quiet_hours)


def escalate_state(state: AlertState, session: Session) -> None:
    """Make an alert critical that was raised too often, or that nobody acknowledged in time; once."""
    here = settings()
    too_often = state.count >= here.alert_escalation_count
    too_long = now() - state.first >= timedelta(hours=here.alert_escalation_hours)
    over = state.acknowledged or now() - state.last > alert_store.EXPIRY
    if state.severity == "info" or state.escalated or over or not (too_often or too_long):
        return
    session.add(
        AlertEvent(
            event="escalated",
            at=now(),
            message_id=uuid.uuid4().hex,
            severity="critical",
            key=state.key,
            text=state.text,
            template=state.template,
            link=state.link,
            channels=list(select_channels("critical", escalated=True)),
            repeats=state.count,
            since=state.first,
        )
    )


def escalate() -> None:
    """Escalate what nobody acknowledged in time, and send what is unsent."""
    with alert_store.write_alerts() as session:
        for state in alert_store.compute_states(alert_store.load_events(session)).values():
            escalate_state(state, session)
    send(again=True)


def acknowledge(key: str, by: str) -> None:
    """Somebody works on it: it is not escalated, and not sent for WEAVER_ALERT_QUIET_HOURS. Idempotent.

    Raises:
        WeaverError: nothing was raised under this key.
    """
    with alert_store.write_alerts() as session:
        state = alert_store.find_state(key, alert_store.load_events(session, key))
        if not state.acknowledged:
            session.add(AlertEvent(event="acknowledged", at=now(), key=key, by=by))


def send(again: bool = False) -> None:
    """Send what is unsent, oldest first; one sender at a time, so that nothing is sent by two.

    Args:
        again: try at once what failed a moment ago.
    """
    if not alert_store.find_unsent(read_recent(), now()):
        return
    try:
        lock = settings().home / "alerts.lock"
        with file_lock(lock, "sending alerts", timeout=SENDER_WAIT_SECONDS):
            events = read_recent()
            failed = set() if again else alert_store.find_failures(events, now() - RETRY_AFTER)
            for message, channel in alert_store.find_unsent(events, now()):
                if not failed & {("", channel), (message.message_id, channel)}:
                    failed |= deliver(message, channel)
    except WeaverError as error:
        log.warning("the alert is not sent yet: %s", error.what)


def read_recent() -> list[AlertEvent]:
    """The events that may concern a message that is not stale."""
    return alert_store.read_events(since=now() - alert_store.EXPIRY)


def deliver(message: AlertEvent, channel: str) -> set[tuple[str, str]]:
    """Send a message, and note that it was sent or that it failed. Returns a failure as `find_failures` does."""
    try:
        CHANNELS[channel](message)
    except DeliveryError as error:
        log.warning("an alert could not be sent to %s, and waits: %s", channel, error)
        message_id = "" if error.channel_down else message.message_id
        note = AlertEvent(event="failed", at=now(), message_id=message_id, channel=channel, text=str(error))
    else:
        note = AlertEvent(event="sent", at=now(), message_id=message.message_id, channel=channel)
    with alert_store.write_alerts() as session:
        session.add(note)
    return {(note.message_id, channel)} if note.event == "failed" else set()
