"""What answers for a template: the deployment that a small file names."""

from contextlib import AbstractContextManager
from pathlib import Path

from pipelines.core.artifacts import Deployment, read_artifact
from pipelines.core.errors import WeaverError
from pipelines.core.files import file_lock
from pipelines.core.settings import settings


def read_deployment(name: str) -> Deployment:
    """What answers for a template now.

    Raises:
        WeaverError: nothing has been deployed.
    """
    return Deployment.model_validate(read_artifact(pointer_file(name), made_by=f"weaver run {name}"))


def deployed_version_number(name: str) -> int:
    """The version that answers now; 0 if none does."""
    return read_deployment(name).version if pointer_file(name).exists() else 0


def pointer_file(name: str) -> Path:
    return deployments_folder(name).with_suffix(".json")


def deployments_folder(name: str) -> Path:
    """The folder of a template's deployed versions."""
    return settings().home / "deployments" / name


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
