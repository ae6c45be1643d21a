"""What arrives where: in a chat, and as mail; safely, and without telling a secret."""

import logging
from pathlib import Path
from typing import Any

import pytest

from pipelines.alerts import alert, alert_store
from pipelines.core.errors import WeaverError
from pipelines.core.settings import settings

from ..ports import free_port
from .conftest import Chat, MailServer


def texts() -> list[str]:
    return [entry.text for entry in alert_store.read_events() if entry.event == "raised"]


def waiting() -> int:
    return len(alert_store.find_unsent(alert_store.read_events(), alert_store.read_events()[-1].at))


def test_an_alert_is_kept_and_posted_as_slack_takes_it(use: Any, chat: Chat) -> None:
    use(alert_webhook=chat.url)
    alert("the gate failed: 3 < 4 <!channel>", key="advisor.gate", template="advisor", link="http://127.0.0.1/x")
    ((path, kind, body),) = chat.posted
    assert (path, kind) == ("/hooks/secret", "application/json")
    first, link, template, last = body["text"].split("\n")
    assert first == "[warning] the gate failed: 3 &lt; 4 &lt;!channel&gt;"
    assert (link, template) == ("http://127.0.0.1/x", "Template: advisor")
    assert last.endswith("weaver alerts ack 'advisor.gate'")
    assert texts() == ["the gate failed: 3 < 4 <!channel>"]


def test_without_a_channel_it_is_only_kept(home: Path) -> None:
    alert("one")
    alert("a café\nin two lines")
    assert texts() == ["one", "a café\nin two lines"]
    assert waiting() == 0


def test_a_channel_hears_only_of_what_is_severe_enough(use: Any, chat: Chat, mailed: MailServer) -> None:
    use(alert_webhook=chat.url, alert_webhook_severity="info", alert_mail_severity="critical")
    for severity in ("info", "warning", "critical"):
        alert(f"it is {severity}", severity)
    assert [text.split("\n")[0] for text in chat.texts] == [
        "[info] it is info",
        "[warning] it is warning",
        "[critical] it is critical",
    ]
    assert [mail["Subject"] for mail in mailed.mails] == ["[NeuroWeaver][critical] it is critical"]


def test_a_mail_has_a_plain_and_an_html_part_and_escapes(mailed: MailServer) -> None:
    link = "http://127.0.0.1:8080/dags/x"
    alert("3 < 4\n<script>alert(1)</script>", "critical", "k", "advisor", link)
    (mail,) = mailed.mails
    assert mailed.to == [["ada@dealer.test", "bob@dealer.test"]]
    assert mail["To"] == "ada@dealer.test, bob@dealer.test" and mail["From"] == "neuroweaver@localhost"
    assert mail["Subject"] == "[NeuroWeaver][critical] 3 < 4"
    plain, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    assert "<script>alert(1)</script>" in plain and link in plain
    assert "&lt;script&gt;" in html and "<script" not in html
    assert f'<a href="{link}">' in html


@pytest.mark.parametrize("link", ["javascript:alert(1)", 'http://x/" onclick="alert(1)'])
def test_a_link_is_a_link_only_if_it_leads_to_a_page(link: str, mailed: MailServer) -> None:
    alert("look", link=link)
    html = mailed.mails[0].get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "javascript:" not in html and '" onclick' not in html


def test_no_text_writes_a_header(mailed: MailServer) -> None:
    alert("broken\r\nBcc: eve@evil.test\r\n\r\nbody", key="k\r\nBcc: eve@evil.test", template="t\nBcc: x@y.z")
    alert("\x0bBcc: eve@evil.test\x00\ud800 \u2028Bcc: eve@evil.test")
    assert len(mailed.mails) == 2
    for mail in mailed.mails:
        assert mail["Bcc"] is None and "eve@evil.test" not in str(mail["To"])
    assert mailed.mails[0]["Subject"] == "[NeuroWeaver][warning] broken"
    assert mailed.to == [["ada@dealer.test", "bob@dealer.test"]] * 2


def test_a_huge_text_is_cut(mailed: MailServer, home: Path) -> None:
    alert("word " * 1_000_000)
    (mail,) = mailed.mails
    assert len(mail["Subject"]) < 160
    assert "more characters" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert len(texts()[0]) < 5_000


def test_mail_goes_encrypted_to_a_server_that_wants_it_and_a_login(
    use: Any, strict_server: MailServer, certificate: Path
) -> None:
    url = f"smtp://weaver%40dealer@127.0.0.1:{strict_server.port}"
    use(smtp_url=url, smtp_ca=certificate, smtp_password="pa55word", alert_mail="ada@dealer.test")
    alert("hello")
    assert [mail["Subject"] for mail in strict_server.mails] == ["[NeuroWeaver][warning] hello"]


def test_the_password_may_be_a_file_among_the_secrets(
    home: Path, use: Any, strict_server: MailServer, certificate: Path
) -> None:
    (home / "secrets").mkdir()
    (home / "secrets" / "smtp").write_text("pa55word\n")
    url = f"smtp://weaver%40dealer@127.0.0.1:{strict_server.port}"
    use(smtp_url=url, smtp_ca=certificate, alert_mail="ada@dealer.test")
    alert("hello")
    assert len(strict_server.mails) == 1


@pytest.mark.parametrize(
    ("fault", "host", "told"),
    [
        ("another password", "127.0.0.1", "535"),
        ("an unknown certificate", "127.0.0.1", "CERTIFICATE_VERIFY_FAILED"),
        ("no password", "127.0.0.1", "secrets/smtp"),
    ],
)
def test_a_login_that_fails_is_told_without_the_password(
    fault: str,
    host: str,
    told: str,
    use: Any,
    strict_server: MailServer,
    certificate: Path,
    home: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    use(smtp_url=f"smtp://weaver%40dealer@{host}:{strict_server.port}", smtp_ca=certificate, alert_mail="a@b.test")
    if fault != "no password":
        use(smtp_password="s3cret" if fault == "another password" else "pa55word")
    if fault == "an unknown certificate":
        use(smtp_ca="/etc/ssl/certs/ca-certificates.crt")
    with caplog.at_level(logging.DEBUG):
        alert("hello")
    assert not strict_server.mails and waiting() == 1
    assert told in caplog.text
    assert "s3cret" not in caplog.text + str([event.to_dict() for event in alert_store.read_events()])


def test_a_server_elsewhere_that_does_not_encrypt_gets_nothing(
    use: Any, mail_server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    """0.0.0.0 leads to this machine too, but is not known to."""
    use(smtp_url=f"smtp://0.0.0.0:{mail_server.port}", alert_mail="ada@dealer.test")
    alert("hello")
    assert not mail_server.mails
    assert "STARTTLS" in caplog.text


@pytest.mark.parametrize("down", ["refuses", "away", "nowhere"])
def test_a_chat_that_is_down_is_logged_without_its_secret(
    down: str, use: Any, chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    chat.statuses = [404]
    away = f"http://127.0.0.1:{free_port()}/hooks/secret"
    use(alert_webhook={"refuses": chat.url, "away": away, "nowhere": "http://127.0.0.1:port/hooks/secret"}[down])
    with caplog.at_level(logging.DEBUG):
        alert("hello")
    assert texts() == ["hello"]
    assert "could not be sent to webhook" in caplog.text
    assert "hooks/secret" not in caplog.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alert_webhook", "hooks.slack.com/services/x"),
        ("smtp_url", "smtp://user:s3cret@mail.test:587"),
        ("alert_from", "a@b.test\nBcc: c@d.test"),
        ("alert_mail_severity", "urgent"),
    ],
)
def test_a_setting_that_cannot_be_is_told_without_its_secret(name: str, value: str, use: Any) -> None:
    use(**{name: value})
    with pytest.raises(WeaverError, match=f"WEAVER_{name.upper()}") as told:
        settings()
    assert "s3cret" not in str(told.value) and "services/x" not in str(told.value)


def test_the_password_is_in_nothing_that_is_passed_on(use: Any) -> None:
    from pipelines.stack import servers

    use(smtp_password="pa55word")
    assert "pa55word" not in str(servers.environment()) + repr(settings())
