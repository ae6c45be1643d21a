"""An alert is kept, and posted where settings say; a chat that is down stops nothing."""

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipelines.alerts import alert
from pipelines.errors import WeaverError
from pipelines.settings import settings

from .ports import free_port


class Chat(HTTPServer):
    """A webhook that answers with the statuses it is given, the last of them from then on."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Hook)
        self.statuses, self.posted = [200], list[Any]()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/secret"


class Hook(BaseHTTPRequestHandler):
    server: Chat

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append((self.path, self.headers["Content-Type"], json.loads(body)))
        statuses = self.server.statuses
        self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def chat() -> Iterator[Chat]:
    with Chat() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def posted_to(home: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def use(url: str) -> None:
        monkeypatch.setenv("WEAVER_ALERT_WEBHOOK", url)
        settings.cache_clear()

    return use


def kept(home: Path) -> list[str]:
    return [json.loads(line)["text"] for line in (home / "alerts.jsonl").read_text().splitlines()]


def test_an_alert_is_kept_and_posted_as_slack_takes_it(home: Path, chat: Chat, posted_to: Any) -> None:
    posted_to(chat.url)
    alert("the gate failed: 3 < 4")
    assert chat.posted == [("/hooks/secret", "application/json", {"text": "the gate failed: 3 < 4"})]
    assert kept(home) == ["the gate failed: 3 < 4"]


def test_without_a_webhook_it_is_only_kept(home: Path) -> None:
    alert("one")
    alert("a café\nin two lines")
    assert kept(home) == ["one", "a café\nin two lines"]


def test_a_chat_that_hiccups_is_posted_to_again(home: Path, chat: Chat, posted_to: Any) -> None:
    posted_to(chat.url)
    chat.statuses = [503, 200]
    alert("again")
    assert len(chat.posted) == 2


@pytest.mark.parametrize("down", ["refuses", "away", "nowhere"])
def test_a_chat_that_is_down_is_logged_without_its_secret(
    down: str, home: Path, chat: Chat, posted_to: Any, caplog: pytest.LogCaptureFixture
) -> None:
    chat.statuses = [404]
    away = f"http://127.0.0.1:{free_port()}/hooks/secret"
    posted_to({"refuses": chat.url, "away": away, "nowhere": "http://127.0.0.1:port/hooks/secret"}[down])
    with caplog.at_level(logging.DEBUG):
        alert("hello")
    assert kept(home) == ["hello"]
    assert "could not be posted to WEAVER_ALERT_WEBHOOK" in caplog.text
    assert "hooks/secret" not in caplog.text


def test_an_address_that_is_none_is_told_when_settings_are_read(home: Path, posted_to: Any) -> None:
    posted_to("hooks.slack.com/services/x")
    with pytest.raises(WeaverError, match="WEAVER_ALERT_WEBHOOK"):
        settings()


def test_a_line_that_a_crash_tore_off_does_not_spoil_the_next(home: Path) -> None:
    alert("whole")
    with (home / "alerts.jsonl").open("a") as file:
        file.write('{"at": "2026-')
    alert("after")
    assert kept(home) == ["whole", "after"]
