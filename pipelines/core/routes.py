"""Which versions of a template answer, where each is loaded, and how the traffic is shared between them.

The deploy stage writes a template's route into the database; the gateway follows it within a second.
"""

from pydantic import Field, ValidationError
from sqlalchemy import select

from pipelines.core.artifacts import Artifact
from pipelines.core.database import read_session, write_session
from pipelines.core.database.tables import RouteRow
from pipelines.core.errors import WeaverError


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
    control_tokens: tuple[str, ...] = ()  # of its tokenizer and chat template: a text that has one would end its turn
    min_confidence: float = 0.0  # below which an answer of the model's own is not sent; calibrated by its evaluation
    score: float | None = None  # on the held-out questions, by the metric of its gate
    endpoints: tuple[Endpoint, ...]  # in the plan's order


class Route(Artifact):
    """Where the requests of a template go."""

    name: str
    champion: int
    versions: list[ServedVersion]
    shares: dict[int, float] = Field(description="version → share of the requests; they add up to 1")
    shadow: dict[int, float] = {}  # version → share of the requests that it is asked too; nobody sees its answers

    def find_version(self, number: int) -> ServedVersion:
        """The served version with this number."""
        return next(version for version in self.versions if version.version == number)


def write_route(route: Route) -> None:
    """Put a template's route in force, in place of the one before.

    Raises:
        WeaverError: the database cannot be written.
    """
    row = RouteRow(name=route.name, champion=route.champion, document=route.model_dump(mode="json"))
    with write_session("routes") as session:
        session.merge(row)


def read_route(name: str) -> Route:
    """
    Raises:
        WeaverError: nothing has been deployed.
    """
    if route := find_route(name):
        return route
    raise WeaverError(f"no version of {name} has been deployed yet", f"Run `weaver run {name}` first.")


def find_route(name: str) -> Route | None:
    """The template's route, or None where nothing has been deployed.

    Raises:
        WeaverError: the stored route cannot be read.
    """
    with read_session() as session:
        row = session.get(RouteRow, name)
    try:
        return Route.model_validate(row.document) if row else None
    except ValidationError as error:
        first = error.errors()[0]
        raise WeaverError(
            f"the stored route of {name} is not valid: {'.'.join(map(str, first['loc']))}: {first['msg']}",
            f"Write it anew: weaver registry reconcile {name}",
        ) from error


def read_route_times() -> dict[str, int]:
    """Template → when its route was written last (epoch nanoseconds)."""
    with read_session() as session:
        return {row.name: row.updated_ns for row in session.execute(select(RouteRow.name, RouteRow.updated_ns))}
