"""Errors of the API, in the body that OpenAI's clients turn into their own exceptions."""

import logging
from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from pipelines.gateway.default_fields import UNSUPPORTED

log = logging.getLogger(__name__)

DESCRIPTIONS = {
    400: "The request is invalid; the message names the field.",
    401: "The API key is missing, unknown or revoked.",
    403: "The API key has no permission for this.",
    404: "The model, template or completion does not exist.",
    413: "The request is too large.",
    429: "The rate limit of the API key is exceeded, or too many requests are queued; see Retry-After.",
    502: "The backend failed in the middle of the answer.",
    503: "No backend is available, or the request log cannot be written.",
    504: "The answer took longer than the template's timeout.",
}
TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


class ErrorDetail(BaseModel):
    """OpenAI's error object."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    """The body of every response that is an error."""

    error: ErrorDetail


class ApiError(Exception):
    """A request that ends with an HTTP error.

    Args:
        status: HTTP status.
        code: the machine-readable reason; also the request's status in the log.
        message: a sentence for people.
        param: the invalid field, if there is one.
        retry_after: seconds after which the request may be repeated; 0 sends no Retry-After.
        headers: further headers of the response.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        param: str | None = None,
        retry_after: int = 0,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.status, self.code, self.message, self.param = status, code, message, param
        self.headers = (headers or {}) | ({"retry-after": str(retry_after)} if retry_after else {})
        super().__init__(message)

    @property
    def body(self) -> bytes:
        """The JSON body."""
        kind = TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        return orjson.dumps({"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}})

    def response(self, close_connection: bool = False) -> Response:
        """The HTTP response; `close_connection` where the rest of the request is not read."""
        headers = self.headers | ({"connection": "close"} if close_connection else {})
        return Response(self.body, self.status, headers, "application/json")


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an endpoint's OpenAPI entry."""
    descriptions: dict[int | str, str] = {status: DESCRIPTIONS[status] for status in statuses}
    descriptions["default"] = "Any other error."
    return {status: {"model": ErrorBody, "description": text} for status, text in descriptions.items()}


def install_error_handlers(app: FastAPI) -> None:
    """Make every error of the application an ApiError's response."""

    @app.exception_handler(ApiError)
    async def handle_api_error(request: Request, error: ApiError) -> Response:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def handle_validation_error(request: Request, error: RequestValidationError) -> Response:
        return from_validation_errors(error.errors()).response()

    @app.exception_handler(HTTPException)
    async def handle_http_exception(request: Request, error: HTTPException) -> Response:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
        message = str(error.detail)
        if error.status_code == 404 and message == "Not Found":
            message = f"There is no {request.method} {request.url.path}; the base URL of this API ends with /v1."
        response = ApiError(error.status_code, code, message).response()
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def handle_unexpected_error(request: Request, error: Exception) -> Response:
        return ApiError(500, "internal_error", "Internal server error; the gateway's log has the details.").response()


def from_validation_errors(errors: Sequence[Any]) -> ApiError:
    """Pydantic's deepest error as an ApiError; the message does not repeat the client's input."""
    error = max(errors, key=lambda error: len(error["loc"]))
    if error["type"] == "json_invalid":
        return ApiError(400, "invalid_json", f"The body is not valid JSON: {error['ctx']['error']}")
    # Pydantic's locations also name the branch of a union that was tried, as `str` or `list[TextPart]`.
    path = [str(part) for part in error["loc"][1:] if not (str(part) == "str" or "[" in str(part))]
    unsupported = [number for number, part in enumerate(path, 1) if part in UNSUPPORTED]
    param = ".".join(path[: unsupported[0]] if unsupported else path)
    if not path and error["type"] == "missing":
        return ApiError(
            400, "invalid_value", "The body is empty; send a JSON object with the fields model and messages."
        )
    if unsupported or error["type"] == "none_required":  # of unknown fields, only null is accepted
        message = f"The parameter '{param}' is not supported by this gateway; leave it out."
        return ApiError(400, "unsupported_parameter", message, param)
    return ApiError(400, "invalid_value", f"{param or 'The body'}: {error['msg']}", param or None)
