"""The URLs: OpenAI's, and beside them feedback, routes, health and metrics."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST

from pipelines.core.errors import WeaverError
from pipelines.gateway import schemas
from pipelines.gateway.api_errors import Refusal, documented
from pipelines.gateway.api_keys import Key
from pipelines.gateway.completions import Chat
from pipelines.gateway.sse import Events
from pipelines.gateway.state import Gateway
from pipelines.text import html_page

EVENT = {
    "type": "object",
    "required": ["data"],
    "properties": {"data": {"type": "string", "description": "a chat.completion.chunk, an error, or [DONE]"}},
}

router = APIRouter()
bearer = HTTPBearer(auto_error=False, description="An API key: `weaver key add` makes one.")


async def the_gateway(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway


Shared = Annotated[Gateway, Depends(the_gateway)]


async def authenticated(gateway: Shared, given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> Key:
    if given is None:
        raise Refusal(401, "missing_api_key", "Send an API key: Authorization: Bearer nw-…")
    return gateway.keys.check(given.credentials)


Authenticated = Annotated[Key, Depends(authenticated)]


@router.post(
    "/v1/chat/completions",
    tags=["OpenAI"],
    responses={
        200: {
            "model": schemas.Completion,
            "description": "The answer; where `stream` is true, piece by piece as server-sent events.",
            "content": {"text/event-stream": {"schema": EVENT}},
        },
        **documented(400, 401, 403, 404, 413, 429, 502, 503, 504),
    },
)
async def chat_completions(
    request: Request, asked: schemas.ChatRequest, gateway: Shared, key: Authenticated
) -> Response:
    """Ask a template's champion, or one of its versions."""
    allow(key, asked.model)
    entry, model_version = gateway.catalogue.find(asked.model)
    chars, most = sum(len(message["content"]) for message in asked.conversation()), entry.policy.max_prompt_chars
    if chars > most:
        text = f"The conversation has {chars:,} characters; {entry.route.name} takes {most:,}."
        raise Refusal(400, "context_length_exceeded", text, "messages")
    why = "as asked"
    if model_version is None:
        # Who says nothing of a user is drawn anew each time: a client's traffic is shared like everybody's.
        sticky = f"{key.id} {asked.user}" if asked.user else ""
        model_version, why = gateway.agent.version(entry.route, sticky, entry.policy)
    chat = Chat(gateway, entry, model_version, why, asked, key.id, request.state.began)
    gateway.shadow(chat)
    if asked.stream:
        return Events(chat)
    await chat.answer()
    told = schemas.completion(chat.id, chat.model, chat.text, chat.finish_reason, chat.usage)
    return Response(orjson.dumps(told), headers=chat.headers(), media_type="application/json")


@router.get("/v1/models", tags=["OpenAI"], responses=documented(401, 429))
async def models(gateway: Shared, key: Authenticated) -> schemas.Models:
    """Every model that the key may ask."""
    found = gateway.catalogue.models()
    return schemas.Models(data=[schemas.Model(id=id, created=at) for id, at in found.items() if key.may(id)])


@router.get("/v1/models/{model}", tags=["OpenAI"], responses=documented(401, 403, 404, 429))
async def model(model: str, gateway: Shared, key: Authenticated) -> schemas.Model:
    allow(key, model)
    gateway.catalogue.find(model)
    return schemas.Model(id=model, created=gateway.catalogue.models()[model])


@router.post("/v1/feedback", tags=["NeuroWeaver"], responses=documented(400, 401, 404, 413, 429))
async def feedback(said: schemas.FeedbackRequest, gateway: Shared, key: Authenticated) -> schemas.Thanks:
    """Say what a person thinks of an answer: a thumb, what it should have said, a comment."""
    if not said.model_fields_set - {"id", "user"}:
        raise Refusal(400, "invalid_value", "Say something: a thumb, a correction or a comment.")
    try:
        await asyncio.to_thread(gateway.take_feedback, said, key.id)
    except WeaverError as error:
        raise Refusal(404, "answer_not_found", error.what, "id") from error
    return schemas.Thanks(id=said.id)


@router.get("/v1/routes/{template}", tags=["NeuroWeaver"], responses=documented(401, 403, 404, 429))
async def route(template: str, gateway: Shared, key: Authenticated) -> dict[str, Any]:
    """Where a template's requests go now, and why: figures and verdict of every place."""
    allow(key, template)
    entry, _ = gateway.catalogue.find(template)
    endpoints = gateway.agent.explain(entry.route, entry.policy)
    return {
        "name": entry.route.name,
        "champion": entry.route.champion,
        "shares": entry.route.shares,
        "endpoints": endpoints,
    }


@router.get("/healthz", tags=["operation"])
async def healthz() -> schemas.Health:
    """The process is alive."""
    return schemas.Health(status="ok")


@router.get(
    "/readyz", tags=["operation"], responses={503: {"model": schemas.Health, "description": "Not now, and why."}}
)
async def readyz(gateway: Shared, response: Response) -> schemas.Health:
    """At least one deployed version is ready, and the log can be written."""
    why = await gateway.unready()
    response.status_code = 503 if why else 200
    return schemas.Health(status=why or "ready")


@router.get(
    "/metrics",
    tags=["operation"],
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus."}, **documented(401, 403, 429)},
)
async def metrics(gateway: Shared, key: Authenticated) -> Response:
    """What Prometheus reads; a key that is for some models only may not."""
    if key.models:
        raise Refusal(403, "not_allowed", "This key is for some models only.")
    return Response(gateway.metrics.text(), media_type=CONTENT_TYPE_LATEST)


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """The OpenAPI document as a page that loads nothing from anywhere."""
    return HTMLResponse(html_page.render_page(Path(__file__).with_name("docs.html"), api=request.app.openapi()))


def allow(key: Key, model: str) -> None:
    if not key.may(model):
        raise Refusal(403, "model_not_allowed", "This key may not ask that model.", "model")
