"""Which versions of a template answer, where each is loaded, and how the traffic is shared between them.

The deploy stage writes a template's route; the gateway follows it within a second. A file is whole or not there.
"""

from pathlib import Path

from pydantic import Field

from pipelines.core.artifacts import Noun, read_noun
from pipelines.core.settings import settings


class Place(Noun):
    """A version on one backend."""

    backend: str
    endpoint: str  # unix:/path/to.sock, http://host:port, grpc://host:port
    model: str  # what the backend knows it by; carries the version, and is never loaded anew with other bytes
    machine_hour: float = 0.0  # what an hour of this backend's machine costs


class Served(Noun):
    """A version that is loaded, and what it was trained to be asked with."""

    name: str
    version: int
    digest: str
    system_prompt: str
    max_new_tokens: int
    score: float | None = None  # on the held-out questions, by the metric of its gate
    places: tuple[Place, ...]  # in the plan's order


class Route(Noun):
    name: str
    champion: int
    served: list[Served]
    shares: dict[int, float] = Field(description="version → share of the requests; they add up to 1")
    shadow: dict[int, float] = {}  # version → share of the requests that it is asked too; nobody sees its answers

    def version(self, number: int) -> Served:
        return next(served for served in self.served if served.version == number)


def file_of(name: str) -> Path:
    return folder() / f"{name}.json"


def folder() -> Path:
    return settings().home / "serving" / "routes"


def route(name: str) -> Route:
    """
    Raises:
        WeaverError: nothing has been deployed.
    """
    return Route.model_validate(read_noun(file_of(name), made_by=f"weaver run {name}"))
