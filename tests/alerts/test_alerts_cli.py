"""`weaver alerts`, as a person and as a script use it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.alerts import alert
from pipelines.cli.alerts import app
from pipelines.core.errors import WeaverError

from .conftest import MailServer


def weaver(*verb: str) -> Any:
    return CliRunner().invoke(app, verb, catch_exceptions=False)


def said(*verb: str) -> Any:
    return json.loads(weaver(*verb, "--json").stdout)


def test_nothing_was_raised_yet(home: Path) -> None:
    assert "No alert was raised yet" in weaver("list").stdout
    assert said("list") == {"unsent": 0, "alerts": []}


def test_from_raising_to_acknowledging(mailed: MailServer) -> None:
    weaver("raise", "bay [4] is on fire", "--severity", "critical", "--key", "bay.4", "--link", "http://127.0.0.1/x")
    alert("bay [4] is on fire", "critical", "bay.4")
    assert len(mailed.mails) == 1
    shown = weaver("list").stdout
    assert "bay [4] is on fire" in shown and "bay.4" in shown and "critical" in shown
    assert said("ack", "bay.4", "--by", "ada")["by"] == "ada"
    (case,) = said("list")["alerts"]
    assert (case["key"], case["severity"], case["count"], case["by"]) == ("bay.4", "critical", 2, "ada")
    events = [entry["event"] for entry in said("show", "bay.4")["events"]]
    assert events == ["raised", "raised", "acknowledged"]
    assert "acknowledged by ada" in weaver("show", "bay.4").stdout


def test_what_waits_is_said_and_sent(mailed: MailServer) -> None:
    mailed.stop()
    alert("hello")
    assert "channel that is down: 1" in weaver("list").stdout
    assert said("send") == {"unsent": 1}
    mailed.start()
    assert said("send") == {"unsent": 0}
    assert len(mailed.mails) == 1


def test_the_digest_is_shown_and_sent(mailed: MailServer) -> None:
    alert("hello", "critical", "k")
    assert "1 critical, 0 warning, 0 info" in said("digest")["text"]
    assert mailed.mails[-1]["Subject"].startswith("[NeuroWeaver][digest] Since")


def test_an_unknown_key_is_told(home: Path) -> None:
    with pytest.raises(WeaverError, match="no alert has the key 'k'"):
        weaver("show", "k")
