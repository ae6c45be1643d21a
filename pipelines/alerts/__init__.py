"""What somebody should know now: kept in WEAVER_HOME/alerts.jsonl, and sent to a chat and by mail where settings say.

An alert that is raised again is counted instead of sent again, and one that nobody acknowledges rises. A channel that
is down stops nothing: what it did not take is sent later. Killed anywhere, nothing is lost; what was sent and not yet
noted as sent is sent again, under the same message id.
"""

import logging
import re
import uuid
from datetime import UTC, datetime, timedelta

from pipelines.alerts import alert_store
from pipelines.alerts.alert_store import Case, Entry, Severity, higher
from pipelines.alerts.channels import CHANNELS, Undelivered, chosen
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, file_lock
from pipelines.core.settings import settings

__all__ = ["Severity", "acknowledge", "alert", "escalate", "send"]

LONGEST = 4_000  # characters of a text
PATIENCE = 30  # seconds that one sender waits for another
PAUSE = timedelta(minutes=1)  # after a failure; a storm of alerts does not wait for a dead server once each

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # but for tab and end of line

log = logging.getLogger(__name__)


def now() -> datetime:
    return datetime.now(UTC)


def alert(text: str, severity: Severity = "warning", key: str = "", template: str = "", link: str = "") -> None:
    """Keep the alert, and send it to every channel whose least severity it meets.

    Args:
        key: what it is about; the same key within WEAVER_ALERT_QUIET_HOURS is counted, and sent only if it is more
            severe than before. Without one, the same text is the same alert.
        template: whose model it is about, if one's.
        link: the page that shows more: of Airflow, of MLflow, a report.
    """
    text = clean(text)
    key = clean(key) or digest(text)[:12]
    about = {"key": key, "text": text, "template": template, "link": clean(link)}
    with alert_store.writing():
        before = alert_store.cases(alert_store.read()).get(key)
        raised = Entry(event="raised", at=now(), id=uuid.uuid4().hex, severity=severity, **about)
        case = alert_store.raised(before, raised)
        if case.escalated and not case.acknowledged:
            raised = raised.model_copy(update={"severity": case.severity})
        if due(before, raised):
            raised = raised.model_copy(update={"to": chosen(raised.severity)})
            if before and before.told and before.repeats:
                raised = raised.model_copy(update={"repeats": before.repeats + 1, "since": before.told.at})
        alert_store.write(raised)
        rise(case)
    log.log(logging.INFO if severity == "info" else logging.WARNING, "alert: %s", text)
    send()


def clean(text: str) -> str:
    """A text that can be written, sent and read: no half surrogate pair, no control character, no end of it."""
    text = CONTROL.sub("", text.encode(errors="replace").decode().replace("\r\n", "\n")).strip()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} … ({len(text) - LONGEST:,} more characters)"


def due(case: Case | None, raised: Entry) -> bool:
    """Whether the channels hear of it, or it is only counted."""
    if not case or not case.told or higher(raised.severity, case.told.severity) != case.told.severity:
        return True
    heard = max(case.told.at, case.acknowledged or case.told.at)
    return raised.at - heard >= timedelta(hours=settings().alert_quiet_hours)


def rise(case: Case) -> None:
    """Raise an alert that came too often, or that nobody acknowledged in time, by one severity; once."""
    here = settings()
    often = case.count >= here.alert_escalation_count
    long = now() - case.first >= timedelta(hours=here.alert_escalation_hours)
    over = case.acknowledged or now() - case.last > alert_store.OVER
    if case.severity == "info" or case.escalated or over or not (often or long):
        return
    about = {"key": case.key, "text": case.text, "template": case.template, "link": case.link}
    seen = {"repeats": case.count, "since": case.first}
    to = chosen("critical", escalated=True)
    alert_store.write(
        Entry(event="escalated", at=now(), id=uuid.uuid4().hex, severity="critical", to=to, **about, **seen)
    )


def escalate() -> None:
    """Let what nobody acknowledged in time rise, and send what waits."""
    with alert_store.writing():
        for case in alert_store.cases(alert_store.read()).values():
            rise(case)
    send(again=True)


def acknowledge(key: str, by: str) -> None:
    """Somebody is on it: it does not rise, and is quiet for WEAVER_ALERT_QUIET_HOURS. Twice is once.

    Raises:
        WeaverError: nothing was raised under this key.
    """
    with alert_store.writing():
        case = alert_store.find(key)
        if not case.acknowledged:
            alert_store.write(Entry(event="acknowledged", at=now(), key=key, by=by))


def send(again: bool = False) -> None:
    """Send what waits, oldest first; one sender at a time, so that nothing is sent by two.

    Args:
        again: try at once what failed a moment ago.
    """
    entries = alert_store.read()
    if not alert_store.waiting(entries, now()):
        return
    try:
        with file_lock(alert_store.file().with_suffix(".sending"), "sending alerts", timeout=PATIENCE):
            entries = alert_store.read()
            failed = set() if again else alert_store.failed(entries, now() - PAUSE)
            for message, channel in alert_store.waiting(entries, now()):
                if not failed & {("", channel), (message.id, channel)}:
                    failed |= deliver(message, channel)
    except WeaverError as error:
        log.warning("the alert waits: %s", error.what)


def deliver(message: Entry, channel: str) -> set[tuple[str, str]]:
    """Send a message, and note it or that it failed. Returns a failure as `record.failed` does."""
    try:
        CHANNELS[channel](message)
    except Undelivered as error:
        log.warning("an alert could not be sent to %s, and waits: %s", channel, error)
        which = "" if error.down else message.id
        note = Entry(event="failed", at=now(), id=which, channel=channel, text=str(error))
    else:
        note = Entry(event="sent", at=now(), id=message.id, channel=channel)
    with alert_store.writing():
        alert_store.write(note)
    return {(note.id, channel)} if note.event == "failed" else set()
