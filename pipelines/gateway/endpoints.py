"""The URLs: OpenAI's, and beside them feedback, routes, documentation, health and metrics."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBasicCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST

from pipelines.core.errors import WeaverError
from pipelines.gateway import schemas
from pipelines.gateway.api_errors import ApiError, error_responses
from pipelines.gateway.api_keys import ApiKey
from pipelines.gateway.completions import ChatCompletion
from pipelines.gateway.sse import EventStream
from pipelines.gateway.state import Gateway
from pipelines.text import html_page

EVENT_SCHEMA = {
    "type": "object",
    "required": ["data"],
    "properties": {"data": {"type": "string", "description": "a chat.completion.chunk, an error, or [DONE]"}},
}
# Browsers ask for a name and a password where a page answers 401 with this.
BROWSER_SIGN_IN = {"www-authenticate": 'Basic realm="NeuroWeaver gateway: any name, an API key as the password"'}

router = APIRouter()
bearer = HTTPBearer(auto_error=False, description="An API key; `weaver key add` creates one.")
basic = HTTPBasic(auto_error=False, description="For browsers: any user name, and an API key as the password.")


async def get_gateway(request: Request) -> Gateway:
    """The state that all requests share."""
    gateway: Gateway = request.app.state.gateway
    return gateway


SharedGateway = Annotated[Gateway, Depends(get_gateway)]


async def authenticate(
    gateway: SharedGateway, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> ApiKey:
    """The request's API key.

    Raises:
        ApiError: it is missing, unknown or revoked (401), or its rate limit is exceeded (429).
    """
    if credentials is None:
        message = "The API key is missing; send it as the header Authorization: Bearer nw-…"
        raise ApiError(401, "missing_api_key", message, headers={"www-authenticate": "Bearer"})
    return gateway.keys.authenticate(credentials.credentials)


async def authenticate_browser(
    gateway: SharedGateway,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    sign_in: Annotated[HTTPBasicCredentials | None, Depends(basic)],
) -> ApiKey:
    """The API key of a page that people open in a browser: as a Bearer token, or as the password of a basic sign-in.

    Raises:
        ApiError: as `authenticate`; its 401 makes a browser ask.
    """
    secret = credentials.credentials if credentials else sign_in.password if sign_in else ""
    if not secret:
        message = (
            "This page needs an API key. In a browser, sign in with any user name and the API key as the password; "
            "`weaver logins` shows this machine's key. Programs send the header Authorization: Bearer nw-…"
        )
        raise ApiError(401, "missing_api_key", message, headers=BROWSER_SIGN_IN)
    try:
        return gateway.keys.authenticate(secret)
    except ApiError as error:
        if error.status == 401:
            error.headers |= BROWSER_SIGN_IN
        raise


Authenticated = Annotated[ApiKey, Depends(authenticate)]


@router.post(
    "/v1/chat/completions",
    tags=["OpenAI"],
    responses={
        200: {
            "model": schemas.ChatCompletionResponse,
            "description": "The answer; as server-sent events where `stream` is true.",
            "content": {"text/event-stream": {"schema": EVENT_SCHEMA}},
        },
        **error_responses(400, 401, 403, 404, 413, 429, 502, 503, 504),
    },
)
async def create_chat_completion(
    request: Request, body: schemas.ChatRequest, gateway: SharedGateway, key: Authenticated
) -> Response:
    """Send a conversation to a template, or to one of its versions."""
    check_permission(key, body.model)
    entry, version = gateway.catalogue.find(body.model)
    length, limit = sum(len(message["content"]) for message in body.conversation()), entry.policy.max_prompt_chars
    if length > limit:
        message = f"The conversation has {length:,} characters; the limit of {entry.route.name} is {limit:,}."
        raise ApiError(400, "context_length_exceeded", message, "messages")
    reason = "requested version"
    if version is None:
        # Without a user, each request draws a version: the shares hold for such a client's traffic as well.
        user = f"{key.id} {body.user}" if body.user else ""
        version, reason = gateway.router.choose_version(entry.route, user, entry.policy)
    completion = ChatCompletion(gateway, entry, version, reason, body, key.id, request.state.began)
    gateway.start_shadow_requests(completion)
    if body.stream:
        return EventStream(completion)
    await completion.run()
    response = schemas.make_completion(
        completion.id, completion.model, completion.text, completion.finish_reason, completion.usage
    )
    response |= completion.extension()
    return Response(orjson.dumps(response), headers=completion.headers(), media_type="application/json")


@router.get("/v1/models", tags=["OpenAI"], responses=error_responses(401, 429))
async def list_models(gateway: SharedGateway, key: Authenticated) -> schemas.ModelList:
    """List every model that the API key may use."""
    models = gateway.catalogue.models()
    return schemas.ModelList(data=[schemas.Model(id=id, created=at) for id, at in models.items() if key.allows(id)])


@router.get("/v1/models/{model}", tags=["OpenAI"], responses=error_responses(401, 403, 404, 429))
async def get_model(model: str, gateway: SharedGateway, key: Authenticated) -> schemas.Model:
    """Describe one model."""
    check_permission(key, model)
    gateway.catalogue.find(model)
    return schemas.Model(id=model, created=gateway.catalogue.models()[model])


@router.post("/v1/feedback", tags=["NeuroWeaver"], responses=error_responses(400, 401, 404, 413, 429))
async def create_feedback(
    feedback: schemas.FeedbackRequest, gateway: SharedGateway, key: Authenticated
) -> schemas.FeedbackReceipt:
    """Store a person's feedback on an answer: a thumb, a correction, a comment."""
    if feedback.thumb is None and feedback.correction is None and feedback.comment is None:
        raise ApiError(400, "invalid_value", "The feedback needs a thumb, a correction or a comment.")
    try:
        await asyncio.to_thread(gateway.store_feedback, feedback, key.id)
    except WeaverError as error:
        raise ApiError(404, "completion_not_found", error.what, "id") from error
    return schemas.FeedbackReceipt(id=feedback.id)


@router.get("/v1/routes/{template}", tags=["NeuroWeaver"], responses=error_responses(401, 403, 404, 429))
async def get_route(template: str, gateway: SharedGateway, key: Authenticated) -> dict[str, Any]:
    """Explain the routing of a template: its shares, and the statistics and status of each endpoint."""
    check_permission(key, template)
    entry, _ = gateway.catalogue.find(template)
    return {
        "name": entry.route.name,
        "champion": entry.route.champion,
        "shares": entry.route.shares,
        "endpoints": gateway.router.explain(entry.route, entry.policy),
    }


@router.get("/healthz", tags=["operation"])
async def get_health() -> schemas.Health:
    """The process is running."""
    return schemas.Health(status="ok")


@router.get(
    "/readyz",
    tags=["operation"],
    responses={503: {"model": schemas.Health, "description": "Not ready; `status` is the reason."}},
)
async def get_readiness(gateway: SharedGateway, response: Response) -> schemas.Health:
    """At least one deployed version is ready, and the request log can be written."""
    reason = await gateway.why_not_ready()
    response.status_code = 503 if reason else 200
    return schemas.Health(status=reason or "ready")


@router.get(
    "/metrics",
    tags=["operation"],
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {}}, "description": "Prometheus' text format."},
        **error_responses(401, 403, 429),
    },
)
async def get_metrics(gateway: SharedGateway, key: Authenticated) -> Response:
    """Metrics for Prometheus; needs an API key that is not limited to some models."""
    if key.models:
        raise ApiError(403, "permission_denied", "This API key is limited to some models and cannot read metrics.")
    return Response(gateway.metrics.text(), media_type=CONTENT_TYPE_LATEST)


@router.get("/docs", include_in_schema=False, dependencies=[Depends(authenticate_browser)])
async def get_docs(request: Request) -> HTMLResponse:
    """The OpenAPI document as a page that loads nothing from other hosts."""
    return HTMLResponse(html_page.render_page(Path(__file__).with_name("docs.html"), api=request.app.openapi()))


@router.get("/openapi.json", include_in_schema=False, dependencies=[Depends(authenticate_browser)])
async def get_openapi(request: Request) -> dict[str, Any]:
    """The OpenAPI document."""
    document: dict[str, Any] = request.app.openapi()
    return document


def check_permission(key: ApiKey, model: str) -> None:
    """Raise 403 if an API key may not use a model."""
    if not key.allows(model):
        raise ApiError(403, "model_not_allowed", "This API key may not use that model.", "model")
