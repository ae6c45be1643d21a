"""Which versions of a template answer, where each is loaded, and how the traffic is shared between them.

The deploy stage writes a template's route; the gateway follows it within a second. A file is whole or not there.
"""

from pathlib import Path

from pydantic import Field

from pipelines.core.artifacts import Artifact, read_artifact
from pipelines.core.settings import settings


class Endpoint(Artifact):
    """A version on one backend."""

    backend: str
    address: str  # unix:/path/to.sock, http://host:port, grpc://host:port
    model: str  # what the backend knows it by; carries the version, and is never loaded anew with other bytes
    cost_per_hour: float = 0.0  # what an hour of this backend's machine costs


class ServedVersion(Artifact):
    """A version that is loaded, and what it was trained to be asked with."""

    name: str
    version: int
    digest: str
    system_prompt: str
    max_new_tokens: int
    score: float | None = None  # on the held-out questions, by the metric of its gate
    endpoints: tuple[Endpoint, ...]  # in the plan's order


class Route(Artifact):
    name: str
    champion: int
    versions: list[ServedVersion]
    shares: dict[int, float] = Field(description="version → share of the requests; they add up to 1")
    shadow: dict[int, float] = {}  # version → share of the requests that it is asked too; nobody sees its answers

    def find_version(self, number: int) -> ServedVersion:
        return next(version for version in self.versions if version.version == number)


def route_file(name: str) -> Path:
    return routes_folder() / f"{name}.json"


def routes_folder() -> Path:
    return settings().home / "serving" / "routes"


def read_route(name: str) -> Route:
    """
    Raises:
        WeaverError: nothing has been deployed.
    """
    return Route.model_validate(read_artifact(route_file(name), made_by=f"weaver run {name}"))
