"""The FastAPI application, and the one process that serves it."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from pipelines.core.settings import settings
from pipelines.gateway.api_errors import install_error_handlers
from pipelines.gateway.endpoints import router
from pipelines.gateway.request_body import RequestBodyMiddleware
from pipelines.gateway.state import Gateway

HOST = "127.0.0.1"
THREAD_SWITCH_SECONDS = 0.0005  # how long a thread may compute before the event loop gets the interpreter again
SHUTDOWN_TIMEOUT = 30  # seconds that requests in flight have to finish after SIGTERM

log = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the gateway's shared state for as long as the application runs."""
    app.state.gateway = gateway = Gateway()
    refreshing = asyncio.create_task(gateway.refresh_periodically())
    log.info("the gateway listens at %s; its API documentation is at %s/docs", *[settings().gateway_url] * 2)
    yield
    refreshing.cancel()
    await gateway.close()


def create_app() -> FastAPI:
    """The application, with its routes, error handlers and middleware."""
    app = FastAPI(
        title="NeuroWeaver gateway",
        description="OpenAI's chat completions, answered by the deployed versions of your templates.",
        version="1",
        lifespan=lifespan,
        docs_url=None,  # FastAPI's page loads its scripts from a CDN; ours is in endpoints.py
        redoc_url=None,
        openapi_url=None,  # served by endpoints.py, which asks for a key
    )
    app.include_router(router)
    install_error_handlers(app)
    app.add_middleware(RequestBodyMiddleware)
    return app


def serve() -> None:
    """Listen until SIGTERM; then accept no more requests, finish those in flight, and flush the request log."""
    sys.setswitchinterval(THREAD_SWITCH_SECONDS)
    uvicorn.run(
        create_app(),
        host=HOST,
        port=settings().gateway_port,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,  # the process's own logging configuration applies
        log_level="warning",
        access_log=False,  # the request log has more
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT,
    )
