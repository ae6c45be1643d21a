"""What answers for a template: the deployment that a small file names."""

from pathlib import Path

from pipelines.artifacts import Deployment, read_noun
from pipelines.settings import settings


def deployed(name: str) -> Deployment:
    """What answers for a template now.

    Raises:
        WeaverError: nothing has been deployed.
    """
    return Deployment.model_validate(read_noun(pointer(name), made_by=f"weaver run {name}"))


def answering(name: str) -> int:
    """The version that answers now; 0 if none does."""
    return deployed(name).version if pointer(name).exists() else 0


def pointer(name: str) -> Path:
    return home(name).with_suffix(".json")


def home(name: str) -> Path:
    """The folder of a template's deployed versions."""
    return settings().home / "deployments" / name
