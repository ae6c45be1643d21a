"""The deploy stage: the champion's bytes go where questions are answered, and the pointer moves last."""

import os
import shutil
from pathlib import Path

from pipelines.artifacts import Deployment, Export, Promotion, read_noun
from pipelines.errors import WeaverError
from pipelines.files import digest, once
from pipelines.plan import TrainingPlan
from pipelines.settings import settings


def deploy(promotion: Promotion, export: Export, plan: TrainingPlan) -> Deployment:
    """Publish the exported model as the template's version, and let it answer from now on.

    Raises:
        WeaverError: the exported bytes are not those that were evaluated.
    """
    versions = settings().home / "deployments" / promotion.name
    folder = once(versions / f"v{promotion.to_version}", lambda new: copy(Path(export.uri), new))
    if digest(folder) != export.digest:
        shutil.rmtree(folder)
        raise WeaverError(
            f"{export.uri} is not what was evaluated: its digest differs from {export.digest[:12]}",
            "Delete that folder and run the export stage again.",
        )
    deployment = Deployment(
        name=promotion.name,
        version=promotion.to_version,
        backend=plan.deployment.backend,
        uri=str(folder),
        digest=export.digest,
    )
    deployment.save(pointer(promotion.name))
    # The one before stays for a quick way back; older ones can be exported again from their adapters.
    for old in versions.glob("v*"):
        if old.name not in {f"v{promotion.to_version}", f"v{promotion.from_version}"}:
            shutil.rmtree(old)
    return deployment


def deployed(name: str) -> Deployment:
    """What answers for a template now.

    Raises:
        WeaverError: nothing has been deployed.
    """
    return Deployment.model_validate(read_noun(pointer(name), made_by=f"weaver run {name}"))


def pointer(name: str) -> Path:
    return settings().home / "deployments" / f"{name}.json"


def copy(source: Path, target: Path) -> None:
    """Hard links where the file system has them: a model of gigabytes is published without a second copy."""
    try:
        shutil.copytree(source, target, copy_function=os.link, dirs_exist_ok=True)
    except OSError:
        shutil.copytree(source, target, dirs_exist_ok=True)
