"""The client of MLflow beside a real server with TLS and passwords, and how it translates errors."""

import datetime
import ipaddress
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from mlflow.exceptions import MlflowException, RestException  # noqa: TID253
from requests import ConnectionError as Unreachable

from pipelines.clients.mlflow import alias_version, connect_mlflow, translate_mlflow_error
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.settings import settings

from ..servers import Server

PASSWORD = "a-long-password-of-tests"
CREDENTIALS = ("USERNAME", "PASSWORD", "TOKEN", "SERVER_CERT_PATH", "INSECURE_TLS")


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate for 127.0.0.1 that nobody but a test trusts."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now, address = datetime.datetime.now(datetime.UTC), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=True)
    private, public = folder / "key.pem", folder / "certificate.pem"
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    public.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem))
    return private, public


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as a team runs it: HTTPS, and a password for every call; a model with the alias champion is in it."""
    folder = tmp_path_factory.mktemp("secured")
    key, certificate = write_certificate(folder)
    server = Server(
        folder,
        "--app-name=basic-auth",
        f"--uvicorn-opts=--ssl-keyfile {key} --ssl-certfile {certificate}",
        certificate=certificate,
        MLFLOW_AUTH_ADMIN_USERNAME="ada",
        MLFLOW_AUTH_ADMIN_PASSWORD=PASSWORD,
        MLFLOW_FLASK_SERVER_SECRET_KEY="s" * 32,
    )
    server.start()
    yield server
    server.kill()


@pytest.fixture
def account(secured: Server, home: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """This process is pointed at that server and has its credentials; a test changes one."""
    for name in CREDENTIALS:
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    monkeypatch.setenv("WEAVER_TRACKING_URI", secured.url)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(secured.certificate))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    settings.cache_clear()
    return monkeypatch


def test_an_alias_of_a_secured_server_is_read_and_an_absent_one_is_none(account: pytest.MonkeyPatch) -> None:
    client = connect_mlflow().MlflowClient()
    name = f"advisor_{time.monotonic_ns()}"
    assert alias_version(name, "champion") is None, "there is no such model"
    client.create_registered_model(name)
    assert alias_version(name, "champion") is None, "there is no such alias"
    client.create_model_version(name, source="s3://bucket/model")
    client.set_registered_model_alias(name, "champion", "1")
    assert alias_version(name, "champion") == 1


def test_a_wrong_password_is_an_error_and_not_an_absent_alias(account: pytest.MonkeyPatch) -> None:
    account.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
    with pytest.raises(WeaverError, match="refused the sign-in while reading the alias champion of cars") as refused:
        alias_version("cars", "champion")
    assert not isinstance(refused.value, Unavailable) and "MLFLOW_TRACKING_PASSWORD" in refused.value.remedy


def test_no_password_is_an_error_too(account: pytest.MonkeyPatch) -> None:
    account.delenv("MLFLOW_TRACKING_PASSWORD")
    with pytest.raises(WeaverError, match="refused the sign-in"):
        alias_version("cars", "champion")


def test_a_certificate_that_is_not_trusted_is_an_error_with_a_remedy(account: pytest.MonkeyPatch) -> None:
    account.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH")
    for call in (connect_mlflow, lambda: alias_version("cars", "champion")):
        with pytest.raises(WeaverError, match=r"certificate .* cannot be verified") as refused:
            call()
        assert not isinstance(refused.value, Unavailable) and "SERVER_CERT_PATH" in refused.value.remedy
    account.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    assert alias_version("cars", "champion") is None


def test_a_server_that_is_gone_is_unavailable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEAVER_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr("pipelines.clients.mlflow.HEALTH_SECONDS", 0.5)
    settings.cache_clear()
    for call in (connect_mlflow, lambda: alias_version("cars", "champion")):
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
            call()


def test_a_local_server_without_a_password_yet_is_unavailable(home: Path) -> None:
    with pytest.raises(Unavailable, match="has not been started yet"):
        alias_version("cars", "champion")


@pytest.mark.parametrize(
    "error",
    [
        Unreachable("connection refused"),
        MlflowException("API request failed with exception: connection refused"),
        RestException({"error_code": "TEMPORARILY_UNAVAILABLE", "message": "restarting"}),
    ],
)
def test_a_lost_connection_is_unavailable(error: Exception, home: Path) -> None:
    with (
        pytest.raises(Unavailable, match="was lost while registering the model"),
        translate_mlflow_error("registering the model"),
    ):
        raise error


def test_a_missing_permission_is_an_error_with_a_remedy(home: Path) -> None:
    with (
        pytest.raises(WeaverError, match="did not permit this while registering the model") as refused,
        translate_mlflow_error("registering the model"),
    ):
        raise RestException({"error_code": "PERMISSION_DENIED", "message": "no"})
    assert not isinstance(refused.value, Unavailable)


@pytest.mark.parametrize(
    "error",
    [RestException({"error_code": "INVALID_PARAMETER_VALUE", "message": "no"}), ValueError("a bug"), OSError(28, "")],
)
def test_other_errors_pass_unchanged(error: Exception, home: Path) -> None:
    with pytest.raises(type(error)), translate_mlflow_error("registering the model"):
        raise error
