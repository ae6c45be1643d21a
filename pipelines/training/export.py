"""The export stage: what was trained becomes what will be served, signed; and so does the champion it has to beat."""

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


def export(adapter: Adapter, incumbent: ChampionModel, plan: TrainingPlan, work: Path) -> Export:
    """Merge the adapter into its base, and the champion's, where there is one, into the base it was trained over.

    Only these two folders are kept; any other can be made again.

    Raises:
        WeaverError: an adapter does not merge into its base, or an exported folder is not what was signed.
    """
    folder = export_adapter(adapter, plan.base, plan.deployment, work)
    champion = export_champion(incumbent, plan, work)
    for older in folder.parent.iterdir():
        if older.is_dir() and older not in (folder, champion):
            delete_export(older)
    return Export(
        uri=str(folder),
        digest=digest(folder),
        base_uri=str(prepare_base(plan.base)),
        adapter=adapter,
        champion_uri=str(champion or ""),
        champion_digest=digest(champion) if champion else "",
        champion_version=incumbent.version,
    )


def rebuild_export(incumbent: ChampionModel, plan: TrainingPlan, work: Path) -> Export:
    """What a rollback serves: the incumbent alone, without the base beside it.

    Nothing is removed: a run may be waiting for its approval.

    Raises:
        WeaverError: there is no incumbent, or it does not merge any more.
    """
    folder = export_champion(incumbent, plan, work)
    if incumbent.adapter is None or folder is None:
        raise WeaverError(f"{incumbent.name} has no version to go back to", f"Run `weaver run {plan.template}` first.")
    return Export(uri=str(folder), digest=digest(folder), base_uri="", adapter=incumbent.adapter)


def export_champion(incumbent: ChampionModel, plan: TrainingPlan, work: Path) -> Path | None:
    """
    Raises:
        WeaverError: the registered version cannot be made ready any more; names it, and the way round it.
    """
    if incumbent.adapter is None:
        return None
    try:
        base, deployment = Base.model_validate(incumbent.base), Deployment.model_validate(incumbent.deployment)
        return export_adapter(incumbent.adapter, base, deployment, work)
    except Exception as error:  # what transformers, peft and safetensors raise for files that do not fit has no name
        raise WeaverError(
            f"version {incumbent.version} of {incumbent.name} does not become a model any more: {error}",
            f"Mend that, or make another version the champion: `weaver rollback {plan.template} --to <version>`.",
        ) from error


def export_adapter(adapter: Adapter, base: Base, deployment: Deployment, work: Path) -> Path:
    """The signed folder of an adapter merged into its base: made at most once."""
    form = deployment.model_dump(include={"backends", "quantisation"})
    folder = work / "export" / digest([adapter.digest, adapter.base_digest, base.model_dump(), form, CODE.digest])[:12]
    if folder.exists() and signing.signature_file(folder).exists():
        signing.verify(folder)
    else:  # killed before it was signed: whose bytes lie there, nobody can say
        delete_export(folder)
        signing.sign(merge_adapter(adapter, base, deployment, folder))
    return folder


def delete_export(folder: Path) -> None:
    signing.signature_file(folder).unlink(
        missing_ok=True
    )  # first: without it, what is left of the folder is made again
    shutil.rmtree(folder, ignore_errors=True)
