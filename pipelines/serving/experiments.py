"""Versions beside the champion: one in shadow is asked too and nobody sees its answers; one on trial answers a share.

Both end with the next deployment, which writes the route anew.
"""

from pathlib import Path

from pipelines.clients.backends import Model
from pipelines.core.errors import WeaverError
from pipelines.core.plan import TrainingPlan
from pipelines.core.routes import Route, read_route, route_file
from pipelines.serving import model_store
from pipelines.serving.deploy import place_on, unload
from pipelines.serving.deployment_pointer import deployment_lock


def shadow(name: str, version: int, share: float, plan: TrainingPlan) -> Route:
    """Ask a published version a share of the requests too; 0 ends that."""
    with deployment_lock(name):
        found = loaded(name, version, plan) if share else read_route(name)
        shadows = {number: part for number, part in found.shadow.items() if number != version}
        return settle(found.model_copy(update={"shadow": shadows | ({version: share} if share else {})}), plan)


def split(name: str, version: int, share: float, plan: TrainingPlan) -> Route:
    """Let a published version that was approved once answer a share of the users; each stays with one version.

    Raises:
        WeaverError: it is the champion, which answers the rest.
    """
    with deployment_lock(name):
        found = loaded(name, version, plan) if share else read_route(name)
        if version == found.champion:
            raise WeaverError(f"version {version} of {name} is its champion", "Name the version that is tried beside.")
        shares = {found.champion: 1 - share} | ({version: share} if share else {})
        return settle(found.model_copy(update={"shares": shares}), plan)


def loaded(name: str, version: int, plan: TrainingPlan) -> Route:
    """The route, with the version in it and on every backend."""
    found = read_route(name)
    if any(model_version.version == version for model_version in found.versions):
        return found
    folder = model_store.pull(name, version)
    model_version, _ = place_on(Model(name, version, folder), plan)
    return found.model_copy(update={"versions": [*found.versions, model_version]})


def settle(found: Route, plan: TrainingPlan) -> Route:
    """Write the route; what it asks no more is dropped from it, but for the way back, and from memory."""
    before = max(
        (model_version.version for model_version in found.versions if model_version.version < found.champion), default=0
    )
    wanted = {*found.shares, *found.shadow, found.champion, before}
    gone = [model_version for model_version in found.versions if model_version.version not in wanted]
    kept = found.model_copy(
        update={"versions": [model_version for model_version in found.versions if model_version.version in wanted]}
    )
    kept.save(route_file(found.name))
    unload([Model(found.name, model_version.version, Path()) for model_version in gone], plan)
    return kept
