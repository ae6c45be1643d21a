"""Inference backends: load a model version, answer requests, unload it. A template's plan names those it uses."""

import importlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pipelines.core.plan import Deployment
from pipelines.core.routes import Endpoint

Chunk = dict[str, Any]  # an OpenAI chat.completion.chunk; the last one has `usage`


class Model(NamedTuple):
    """A version to load: a signed folder of this machine's model store."""

    name: str
    version: int
    folder: Path

    @property
    def id(self) -> str:
        """Its public name: service_advisor-v3."""
        return f"{self.name}-v{self.version}"


class Backend(Protocol):
    """What serving and the gateway need of a backend."""

    def deploy(self, model: Model, plan: Deployment) -> Endpoint:
        """Load a version beside those that are loaded, and return once it answers; idempotent.

        Raises:
            WeaverError: it does not load; with the engine's message. Loaded versions are not affected.
            Unavailable: the backend is not running.
        """

    def status(self) -> dict[str, str]:
        """Model id → ready, loading or failed; of every loaded version, whether a plan names it or not."""

    def stream(self, endpoint: Endpoint, request: dict[str, Any], timeout: float) -> AsyncIterator[Chunk]:
        """Send an OpenAI chat request (messages, max_tokens, temperature, …); yields chunks while they are generated.

        Args:
            timeout: seconds until the last chunk.
        Raises:
            Unavailable: it does not answer, or failed in the middle: another backend may be tried.
            WeaverError: no backend can answer the request (it is too long, for example).
        """

    def unload(self, model: str) -> None:
        """Unload a model id after its last request; does nothing if it is not loaded."""

    async def close(self) -> None:
        """Close the connections of `stream`."""


def load_backend(name: str) -> Backend:
    """The backend of this name, imported at its first use: each needs libraries of its own."""
    backend: Backend = importlib.import_module(f"pipelines.clients.backends.{name}").BACKEND()
    return backend
