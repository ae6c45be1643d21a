"""The digest: one message a day that says what was raised, what became of it, and what still waits for somebody."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

import pipelines.alerts as alerts
from pipelines.alerts import alert_store
from pipelines.alerts.alert_store import ORDER, Case, Entry
from pipelines.alerts.channels import chosen

DAY = timedelta(days=1)
LONGEST = 200  # characters of a line
MOST = 40  # lines of a section


def digest(name: str = "") -> str:
    """Send every channel what happened since the last digest. Returns its text.

    Args:
        name: the same name twice is one digest, so that whoever was killed can ask again.
    """
    with alert_store.writing():
        entries, now = alert_store.read(), alerts.now()
        past = [entry for entry in entries if entry.event == "digest"]
        made = next((entry for entry in past if name and entry.key == name), None)
        if not made:
            text = "\n".join(told(entries, past[-1].at if past else now - DAY))
            about = {"key": name, "severity": "info", "text": text, "to": chosen("critical")}
            made = Entry(event="digest", at=now, id=uuid.uuid4().hex, **about)
            alert_store.write(made)
    alerts.send(again=True)
    return made.text


def told(entries: list[Entry], since: datetime) -> Iterator[str]:
    recent = [entry for entry in entries if entry.event == "raised" and entry.at > since]
    groups = {severity: alert_store.cases(e for e in recent if e.severity == severity) for severity in reversed(ORDER)}
    counts = ", ".join(f"{sum(case.count for case in group.values())} {name}" for name, group in groups.items())
    yield f"Since {since:%Y-%m-%d %H:%M} UTC: {counts}"
    for severity, group in groups.items():
        yield from section(severity, list(group.values()))
    open_ = [case for case in alert_store.cases(entries).values() if waits(case)]
    yield from section("not acknowledged", open_)


def waits(case: Case) -> bool:
    return case.severity != "info" and not case.acknowledged and alerts.now() - case.last <= alert_store.OVER


def section(title: str, cases: list[Case]) -> Iterator[str]:
    if not cases:
        return
    yield f"\n{title}"
    for case in cases[:MOST]:
        line = " ".join(case.text.split())
        line = line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
        yield f"- {case.key}{f' ({case.count} times)' if case.count > 1 else ''}: {line}"
        if case.link:
            yield f"  {case.link}"
    if len(cases) > MOST:
        yield f"- and {len(cases) - MOST} more: weaver alerts list"
