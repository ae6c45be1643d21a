"""Servers that are away, processes that are killed: nothing is lost, and nothing stands still."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.alerts import alert, alert_store, channels, send
from pipelines.core.database.tables import AlertEvent

from .conftest import Chat, Clock, MailServer


def subjects(server: MailServer) -> list[str]:
    return [mail["Subject"].removeprefix("[NeuroWeaver]") for mail in server.mails]


def test_a_chat_that_hiccups_is_posted_to_again(use: Any, chat: Chat) -> None:
    use(alert_webhook=chat.url)
    chat.statuses = [503, 200]
    alert("again")
    assert len(chat.posted) == 2


def test_what_a_server_missed_is_sent_once_when_it_is_back(mailed: MailServer, clock: Clock) -> None:
    mailed.stop()
    for text in ("one", "two"):
        alert(text)
    assert not mailed.mails
    mailed.start()
    clock.goes_on(hours=1)
    alert("three")
    assert subjects(mailed) == ["[warning] one", "[warning] two", "[warning] three"]
    send(again=True)
    assert len(mailed.mails) == 3
    assert len({mail["Message-ID"] for mail in mailed.mails}) == 3


def test_one_channel_that_is_down_does_not_hold_up_the_other(use: Any, chat: Chat, mailed: MailServer) -> None:
    use(alert_webhook=chat.url)
    mailed.stop()
    alert("hello")
    assert len(chat.texts) == 1


def test_a_storm_does_not_wait_for_a_dead_server_each_time(mailed: MailServer, monkeypatch: Any) -> None:
    tries = []

    def dead(_: alert_store.AlertEvent) -> None:
        tries.append(1)
        raise channels.DeliveryError("away", channel_down=True)

    monkeypatch.setitem(channels.CHANNELS, "mail", dead)
    for number in range(20):
        alert(f"number {number}")
    assert len(tries) == 1
    assert len(alert_store.find_unsent(alert_store.read_events(), alert_store.read_events()[-1].at)) == 20


def test_a_mail_that_is_refused_does_not_hold_up_the_next(mailed: MailServer, clock: Clock) -> None:
    mailed.refuses = "poison"
    for text in ("poison", "good"):
        alert(text)
    assert subjects(mailed) == ["[warning] good"]
    clock.goes_on(hours=24 * 8)
    mailed.refuses = ""
    send(again=True)  # by now it is no news
    assert subjects(mailed) == ["[warning] good"]


KILLED = """
import os, signal, sys
from pipelines.alerts import alert, channels
real = channels.CHANNELS["mail"]
def send(entry):
    if sys.argv[1] == "after": real(entry)
    os.kill(os.getpid(), signal.SIGKILL)
channels.CHANNELS["mail"] = send
alert("it failed")
"""


@pytest.mark.parametrize(("when", "arrived"), [("before", 1), ("after", 2)])
def test_whoever_is_killed_loses_nothing(when: str, arrived: int, mailed: MailServer) -> None:
    """Killed after sending and before noting it, it is sent twice, under one message id."""
    done = subprocess.run([sys.executable, "-c", KILLED, when], env=os.environ, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    send()
    assert subjects(mailed) == ["[warning] it failed"] * arrived
    assert len({mail["Message-ID"] for mail in mailed.mails}) == 1


def test_alerts_of_many_processes_are_each_sent_once(mailed: MailServer) -> None:
    code = "from pipelines.alerts import alert\nimport sys\nfor n in range(5): alert(f'{sys.argv[1]} {n}')"
    started = [subprocess.Popen([sys.executable, "-c", code, str(p)], env=os.environ) for p in range(3)]
    assert [process.wait(timeout=120) for process in started] == [0, 0, 0]
    assert sorted(subjects(mailed)) == sorted(f"[warning] {p} {n}" for p in range(3) for n in range(5))


KILLED_WHILE_WRITING = """
import os, signal
from pipelines.alerts import alert
from pipelines.core.database import sessions
sessions.commit = lambda session, lock: os.kill(os.getpid(), signal.SIGKILL)
alert("lost")
"""


def test_an_alert_that_was_killed_before_it_was_written_does_not_spoil_the_next(home: Path) -> None:
    alert("one")
    done = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING], env=os.environ, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    alert("two")
    assert [event.text for event in alert_store.read_events()] == ["one", "two"]


def test_years_of_alerts_cost_little(home: Path, mailed: MailServer) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=400)
    with alert_store.write_alerts() as session:
        session.add_all(
            AlertEvent(at=long_ago, key=f"key {number}", text="old", channels=["mail"]) for number in range(20_000)
        )
    began = time.process_time()
    alert("new")
    assert time.process_time() - began < 0.5
    assert subjects(mailed) == ["[warning] new"]
