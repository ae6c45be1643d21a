"""The versions of a dataset, each a tag in the data registry, and their files, read-only, in a folder of their own."""

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
    """The dataset version of these splits: the latest one if nothing changed since, else a new one.

    Splits that a rollback turned away make no version: what was rolled back to stays the latest until the data change.

    Raises:
        Unavailable: the remote does not take the data; nothing was versioned.
        WeaverError: the disk is full, or the splits are no longer what refine made.
    """
    name, source = plan.template, Path(splits.uri)
    if digest_files(source) != splits.digest:
        raise WeaverError(f"{source} was changed after it was made", "Delete this folder and refine again.")
    progress.report_progress(name, "commit_dataset", 0, 1)
    made = commit_files(name, source, splits.digest, splits.rows)
    progress.report_progress(name, "commit_dataset", 1, 1, made.tag)
    return made


def commit_files(name: str, source: Path, digest: str, rows: dict[str, int]) -> DatasetVersion:
    """The version of these files: the latest one if they are its, or were turned away; else a new one.

    Args:
        rows: of each file, by its name without .jsonl.
    """
    with dvc_repository.registry_writer() as registry:
        known = list_versions(name)
        if known and digest in (known[-1].digest, *superseded_digests(registry, known[-1])):
            log.info("nothing new: %s", known[-1].tag)
            return fetch_files(known[-1])
        number = known[-1].version + 1 if known else 1
        dvc_repository.copy_files(source, registry / name, dvc_repository.file_names(rows))
        dvc_repository.add_and_push(registry, name)
        dvc_repository.commit_version(registry, f"{name}@v{number}", digest, rows)
        return fetch_files(find_version(name, number))


def list_versions(name: str) -> list[DatasetVersion]:
    """All versions of a dataset, oldest first; asks git alone."""
    registry = settings().home / "registry"
    if not registry.exists():
        return []
    tags = dvc_repository.run_git(
        registry, "for-each-ref", "--format=%(refname:strip=2) %(contents:subject)", f"refs/tags/{name}@v*"
    )
    found = []
    for tag, _, told in (line.partition(" ") for line in tags.splitlines()):
        number = int(tag.removeprefix(f"{name}@v"))
        uri = str(settings().home / "datasets" / name / f"v{number}")
        known = json.loads(told)
        found.append(DatasetVersion(name=name, version=number, uri=uri, digest=known["digest"], rows=known["rows"]))
    return sorted(found, key=lambda version: version.version)


def checkout_latest(name: str) -> DatasetVersion:
    """The newest version, its files in place.

    Raises:
        WeaverError: there is none yet.
        Unavailable: the remote does not give the data.
    """
    known = list_versions(name)
    if not known:
        raise WeaverError(f"{name} has no dataset yet", f"Run `weaver run {name}` first.")
    return checkout_version(name, known[-1].version)


def checkout_version(name: str, version: int) -> DatasetVersion:
    """A version with its folder of read-only files in place, fetched from DVC's cache or remote if it is not.

    Raises:
        Unavailable: the remote does not give the data.
        WeaverError: there is no such version, or the folder does not hold the bytes that were tagged.
    """
    wanted = find_version(name, version)
    if Path(wanted.uri).exists():
        return fetch_files(wanted)
    with dvc_repository.registry_lock():  # a writer would sweep under DVC's feet
        return fetch_files(wanted)


def fetch_training_dataset(champion: DeployedVersion) -> DatasetVersion:
    """What the champion was trained on, in place; version 0 where there is no champion."""
    name, _, version = champion.dataset.partition("@v")
    return (
        checkout_version(name, int(version))
        if version
        else DatasetVersion(name=champion.name, version=0, uri="", digest="", rows={})
    )


def find_version(name: str, version: int) -> DatasetVersion:
    known = {found.version: found for found in list_versions(name)}
    if version not in known:
        there = ", ".join(found.tag for found in known.values())
        raise WeaverError(f"there is no {name}@v{version}", f"Choose one of: {there}." if there else "Make one first.")
    return known[version]


def fetch_files(wanted: DatasetVersion) -> DatasetVersion:
    """What `checkout` does, for who holds the registry's lock."""

    def fetch(folder: Path) -> None:
        registry = settings().home / "registry"
        dvc_repository.configure_remote(registry)
        with dvc_repository.translate_dvc_error(f"fetching {wanted.tag}"):
            from dvc.api import DVCFileSystem

            files = DVCFileSystem(str(registry), rev=wanted.tag)
            for file in dvc_repository.file_names(wanted.rows):
                files.get_file(f"{wanted.name}/{file}", str(folder / file))
                (folder / file).chmod(0o444)

    folder = memoize_dir(Path(wanted.uri), fetch)
    if digest_files(folder, dvc_repository.file_names(wanted.rows)) != wanted.digest:
        raise WeaverError(
            f"{folder} does not hold what was tagged {wanted.tag}", "Delete this folder; it is fetched again."
        )
    return wanted


def superseded_digests(registry: Path, latest: DatasetVersion) -> list[str]:
    """The digests that `latest` is there instead of; none unless it is a rollback."""
    told = dvc_repository.run_git(registry, "for-each-ref", "--format=%(contents:subject)", f"refs/tags/{latest.tag}")
    return json.loads(told).get("instead_of", [])
