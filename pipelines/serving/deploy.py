"""The deploy stage: the champion's bytes go where questions are answered, and the pointer moves last."""

import os
import shutil
from pathlib import Path

from pipelines import signing
from pipelines.artifacts import Deployment, Export, Promotion, read_noun
from pipelines.errors import WeaverError
from pipelines.files import digest, once, whole
from pipelines.plan import TrainingPlan
from pipelines.settings import settings
from pipelines.tracking import aliases, moving, tracking


def deploy(promotion: Promotion, export: Export | None, plan: TrainingPlan) -> Deployment:
    """Publish the exported model as the template's version, and let it answer from now on.

    Args:
        export: what was evaluated; none lets the version that is kept here answer again.
    Raises:
        WeaverError: the bytes are not those that were evaluated, or not those that were signed; or another version was
            made champion in the meantime. What answered before goes on answering.
        Unavailable: MLflow does not answer.
    """
    folder = home(promotion.name) / f"v{promotion.to_version}"
    if export:
        publish(export, folder)
    signing.verify(folder)
    deployment = Deployment(
        name=promotion.name,
        version=promotion.to_version,
        backends=list(plan.deployment.backends),
        uri=str(folder),
        digest=export.digest if export else digest(folder),
    )
    with moving(promotion.name):
        champion = aliases(tracking().MlflowClient(), promotion.name).get("champion", 0)
        if champion != promotion.to_version:
            raise WeaverError(
                f"version {promotion.to_version} of {promotion.name} is not champion any more: {champion or 'none'} is",
                f"`weaver ledger show {promotion.name}` says who changed that, and why.",
            )
        deployment.save(pointer(promotion.name))
    # The one before stays for a quick way back; older ones can be exported again from their adapters.
    for old in folder.parent.glob("v*"):
        if old.name.removesuffix(".sig") not in {f"v{promotion.to_version}", f"v{promotion.from_version}"}:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    return deployment


def publish(export: Export, folder: Path) -> None:
    """Copy an export and its signature to a version's folder, unless these very bytes lie there already."""
    source = Path(export.uri)
    if digest(source) != export.digest:
        raise WeaverError(
            f"{export.uri} is not what was evaluated: its digest differs from {export.digest[:12]}",
            "Delete that folder and run the export stage again.",
        )
    signing.verify(source)
    if folder.exists() and digest(folder) != export.digest:  # an earlier export, or one that was tampered with
        shutil.rmtree(folder)
    with whole(signing.signature(folder)) as temporary:
        shutil.copy(signing.signature(source), temporary)
    once(folder, lambda new: copy(source, new))


def kept(promotion: Promotion) -> bool:
    """Whether the promoted version's folder lies here still, and need not be exported again."""
    return (home(promotion.name) / f"v{promotion.to_version}").is_dir()


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


def copy(source: Path, target: Path) -> None:
    """Hard links where the file system has them: a model of gigabytes is published without a second copy."""
    try:
        shutil.copytree(source, target, copy_function=os.link, dirs_exist_ok=True)
    except OSError:
        shutil.copytree(source, target, dirs_exist_ok=True)
