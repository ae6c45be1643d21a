"""Dataset versions: each is a tag in the data registry, with its own folder of read-only files."""

import json
import logging
from pathlib import Path

from pipelines.core import progress
from pipelines.core.artifacts import DatasetVersion, DeployedVersion, Splits
from pipelines.core.errors import WeaverError
from pipelines.core.files import memoize_dir
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings
from pipelines.datasets import dvc_repository
from pipelines.datasets.split import digest_files

log = logging.getLogger(__name__)


def commit_dataset(splits: Splits, plan: TrainingPlan) -> DatasetVersion:
    """The dataset version of these splits: the latest one if nothing changed since, otherwise a new one.

    Splits that a rollback has undone are not committed again: the version that was rolled back to stays the latest
    until the data change.

    Raises:
        Unavailable: the remote cannot be written; no version was created.
        WeaverError: the disk is full, or the splits were changed after refine wrote them.
    """
    name, source = plan.template, Path(splits.uri)
    if digest_files(source) != splits.digest:
        raise WeaverError(f"{source} was changed after refine wrote it", "Delete this folder and refine again.")
    progress.report_progress(name, "commit_dataset", 0, 1)
    version = commit_files(name, source, splits.digest, splits.rows)
    progress.report_progress(name, "commit_dataset", 1, 1, version.tag)
    return version


def commit_files(name: str, source: Path, digest: str, rows: dict[str, int]) -> DatasetVersion:
    """The version of these files: a new one, unless they are the latest version's or a rollback has undone them.

    Args:
        rows: file name without .jsonl → row count.
    """
    with dvc_repository.registry_writer() as registry:
        versions = list_versions(name)
        if versions and digest in (versions[-1].digest, *superseded_digests(registry, versions[-1])):
            log.info("%s is up to date", versions[-1].tag)
            return fetch_files(versions[-1])
        number = versions[-1].version + 1 if versions else 1
        dvc_repository.copy_files(source, registry / name, dvc_repository.file_names(rows))
        dvc_repository.add_and_push(registry, name)
        dvc_repository.commit_version(registry, f"{name}@v{number}", digest, rows)
        return fetch_files(find_version(name, number))


def list_versions(name: str) -> list[DatasetVersion]:
    """All versions of a dataset, oldest first, as git has them; no file is fetched."""
    registry = settings().home / "registry"
    if not registry.exists():
        return []
    tags = dvc_repository.run_git(
        registry, "for-each-ref", "--format=%(refname:strip=2) %(contents:subject)", f"refs/tags/{name}@v*"
    )
    versions = []
    for tag, _, annotation in (line.partition(" ") for line in tags.splitlines()):
        number = int(tag.removeprefix(f"{name}@v"))
        uri = str(settings().home / "datasets" / name / f"v{number}")
        content = json.loads(annotation)
        versions.append(
            DatasetVersion(name=name, version=number, uri=uri, digest=content["digest"], rows=content["rows"])
        )
    return sorted(versions, key=lambda version: version.version)


def checkout_latest(name: str) -> DatasetVersion:
    """The latest version, with its files fetched.

    Raises:
        WeaverError: there is no version yet.
        Unavailable: the remote cannot be read.
    """
    versions = list_versions(name)
    if not versions:
        raise WeaverError(f"{name} has no dataset version yet", f"Run `weaver run {name}` first.")
    return checkout_version(name, versions[-1].version)


def checkout_version(name: str, version: int) -> DatasetVersion:
    """A version with its folder of read-only files, which is fetched from DVC's cache or remote if it is missing.

    Raises:
        Unavailable: the remote cannot be read.
        WeaverError: there is no such version, or its files are not those that were tagged.
    """
    tagged = find_version(name, version)
    if Path(tagged.uri).exists():
        return fetch_files(tagged)
    with dvc_repository.registry_lock():  # a writer would reset the work tree while DVC reads it
        return fetch_files(tagged)


def fetch_training_dataset(deployed: DeployedVersion) -> DatasetVersion:
    """The dataset that the deployed version was trained on, with its files fetched; version 0 if none is deployed."""
    name, _, version = deployed.dataset.partition("@v")
    return checkout_version(name, int(version)) if version else no_version(deployed.name)


def fetch_latest_dataset(plan: TrainingPlan) -> DatasetVersion:
    """The stage `fetch_latest_dataset`: the newest version, with its files fetched; version 0 if there is none yet.

    Raises:
        Unavailable: the remote cannot be read.
    """
    name = plan.template
    return checkout_latest(name) if list_versions(name) else no_version(name)


def no_version(name: str) -> DatasetVersion:
    """What stands for a version where there is none."""
    return DatasetVersion(name=name, version=0, uri="", digest="", rows={})


def find_version(name: str, version: int) -> DatasetVersion:
    """A version as it was tagged.

    Raises:
        WeaverError: there is no such version; lists those there are.
    """
    versions = {tagged.version: tagged for tagged in list_versions(name)}
    if version not in versions:
        tags = ", ".join(tagged.tag for tagged in versions.values())
        raise WeaverError(
            f"there is no dataset version {name}@v{version}",
            f"Choose one of: {tags}." if tags else f"Run `weaver run {name}` first.",
        )
    return versions[version]


def fetch_files(version: DatasetVersion) -> DatasetVersion:
    """Fetch a version's files, as `checkout_version` does; the caller holds the registry's lock."""

    def fetch(folder: Path) -> None:
        registry = settings().home / "registry"
        dvc_repository.configure_remote(registry)
        with dvc_repository.translate_dvc_error(f"fetching {version.tag}"):
            from dvc.api import DVCFileSystem

            files = DVCFileSystem(str(registry), rev=version.tag)
            for file in dvc_repository.file_names(version.rows):
                files.get_file(f"{version.name}/{file}", str(folder / file))
                (folder / file).chmod(0o444)

    folder = memoize_dir(Path(version.uri), fetch)
    if digest_files(folder, dvc_repository.file_names(version.rows)) != version.digest:
        raise WeaverError(
            f"the files in {folder} are not those that were tagged {version.tag}",
            "Delete this folder: the next run fetches them again.",
        )
    return version


def superseded_digests(registry: Path, latest: DatasetVersion) -> list[str]:
    """The digests of the versions that a rollback to `latest` has undone; none if it is no rollback."""
    annotation = dvc_repository.run_git(
        registry, "for-each-ref", "--format=%(contents:subject)", f"refs/tags/{latest.tag}"
    )
    superseded: list[str] = json.loads(annotation).get("supersedes", [])
    return superseded
