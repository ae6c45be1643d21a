"""Channels that alerts are really sent to: a webhook over HTTP, a mail server over SMTP."""

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipelines import alerts
from pipelines.core.settings import settings

from ..ports import free_port


class Chat(HTTPServer):
    """A webhook that answers with the statuses it is given, the last of them from then on."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Hook)
        self.statuses, self.posted = [200], list[Any]()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/secret"

    @property
    def texts(self) -> list[str]:
        return [body["text"] for _, _, body in self.posted]


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
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class MailServer:
    """aiosmtpd on a port of its own, which can be stopped and started again; `mails` are what it took."""

    def __init__(self, **options: Any) -> None:
        self.port, self.options = free_port(), options
        self.mails, self.to, self.refuses = list[EmailMessage](), list[list[str]](), ""
        self.controller: Controller | None = None

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.refuses and self.refuses.encode() in envelope.content:
            return "554 not this one"
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        self.to.append(envelope.rcpt_tos)
        return "250 taken"

    def start(self) -> None:
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port, **self.options)
        self.controller.start()

    def stop(self) -> None:
        if self.controller:
            self.controller.stop()
        self.controller = None


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of 127.0.0.1 with its key, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("certificate") / "both.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(made.public_bytes(pem) + private)
    return file


def knows(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: LoginPassword) -> AuthResult:
    right = (given.login, given.password) == (b"weaver@dealer", b"pa55word")
    return AuthResult(success=right, handled=False)


@pytest.fixture
def strict_server(certificate: Path) -> Iterator[MailServer]:
    """It takes mail only after STARTTLS and a login."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = MailServer(tls_context=context, require_starttls=True, auth_required=True, authenticator=knows)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def use(home: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`use(alert_mail="a@b.c", …)`: settings of this test."""

    def use(**wanted: Any) -> None:
        for name, value in wanted.items():
            monkeypatch.setenv(f"WEAVER_{name.upper()}", str(value))
        settings.cache_clear()

    return use


@pytest.fixture
def mailed(use: Any, mail_server: MailServer) -> MailServer:
    use(smtp_url=f"smtp://127.0.0.1:{mail_server.port}", alert_mail="ada@dealer.test, bob@dealer.test")
    return mail_server


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 7, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def goes_on(self, hours: float) -> None:
        self.at += timedelta(hours=hours)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(alerts, "now", clock)
    return clock
