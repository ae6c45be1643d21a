"""The digest: one message per day that says what was raised, what became of it, and what nobody acknowledged yet."""

import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import pipelines.alerts as alerts
from pipelines.alerts import alert_store
from pipelines.alerts.alert_store import SEVERITIES, AlertEvent, AlertState
from pipelines.alerts.channels import select_channels

DAY = timedelta(days=1)
MAX_LINE = 200  # characters of a line
MAX_LINES = 40  # of a section


def digest(name: str = "") -> str:
    """Send every channel what happened since the last digest. Returns its text.

    Args:
        name: the same name twice is one digest, so that a task that was killed may run again.
    """
    with alert_store.write_alerts() as session:
        events, now = alert_store.load_events(session), alerts.now()
        past = [event for event in events if event.event == "digest"]
        message = next((event for event in past if name and event.key == name), None)
        if not message:
            message = AlertEvent(
                event="digest",
                at=now,
                message_id=uuid.uuid4().hex,
                key=name,
                severity="info",
                text="\n".join(render_digest(events, past[-1].at if past else now - DAY)),
                channels=list(select_channels("critical")),
            )
            session.add(message)
    alerts.send(again=True)
    return message.text


def render_digest(events: Iterable[AlertEvent], since: datetime) -> Iterator[str]:
    """Its lines."""
    events = list(events)
    recent = [event for event in events if event.event == "raised" and event.at > since]
    groups = {
        severity: alert_store.compute_states(event for event in recent if event.severity == severity)
        for severity in reversed(SEVERITIES)
    }
    counts = ", ".join(f"{sum(state.count for state in states.values())} {name}" for name, states in groups.items())
    yield f"Since {since:%Y-%m-%d %H:%M} UTC: {counts}"
    for severity, states in groups.items():
        yield from render_section(severity, list(states.values()))
    open_states = [state for state in alert_store.compute_states(events).values() if is_open(state)]
    yield from render_section("not acknowledged", open_states)


def is_open(state: AlertState) -> bool:
    """Whether somebody should acknowledge it still."""
    return state.severity != "info" and not state.acknowledged and alerts.now() - state.last <= alert_store.EXPIRY


def render_section(title: str, states: list[AlertState]) -> Iterator[str]:
    """The lines of one severity."""
    if not states:
        return
    yield f"\n{title}"
    for state in states[:MAX_LINES]:
        line = " ".join(state.text.split())
        line = line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - 1]}…"
        yield f"- {state.key}{f' ({state.count} times)' if state.count > 1 else ''}: {line}"
        if state.link:
            yield f"  {state.link}"
    if len(states) > MAX_LINES:
        yield f"- and {len(states) - MAX_LINES} more: weaver alerts list"
