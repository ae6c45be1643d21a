"""The FastAPI application, and the one process that serves it."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from pipelines.core.settings import settings
from pipelines.gateway import api_errors
from pipelines.gateway.endpoints import router
from pipelines.gateway.request_body import Doorkeeper
from pipelines.gateway.state import Gateway

HOST = "127.0.0.1"
SWITCH = 0.0005  # seconds that a thread may compute before the event loop, which may just have been told, has its turn
GRACE = 30  # seconds that requests in flight have to finish when the process is told to end

log = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.gateway = gateway = Gateway()
    watching = asyncio.create_task(gateway.watch())
    log.info("the gateway listens at %s; its documentation is at %s/docs", *[settings().gateway_url] * 2)
    yield
    watching.cancel()
    await gateway.close()


def create_app() -> FastAPI:
    app = FastAPI(
        title="NeuroWeaver gateway",
        description="OpenAI's chat completions, answered by the models that were specialised here.",
        version="1",
        lifespan=lifespan,
        docs_url=None,  # FastAPI's page loads its scripts from a CDN; ours stands in endpoints.py
        redoc_url=None,
    )
    app.include_router(router)
    api_errors.install(app)
    app.add_middleware(Doorkeeper)
    return app


def serve() -> None:
    """Listen until SIGTERM; then take no more, finish what is in flight, and settle the log."""
    sys.setswitchinterval(SWITCH)
    uvicorn.run(
        create_app(),
        host=HOST,
        port=settings().gateway_port,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,  # it logs as the rest does
        log_level="warning",
        access_log=False,  # the request log knows more
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
