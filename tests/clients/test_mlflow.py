"""A lost server is worth another try, a refusal is not."""

import pytest
from mlflow.exceptions import MlflowException, RestException  # noqa: TID253
from requests import ConnectionError as Unreachable

from pipelines.clients.mlflow import translate_mlflow_error
from pipelines.core.errors import Unavailable


@pytest.mark.parametrize(
    "error",
    [
        Unreachable("connection refused"),
        MlflowException("API request failed with exception: connection refused"),
        RestException({"error_code": "TEMPORARILY_UNAVAILABLE", "message": "restarting"}),
    ],
)
def test_a_lost_server_is_unavailable(error: Exception) -> None:
    with (
        pytest.raises(Unavailable, match="lost while the model was registered"),
        translate_mlflow_error("the model was registered"),
    ):
        raise error


@pytest.mark.parametrize(
    "error", [RestException({"error_code": "PERMISSION_DENIED", "message": "no"}), ValueError("a bug"), OSError(28, "")]
)
def test_everything_else_is_told_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)), translate_mlflow_error("the model was registered"):
        raise error
