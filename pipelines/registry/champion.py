"""The stage fetch_champion: the registered champion's adapter, fetched once, and only as it was signed."""

import json
import shutil
from pathlib import Path
from typing import Any

from pipelines.clients.mlflow import connect_mlflow, is_connection_lost
from pipelines.core import signing
from pipelines.core.artifacts import Adapter, ChampionModel
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, memoize_dir
from pipelines.core.plan import TrainingPlan, model_settings
from pipelines.registry.promote import verify_champion, version_exists


def fetch_champion(plan: TrainingPlan, work: Path) -> ChampionModel:
    """Fetch the champion that the challenger must beat; version 0 where there is none.

    Raises:
        WeaverError: the ledger and the alias disagree on who it is; its adapter is not in the registry, not signed,
            or not what was registered.
        Unavailable: MLflow does not answer.
    """
    client, name = connect_mlflow().MlflowClient(), plan.template
    champion = verify_champion(client, name)
    if not champion:
        return ChampionModel(name=name)
    champion_model = fetch_registered_version(name, champion, work)
    for older in (work / "fetch_champion").glob("v*"):
        if older.name != f"v{champion}":
            shutil.rmtree(older)
    return champion_model


def fetch_registered_version(name: str, number: int, work: Path) -> ChampionModel:
    """A registered version's adapter, whether it is champion or not, fetched once and verified.

    Raises:
        WeaverError: there is no such version, or its adapter is not signed, or not what was registered.
        Unavailable: MLflow does not answer.
    """
    mlflow = connect_mlflow()
    client = mlflow.MlflowClient()
    if not version_exists(client, name, number):
        raise WeaverError(f"there is no version {number} of {name}", f"`weaver registry show {name}` names them.")
    version = client.get_model_version(name, str(number))
    folder = memoize_dir(work / "fetch_champion" / f"v{number}", lambda new: download_version(mlflow, version, new))
    plan = verify_version(folder, version)
    base = mlflow.models.Model.load(str(folder)).flavors["peft"]
    adapter = Adapter(
        uri=str(folder / "adapter"),
        digest=version.tags["adapter_digest"],
        base_model=base["base_model"],
        base_digest=base["base_digest"],
        run_id=version.run_id,
    )
    return ChampionModel(name=name, version=number, adapter=adapter, base=plan["base"], deployment=plan["deployment"])


def download_version(mlflow: Any, version: Any, folder: Path) -> None:
    """Download the files of a registered version into a folder.

    Raises:
        WeaverError: MLflow does not have the files any more.
    """
    source = f"models:/{version.name}/{version.version}"
    try:
        mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=str(folder))
    except mlflow.exceptions.MlflowException as error:
        if is_connection_lost(error):
            raise
        raise WeaverError(f"{source} cannot be fetched: {error}", restore_remedy(version)) from error


def verify_version(folder: Path, version: Any) -> dict[str, Any]:
    """The plan that a version was trained by, once its files are known to be those that were registered.

    A signature says that an adapter is ours; the version's tags say that it, and the plan, are those of this version.
    """
    missing = [file for file in ("MLmodel", "adapter", "adapter.sig", "plan.json") if not (folder / file).exists()]
    if missing:
        shutil.rmtree(folder)  # not whole, so it may not be found again
        raise WeaverError(
            f"version {version.version} of {version.name} has no {', '.join(missing)}", restore_remedy(version)
        )
    signing.verify(folder / "adapter")
    plan: dict[str, Any] = json.loads((folder / "plan.json").read_text())
    for what, actual in {"adapter": digest(folder / "adapter"), "plan": digest(model_settings(plan))}.items():
        if actual != version.tags.get(f"{what}_digest"):
            raise WeaverError(
                f"{folder}: its {what} is not the one that was registered as version {version.version}",
                "Remove that folder and run again. If it stays so, the registry was tampered with: "
                f"{restore_remedy(version)}",
            )
    return plan


def restore_remedy(version: Any) -> str:
    """Return what to do about a version whose files are lost."""
    return (
        "Restore MLflow's artifacts from a backup, or make an earlier version champion: "
        f"`weaver rollback {version.name} --to … --why …`."
    )
