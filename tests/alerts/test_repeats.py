"""An alert that comes again is counted, one that nobody is on rises, and the digest says what there was."""

from typing import Any

import pytest

from pipelines.alerts import acknowledge, alert, alert_store, escalate
from pipelines.alerts.daily_digest import digest
from pipelines.core.errors import WeaverError

from .conftest import Chat, Clock, MailServer


def find_state(key: str) -> alert_store.AlertState:
    return alert_store.find_state(key, alert_store.read_events(key))


def subjects(server: MailServer) -> list[str]:
    return [mail["Subject"].removeprefix("[NeuroWeaver]") for mail in server.mails]


def plain(server: MailServer) -> str:
    return server.mails[-1].get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_the_same_alert_is_counted_and_told_when_it_is_sent_again(mailed: MailServer, clock: Clock) -> None:
    for _ in range(3):
        alert("the disk is full", key="disk")
        clock.goes_on(hours=1)
    assert subjects(mailed) == ["[warning] the disk is full"]
    clock.goes_on(hours=9)
    alert("the disk is full", key="disk")
    assert len(mailed.mails) == 2
    assert "Seen 3 times since 2026-03-02 07:00 UTC." in plain(mailed)


def test_without_a_key_the_same_text_is_the_same_alert(mailed: MailServer, clock: Clock) -> None:
    for text in ("one", "two", "one"):
        alert(text)
    assert subjects(mailed) == ["[warning] one", "[warning] two"]


def test_what_gets_worse_is_sent_at_once(mailed: MailServer, clock: Clock) -> None:
    alert("slow", key="backend")
    alert("down", "critical", key="backend")
    alert("slow", key="backend")
    assert subjects(mailed) == ["[warning] slow", "[critical] down"]


def test_what_repeats_rises_once_and_goes_to_those_above(use: Any, mailed: MailServer, clock: Clock) -> None:
    use(alert_escalation="boss@dealer.test", alert_escalation_count=3)
    for _ in range(6):
        alert("it failed", key="night")
        clock.goes_on(hours=0.1)
    assert subjects(mailed) == ["[warning] it failed", "[critical] it failed", "[critical] it failed"]
    assert mailed.to[1:] == [["ada@dealer.test", "bob@dealer.test"], ["boss@dealer.test"]]
    assert "Nobody has acknowledged it since 2026-03-02 07:00 UTC; seen 3 times." in plain(mailed)


def test_what_nobody_acknowledges_rises_after_its_time(use: Any, mailed: MailServer, clock: Clock) -> None:
    use(alert_escalation="boss@dealer.test")
    alert("it failed", key="night")
    alert("only so that you know", "info", key="news")
    for hours in (23.9, 0.2, 24):
        clock.goes_on(hours)
        escalate()
    assert subjects(mailed) == ["[warning] it failed", "[critical] it failed", "[critical] it failed"]
    assert mailed.to[2] == ["boss@dealer.test"]


def test_what_somebody_is_on_is_quiet_and_does_not_rise(use: Any, mailed: MailServer, clock: Clock) -> None:
    use(alert_escalation_count=3)
    alert("it failed", key="night")
    acknowledge("night", by="ada")
    acknowledge("night", by="bob")
    for _ in range(4):
        clock.goes_on(hours=2)
        alert("it failed", key="night")
    clock.goes_on(hours=1)
    escalate()
    assert subjects(mailed) == ["[warning] it failed"]
    assert (find_state("night").by, find_state("night").count) == ("ada", 5)
    clock.goes_on(hours=10)
    alert("it failed", key="night")  # somebody was on it, and it is still there
    assert subjects(mailed) == ["[warning] it failed"] * 2
    assert find_state("night").count == 1 and not find_state("night").acknowledged


def test_only_what_was_raised_can_be_acknowledged(mailed: MailServer) -> None:
    with pytest.raises(WeaverError, match="no alert has the key 'nihgt'"):
        acknowledge("nihgt", by="ada")


def test_the_digest_says_what_there_was_since_the_last(mailed: MailServer, use: Any, chat: Chat, clock: Clock) -> None:
    use(alert_webhook=chat.url)
    alert("long ago", key="old")
    digest("day 0")
    clock.goes_on(hours=1)
    alert("retrain_x ended well", "info", key="x.ended")
    alert("it failed", key="night", link="http://127.0.0.1/run")
    alert("it failed", key="night")
    alert("it is down", "critical", key="backend")
    acknowledge("night", by="ada")
    clock.goes_on(hours=23)
    text = digest("day 1")
    assert digest("day 1") == text  # whoever was killed asks again
    assert subjects(mailed)[-1] == "[digest] Since 2026-03-02 07:00 UTC: 1 critical, 2 warning, 1 info"
    assert subjects(mailed)[-2] == "[critical] it is down"
    assert [line for line in text.splitlines() if line] == [
        "Since 2026-03-02 07:00 UTC: 1 critical, 2 warning, 1 info",
        "critical",
        "- backend: it is down",
        "warning",
        "- night (2 times): it failed",
        "info",
        "- x.ended: retrain_x ended well",
        "not acknowledged",
        "- old: long ago",
        "- backend: it is down",
    ]
    assert chat.texts[-1].startswith("[digest] Since")
