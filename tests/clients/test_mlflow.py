"""The client of MLflow beside a real server with TLS and passwords, and how it translates errors."""

import time
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException, RestException  # noqa: TID253
from requests import ConnectionError as Unreachable

from pipelines.clients.mlflow import alias_version, connect_mlflow, translate_mlflow_error
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.settings import settings


def test_an_alias_of_a_secured_server_is_read_and_an_absent_one_is_none(mlflow_account: pytest.MonkeyPatch) -> None:
    client = connect_mlflow().MlflowClient()
    name = f"advisor_{time.monotonic_ns()}"
    assert alias_version(name, "champion") is None, "there is no such model"
    client.create_registered_model(name)
    assert alias_version(name, "champion") is None, "there is no such alias"
    client.create_model_version(name, source="s3://bucket/model")
    client.set_registered_model_alias(name, "champion", "1")
    assert alias_version(name, "champion") == 1


def test_a_wrong_password_is_an_error_and_not_an_absent_alias(mlflow_account: pytest.MonkeyPatch) -> None:
    mlflow_account.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
    with pytest.raises(WeaverError, match="refused the sign-in while reading the alias champion of cars") as refused:
        alias_version("cars", "champion")
    assert not isinstance(refused.value, Unavailable) and "MLFLOW_TRACKING_PASSWORD" in refused.value.remedy


def test_no_password_is_an_error_too(mlflow_account: pytest.MonkeyPatch) -> None:
    mlflow_account.delenv("MLFLOW_TRACKING_PASSWORD")
    with pytest.raises(WeaverError, match="refused the sign-in"):
        alias_version("cars", "champion")


def test_a_certificate_that_is_not_trusted_is_an_error_with_a_remedy(mlflow_account: pytest.MonkeyPatch) -> None:
    mlflow_account.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH")
    for call in (connect_mlflow, lambda: alias_version("cars", "champion")):
        with pytest.raises(WeaverError, match=r"certificate .* cannot be verified") as refused:
            call()
        assert not isinstance(refused.value, Unavailable) and "SERVER_CERT_PATH" in refused.value.remedy
    mlflow_account.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
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
