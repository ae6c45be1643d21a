"""Backends: what runs a model. Each does the same four things; the template's plan names those it wants."""

import importlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pipelines.core.plan import Deployment
from pipelines.core.routes import Endpoint

Chunk = dict[str, Any]  # an OpenAI chat.completion.chunk; the last one has `usage`


class Model(NamedTuple):
    """A version to be loaded: a signed folder of this machine's model store."""

    name: str
    version: int
    folder: Path

    @property
    def id(self) -> str:
        return f"{self.name}-v{self.version}"


class Backend(Protocol):
    def deploy(self, model: Model, plan: Deployment) -> Endpoint:
        """Load a version beside those that are loaded, and return once it answers; twice is once.

        Raises:
            WeaverError: it does not load, with the engine's own words; what answered before goes on answering.
            Unavailable: the backend does not run.
        """

    def status(self) -> dict[str, str]:
        """Model id → ready, loading or failed; whatever is loaded here, known by the plan or not."""

    def stream(self, endpoint: Endpoint, request: dict[str, Any], timeout: float) -> AsyncIterator[Chunk]:
        """Send an OpenAI chat request (messages, max_tokens, temperature, …); pieces as they are generated.

        Raises:
            Unavailable: it does not answer, or broke off: another backend may be asked.
            WeaverError: the request is one that no backend can answer (too long, say).
        """

    def unload(self, model: str) -> None:
        """Take a model id from memory after its last request; one that is not loaded is none."""

    async def close(self) -> None:
        """Let go of connections; for whoever streamed."""


def load_backend(name: str) -> Backend:
    """The backend of this name, imported only now: each brings libraries of its own."""
    made: Backend = importlib.import_module(f"pipelines.clients.backends.{name}").BACKEND()
    return made
