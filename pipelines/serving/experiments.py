"""Versions beside the champion: a shadow version gets copies of requests, an A/B test gets a share of the users.

In shadow, no client sees the version's answers. Both end with the next deployment, which writes the route anew.
"""

from pathlib import Path

from pipelines.clients.backends import Model
from pipelines.core.errors import WeaverError
from pipelines.core.plan import TrainingPlan
from pipelines.core.routes import Route, read_route, write_route
from pipelines.serving import model_store
from pipelines.serving.deploy import load_on_backends, unload
from pipelines.serving.deployment_pointer import deployment_lock


def set_shadow(name: str, version: int, share: float, plan: TrainingPlan) -> Route:
    """Send copies of a share of the requests to a published version; a share of 0 ends the shadow."""
    with deployment_lock(name):
        route = add_version(name, version, plan) if share else read_route(name)
        shadow = {number: other for number, other in route.shadow.items() if number != version}
        return save_route(route.model_copy(update={"shadow": shadow | ({version: share} if share else {})}), plan)


def set_ab_test(name: str, version: int, share: float, plan: TrainingPlan) -> Route:
    """Send a share of the users to a published version; each user stays with one version. 0 ends the test.

    Raises:
        WeaverError: the version is the champion.
    """
    with deployment_lock(name):
        route = add_version(name, version, plan) if share else read_route(name)
        if version == route.champion:
            raise WeaverError(
                f"version {version} of {name} is its champion, which gets the other users",
                "Name the version to test against the champion.",
            )
        shares = {route.champion: 1 - share} | ({version: share} if share else {})
        return save_route(route.model_copy(update={"shares": shares}), plan)


def add_version(name: str, version: int, plan: TrainingPlan) -> Route:
    """The template's route with a version in it, which is loaded on every backend if it was not."""
    route = read_route(name)
    if any(other.version == version for other in route.versions):
        return route
    folder = model_store.pull(name, version)
    served_version, _ = load_on_backends(Model(name, version, folder), plan)
    return route.model_copy(update={"versions": [*route.versions, served_version]})


def save_route(route: Route, plan: TrainingPlan) -> Route:
    """Write the route without the versions that get no requests, and unload those.

    The champion's predecessor stays, for a fast rollback.
    """
    previous = max((other.version for other in route.versions if other.version < route.champion), default=0)
    needed = {*route.shares, *route.shadow, route.champion, previous}
    unused = [other for other in route.versions if other.version not in needed]
    saved = route.model_copy(update={"versions": [other for other in route.versions if other.version in needed]})
    write_route(saved)
    unload([Model(route.name, other.version, Path()) for other in unused], plan)
    return saved
