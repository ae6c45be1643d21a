"""The data registry: a git and DVC repository under WEAVER_HOME in which each accepted dataset is a tag.

A version counts once it is tagged, and the tag comes last: copy, `dvc add`, `dvc push`, `git commit`, `git tag`. A
process that dies in between leaves nothing that counts, and the next writer sweeps it out before it starts. One writer
at a time: DVC does not queue (its lock files make the second of two writers fail).
"""

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines import progress
from pipelines.artifacts import Champion, DatasetVersion, Splits
from pipelines.datasets.split import digest_of
from pipelines.errors import Unavailable, WeaverError
from pipelines.files import canonical, once, only_one, whole, write_text
from pipelines.plan import TrainingPlan
from pipelines.settings import quiet_libraries, settings

log = logging.getLogger(__name__)

LOCK = ".registry-writer.lock"  # in WEAVER_HOME

# The registry is ours: what its user set for repositories of their own (signing, hooks, line endings) stays out.
GIT_CONFIG = {
    "user.name": "NeuroWeaver",
    "user.email": "neuroweaver@localhost",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "core.hooksPath": os.devnull,
    "core.autocrlf": "false",
    "gc.auto": "0",
}


def version(splits: Splits, plan: TrainingPlan) -> DatasetVersion:
    """The dataset version of these splits: the latest one if nothing changed since, else a new one.

    Splits that a rollback turned away make no version: what was rolled back to stays the latest until the data change.

    Raises:
        Unavailable: the remote does not take the data; nothing was versioned.
        WeaverError: the disk is full, or the splits are no longer what refine made.
    """
    name, source = plan.template, Path(splits.uri)
    if digest_of(source) != splits.digest:
        raise WeaverError(f"{source} was changed after it was made", "Delete this folder and refine again.")
    progress.report(name, "version", 0, 1)
    made = accept(name, source, splits.digest, splits.rows)
    progress.report(name, "version", 1, 1, made.tag)
    return reported(made, splits)


def accept(name: str, source: Path, digest: str, rows: dict[str, int]) -> DatasetVersion:
    """The version of these files: the latest one if they are its, or were turned away; else a new one.

    Args:
        rows: of each file, by its name without .jsonl.
    """
    with writing() as registry:
        known = versions(name)
        if known and digest in (known[-1].digest, *turned_away(registry, known[-1])):
            log.info("nothing new: %s", known[-1].tag)
            return in_place(known[-1])
        number = known[-1].version + 1 if known else 1
        copy(source, registry / name, files_of(rows))
        store(registry, name)
        commit(registry, f"{name}@v{number}", digest, rows)
        return in_place(find(name, number))


def files_of(rows: dict[str, int]) -> list[str]:
    """train.jsonl and heldout.jsonl of a dataset; what else is versioned has one file."""
    return sorted((f"{name}.jsonl" for name in rows), reverse=True)


def reported(version: DatasetVersion, splits: Splits) -> DatasetVersion:
    """With the place of its report; of splits that were turned away there is none to show."""
    return version.model_copy(update={"report": str(splits.report)} if version.digest == splits.digest else {})


def versions(name: str) -> list[DatasetVersion]:
    """All versions of a dataset, oldest first; asks git alone."""
    registry = settings().home / "registry"
    if not registry.exists():
        return []
    tags = git(registry, "for-each-ref", "--format=%(refname:strip=2) %(contents:subject)", f"refs/tags/{name}@v*")
    found = []
    for tag, _, told in (line.partition(" ") for line in tags.splitlines()):
        number = int(tag.removeprefix(f"{name}@v"))
        uri = str(settings().home / "datasets" / name / f"v{number}")
        known = json.loads(told)
        found.append(DatasetVersion(name=name, version=number, uri=uri, digest=known["digest"], rows=known["rows"]))
    return sorted(found, key=lambda version: version.version)


def latest(name: str) -> DatasetVersion:
    """The newest version, its files in place.

    Raises:
        WeaverError: there is none yet.
        Unavailable: the remote does not give the data.
    """
    known = versions(name)
    if not known:
        raise WeaverError(f"{name} has no dataset yet", f"Run `weaver run {name}` first.")
    return checkout(name, known[-1].version)


def checkout(name: str, version: int) -> DatasetVersion:
    """A version with its folder of read-only files in place, fetched from DVC's cache or remote if it is not.

    Raises:
        Unavailable: the remote does not give the data.
        WeaverError: there is no such version, or the folder does not hold the bytes that were tagged.
    """
    wanted = find(name, version)
    if Path(wanted.uri).exists():
        return in_place(wanted)
    with only_one(settings().home / LOCK, "writing to the data registry"):  # a writer would sweep under DVC's feet
        return in_place(wanted)


def learnt(champion: Champion) -> DatasetVersion:
    """What the champion was trained on, in place; version 0 where there is no champion."""
    name, _, version = champion.dataset.partition("@v")
    return (
        checkout(name, int(version))
        if version
        else DatasetVersion(name=champion.name, version=0, uri="", digest="", rows={})
    )


def find(name: str, version: int) -> DatasetVersion:
    known = {found.version: found for found in versions(name)}
    if version not in known:
        there = ", ".join(found.tag for found in known.values())
        raise WeaverError(f"there is no {name}@v{version}", f"Choose one of: {there}." if there else "Make one first.")
    return known[version]


def in_place(wanted: DatasetVersion) -> DatasetVersion:
    """What `checkout` does, for who holds the registry's lock."""

    def fetch(folder: Path) -> None:
        registry = settings().home / "registry"
        configure(registry)
        with told(f"fetching {wanted.tag}"):
            from dvc.api import DVCFileSystem

            files = DVCFileSystem(str(registry), rev=wanted.tag)
            for file in files_of(wanted.rows):
                files.get_file(f"{wanted.name}/{file}", str(folder / file))
                (folder / file).chmod(0o444)

    folder = once(Path(wanted.uri), fetch)
    if digest_of(folder, files_of(wanted.rows)) != wanted.digest:
        raise WeaverError(
            f"{folder} does not hold what was tagged {wanted.tag}", "Delete this folder; it is fetched again."
        )
    return wanted


@contextmanager
def writing() -> Iterator[Path]:
    """The registry, made if it is not there, for one writer at a time; swept before and after."""
    home = settings().home
    with only_one(home / LOCK, "writing to the data registry"):
        registry = once(home / "registry", create)
        sweep(registry)
        try:
            yield registry
        finally:
            sweep(registry)


def create(folder: Path) -> None:
    git(folder, "init", "--quiet", "--initial-branch=main")
    for key, value in GIT_CONFIG.items():
        git(folder, "config", key, value)
    caches = {"DVC_SITE_CACHE_DIR": str(folder / ".dvc" / "tmp"), "DVC_NO_ANALYTICS": "1"}
    dvc = [sys.executable, "-m", "dvc", "init", "--quiet"]
    subprocess.run(dvc, cwd=folder, env=clean_environment() | caches, check=True)
    git(folder, "commit", "--quiet", "--message", "Data registry")


def sweep(registry: Path) -> None:
    """Back to the last commit, without data (DVC's cache has it) and without what a killed writer left."""
    for lock in (registry / ".git").rglob("*.lock"):
        lock.unlink()
    git(registry, "reset", "--quiet", "--hard")
    git(registry, "clean", "-ffdxq", "--exclude=/.dvc/cache", "--exclude=/.dvc/config.local")


def copy(source: Path, target: Path, files: Iterable[str]) -> None:
    with whole(target) as temporary:
        temporary.mkdir()
        for file in files:
            shutil.copyfile(source / file, temporary / file)


def store(registry: Path, name: str) -> None:
    """`dvc add` and `dvc push`, in this process: a killed parent leaves no DVC running that would hold its locks."""
    configure(registry)
    with told(f"storing {name}"):
        from dvc.repo import Repo

        with Repo(str(registry)) as repo:
            repo.add(str(registry / name))
            repo.push([str(registry / name)])


def commit(
    registry: Path, tag: str, digest: str, rows: dict[str, int], about: str = "", instead_of: list[str] | None = None
) -> None:
    """
    Args:
        about: what there is to say beside the rows.
        instead_of: the digests of the versions that a rollback turns away.
    """
    counts = " and ".join(f"{rows[name]} {name}" for name in (Path(file).stem for file in files_of(rows)))
    message = f"{tag}: {counts} rows{f'; {about}' if about else ''}"
    told = {"digest": digest, "rows": rows} | ({"instead_of": instead_of} if instead_of else {})
    git(registry, "commit", "--quiet", "--allow-empty", "--message", message)
    git(registry, "tag", "--annotate", tag, "--message", canonical(told))


def turned_away(registry: Path, latest: DatasetVersion) -> list[str]:
    """The digests that `latest` is there instead of; none unless it is a rollback."""
    told = git(registry, "for-each-ref", "--format=%(contents:subject)", f"refs/tags/{latest.tag}")
    return json.loads(told).get("instead_of", [])


def configure(registry: Path) -> None:
    """Say to DVC where the remote is today, and to keep its own state inside the registry."""
    quiet_libraries()
    lines = [
        "[core]",
        "    remote = store",
        "    autostage = true",
        "    analytics = false",
        f'    site_cache_dir = "{registry / ".dvc" / "tmp"}"',
        "['remote \"store\"']",
        f'    url = "{remote()}"',
    ]
    if remote().startswith("s3://"):  # where it is and who we are: the AWS_ variables, which DVC reads itself
        lines.append("    connect_timeout = 10")
    write_text(registry / ".dvc" / "config.local", "\n".join(lines) + "\n")


def remote() -> str:
    place = settings().registry_remote or str(settings().home / "registry-remote")
    return place if "://" in place else str(Path(place).expanduser().resolve())


@contextmanager
def told(what: str) -> Iterator[None]:
    """DVC's errors in our words: for the user to mend, or, if the bytes did not get through, worth another try."""
    from dvc.exceptions import DvcException, FileTransferError

    try:
        yield
    except Exception as error:  # each kind of storage raises errors of its own
        if remote().startswith("s3://") and refused(error):
            raise WeaverError(
                f"{what}: {error} (remote: {remote()})",
                "Check the bucket, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may do.",
            ) from error
        if isinstance(error, DvcException | ImportError) and not isinstance(error, FileTransferError):
            raise WeaverError(f"{what}: {error}", "Check WEAVER_REGISTRY_REMOTE.") from error
        raise Unavailable(
            f"{what}: {error} (remote: {remote()})",
            "Check that the remote answers, lets you in and has room; run again.",
        ) from error


def refused(error: Exception) -> bool:
    """Whether an object store answered, and said no: another try would hear the same."""
    from botocore.exceptions import NoCredentialsError

    return isinstance(error, PermissionError | FileNotFoundError | NoCredentialsError)


def git(registry: Path, *arguments: str) -> str:
    """Run git on this repository and no other: not on one above it, nor one that the environment names."""
    done = subprocess.run(
        ["git", f"--git-dir={registry / '.git'}", f"--work-tree={registry}", *arguments],
        cwd=registry,
        env=clean_environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise WeaverError(
            f"git {arguments[0]} in {registry}: {done.stderr.strip() or done.stdout.strip()}",
            "If the disk has room, move this folder away: the next run starts a new data registry.",
        )
    return done.stdout


def clean_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
