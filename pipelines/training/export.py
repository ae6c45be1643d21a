"""The export stage: merges the challenger's adapter, and the champion's, into models that can be deployed; signed."""

import shutil
from pathlib import Path

from pipelines.core import signing
from pipelines.core.artifacts import Adapter, ChampionModel, Export
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest
from pipelines.core.fingerprint import SourceCode
from pipelines.core.plan import Base, Deployment, TrainingPlan
from pipelines.training.base_model import prepare_base
from pipelines.training.merge_adapter import merge_adapter

CODE = SourceCode(__name__)


def export(adapter: Adapter, champion: ChampionModel, plan: TrainingPlan, work: Path) -> Export:
    """Merge the adapter into its base, and the champion's, if there is one, into the base it was trained on.

    Only these two folders are kept; any other can be rebuilt.

    Raises:
        WeaverError: an adapter does not fit its base, or an exported folder differs from what was signed.
    """
    folder = export_adapter(adapter, plan.base, plan.deployment, work)
    champion_folder = export_champion(champion, plan, work)
    for older in folder.parent.iterdir():
        if older.is_dir() and older not in (folder, champion_folder):
            delete_export(older)
    return Export(
        uri=str(folder),
        digest=digest(folder),
        base_uri=str(prepare_base(plan.base)),
        adapter=adapter,
        champion_uri=str(champion_folder or ""),
        champion_digest=digest(champion_folder) if champion_folder else "",
        champion_version=champion.version,
    )


def rebuild_export(champion: ChampionModel, plan: TrainingPlan, work: Path) -> Export:
    """Merge the champion's adapter again, for a rollback to deploy.

    Other exports stay: a run may be waiting for its approval.

    Raises:
        WeaverError: there is no champion, or its adapter does not fit its base any more.
    """
    folder = export_champion(champion, plan, work)
    if champion.adapter is None or folder is None:
        raise WeaverError(
            f"{champion.name} has no champion to roll back to.", f"Run `weaver run {plan.template}` first."
        )
    return Export(uri=str(folder), digest=digest(folder), base_uri="", adapter=champion.adapter)


def export_champion(champion: ChampionModel, plan: TrainingPlan, work: Path) -> Path | None:
    """Return the champion's merged model; None if there is no champion.

    Raises:
        WeaverError: the registered version cannot be merged any more; names it.
    """
    if champion.adapter is None:
        return None
    try:
        base, deployment = Base.model_validate(champion.base), Deployment.model_validate(champion.deployment)
        return export_adapter(champion.adapter, base, deployment, work)
    except Exception as error:  # transformers, peft and safetensors raise anything for files that do not fit
        raise WeaverError(
            f"Version {champion.version} of {champion.name}, the champion, cannot be merged with its base: {error}",
            f"Fix that, or make another version the champion: `weaver rollback {plan.template} --to <version>`.",
        ) from error


def export_adapter(adapter: Adapter, base: Base, deployment: Deployment, work: Path) -> Path:
    """Return the signed folder of an adapter merged into its base; it is built at most once.

    Raises:
        WeaverError: the adapter does not fit its base, or the folder differs from what was signed.
    """
    formats = deployment.model_dump(include={"backends", "quantisation"})
    folder = (
        work / "export" / digest([adapter.digest, adapter.base_digest, base.model_dump(), formats, CODE.digest])[:12]
    )
    if folder.exists() and signing.signature_file(folder).exists():
        signing.verify(folder)
    else:  # a folder without a signature was interrupted before it was signed: its contents are unknown
        delete_export(folder)
        signing.sign(merge_adapter(adapter, base, deployment, folder))
    return folder


def delete_export(folder: Path) -> None:
    """Delete an exported folder and its signature."""
    signing.signature_file(folder).unlink(missing_ok=True)  # first: a folder without a signature is rebuilt
    shutil.rmtree(folder, ignore_errors=True)
