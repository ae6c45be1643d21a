"""Which deployment of a template was finished last: what `deploy` writes when the traffic has moved."""

from contextlib import AbstractContextManager

from pipelines.core.artifacts import Deployment
from pipelines.core.database import read_session, write_session
from pipelines.core.database.tables import DeploymentRow
from pipelines.core.errors import WeaverError
from pipelines.core.files import file_lock
from pipelines.core.settings import settings


def write_deployment(deployment: Deployment) -> None:
    """Remember a deployment that is finished, in place of the one before.

    Raises:
        WeaverError: the database cannot be written.
    """
    row = DeploymentRow(name=deployment.name, version=deployment.version, document=deployment.model_dump(mode="json"))
    with write_session("deployments") as session:
        session.merge(row)


def read_deployment(name: str) -> Deployment:
    """The present deployment of a template.

    Raises:
        WeaverError: nothing has been deployed.
    """
    with read_session() as session:
        row = session.get(DeploymentRow, name)
    if row is None:
        raise WeaverError(f"no version of {name} has been deployed yet", f"Run `weaver run {name}` first.")
    return Deployment.model_validate(row.document)


def deployed_version_number(name: str) -> int:
    """The version that is deployed; 0 if none is."""
    with read_session() as session:
        row = session.get(DeploymentRow, name)
    return row.version if row else 0


def deployment_lock(name: str, patience: float = -1) -> AbstractContextManager[None]:
    """One at a time changes what is loaded for a template; `patience` is how many seconds another is waited for."""
    return file_lock(settings().home / "serving" / f"{name}.lock", f"deploying {name}", patience)


def is_being_deployed(name: str) -> bool:
    """Whether somebody changes what is loaded for a template just now."""
    try:
        with deployment_lock(name, patience=0):
            return False
    except WeaverError:
        return True
