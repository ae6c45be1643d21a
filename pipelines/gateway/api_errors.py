"""Every way of saying no: one error, in the body that OpenAI's clients turn into their own exceptions."""

import logging
from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

log = logging.getLogger(__name__)

MEANINGS = {
    400: "The request is not one that can be answered; the message names the field.",
    401: "No API key, or one that is unknown or revoked.",
    403: "The key is not for this.",
    404: "There is no such model, template or answer.",
    413: "The request is too large.",
    429: "The key's rate is used up, or too many requests wait; Retry-After says when to come again.",
    502: "The backend broke off in the middle of the answer.",
    503: "No backend can answer now, or the request log cannot be written.",
    504: "The answer took longer than the template allows.",
}
TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


class ErrorDetail(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    error: ErrorDetail


class Refusal(Exception):
    """A request is not answered.

    Args:
        code: the reason as one word, for programs; it is also the status of the request in the log.
        param: the field at fault, if one is.
        retry_after: seconds after which it may be tried again.
    """

    def __init__(self, status: int, code: str, message: str, param: str | None = None, retry_after: int = 0) -> None:
        self.status, self.code, self.message, self.param = status, code, message, param
        self.headers = {"retry-after": str(retry_after)} if retry_after else {}
        super().__init__(message)

    @property
    def body(self) -> bytes:
        kind = TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        return orjson.dumps({"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}})

    def response(self, closing: bool = False) -> Response:
        """As HTTP; `closing` ends the connection, where the rest of the request is not read."""
        headers = self.headers | ({"connection": "close"} if closing else {})
        return Response(self.body, self.status, headers, "application/json")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What an endpoint's OpenAPI entry says of its errors."""
    told: dict[int | str, str] = {status: MEANINGS[status] for status in statuses}
    told["default"] = "Any other error."
    return {status: {"model": ErrorBody, "description": text} for status, text in told.items()}


def install(app: FastAPI) -> None:
    """Let every error of the application leave in OpenAI's body."""

    @app.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> Response:
        return refusal.response()

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return of_validation(error.errors()).response()

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
        response = Refusal(error.status_code, code, str(error.detail)).response()
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        return Refusal(500, "internal_error", "Something went wrong here; the gateway's log says what.").response()


def of_validation(faults: Sequence[Any]) -> Refusal:
    """Pydantic's deepest fault, in a sentence; what was sent is not repeated."""
    fault = max(faults, key=lambda fault: len(fault["loc"]))
    if fault["type"] == "json_invalid":
        return Refusal(400, "invalid_json", f"The body is not JSON: {fault['ctx']['error']}")
    # Pydantic's locations also name the branch of a union that was tried, as `str` or `list[TextPart]`.
    path = [str(part) for part in fault["loc"][1:] if not (str(part) == "str" or "[" in str(part))]
    param = ".".join(path)
    if fault["type"] == "extra_forbidden":
        text = f"{param!r} is not supported by this gateway; leave it out."
        return Refusal(400, "unsupported_parameter", text, param)
    return Refusal(400, "invalid_value", f"{param or 'the body'}: {fault['msg']}", param or None)
