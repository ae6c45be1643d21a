"""The data registry: a git and DVC repository under WEAVER_HOME in which each accepted dataset is a tag.

A version counts once it is tagged, and the tag comes last: copy, `dvc add`, `dvc push`, `git commit`, `git tag`. A
process that dies in between leaves nothing that counts, and the next writer sweeps it out before it starts. One writer
at a time: DVC does not queue (its lock files make the second of two writers fail).
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.files import atomic_write, canonical_json, file_lock, memoize_dir, write_text
from pipelines.core.settings import quiet_libraries, settings

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


def registry_lock() -> AbstractContextManager[None]:
    return file_lock(settings().home / LOCK, "writing to the data registry")


@contextmanager
def registry_writer() -> Iterator[Path]:
    """The registry, made if it is not there, for one writer at a time; swept before and after."""
    with registry_lock():
        registry = memoize_dir(settings().home / "registry", create_registry)
        reset_worktree(registry)
        try:
            yield registry
        finally:
            reset_worktree(registry)


def create_registry(folder: Path) -> None:
    run_git(folder, "init", "--quiet", "--initial-branch=main")
    for key, value in GIT_CONFIG.items():
        run_git(folder, "config", key, value)
    caches = {"DVC_SITE_CACHE_DIR": str(folder / ".dvc" / "tmp"), "DVC_NO_ANALYTICS": "1"}
    dvc = [sys.executable, "-m", "dvc", "init", "--quiet"]
    subprocess.run(dvc, cwd=folder, env=git_environment() | caches, check=True)
    run_git(folder, "commit", "--quiet", "--message", "Data registry")


def reset_worktree(registry: Path) -> None:
    """Back to the last commit, without data (DVC's cache has it) and without what a killed writer left."""
    for lock in (registry / ".git").rglob("*.lock"):
        lock.unlink()
    run_git(registry, "reset", "--quiet", "--hard")
    run_git(registry, "clean", "-ffdxq", "--exclude=/.dvc/cache", "--exclude=/.dvc/config.local")


def file_names(rows: dict[str, int]) -> list[str]:
    """train.jsonl and heldout.jsonl of a dataset; what else is versioned has one file."""
    return sorted((f"{name}.jsonl" for name in rows), reverse=True)


def copy_files(source: Path, target: Path, files: Iterable[str]) -> None:
    with atomic_write(target) as temporary:
        temporary.mkdir()
        for file in files:
            shutil.copyfile(source / file, temporary / file)


def add_and_push(registry: Path, name: str) -> None:
    """`dvc add` and `dvc push`, in this process: a killed parent leaves no DVC running that would hold its locks."""
    configure_remote(registry)
    with translate_dvc_error(f"storing {name}"):
        from dvc.repo import Repo

        with Repo(str(registry)) as repo:
            repo.add(str(registry / name))
            repo.push([str(registry / name)])


def commit_version(
    registry: Path, tag: str, digest: str, rows: dict[str, int], about: str = "", instead_of: list[str] | None = None
) -> None:
    """
    Args:
        about: what there is to say beside the rows.
        instead_of: the digests of the versions that a rollback turns away.
    """
    counts = " and ".join(f"{rows[name]} {name}" for name in (Path(file).stem for file in file_names(rows)))
    message = f"{tag}: {counts} rows{f'; {about}' if about else ''}"
    told = {"digest": digest, "rows": rows} | ({"instead_of": instead_of} if instead_of else {})
    run_git(registry, "commit", "--quiet", "--allow-empty", "--message", message)
    run_git(registry, "tag", "--annotate", tag, "--message", canonical_json(told))


def configure_remote(registry: Path) -> None:
    """Say to DVC where the remote is today, and to keep its own state inside the registry."""
    quiet_libraries()
    lines = [
        "[core]",
        "    remote = store",
        "    autostage = true",
        "    analytics = false",
        f'    site_cache_dir = "{registry / ".dvc" / "tmp"}"',
        "['remote \"store\"']",
        f'    url = "{remote_url()}"',
    ]
    if remote_url().startswith("s3://"):  # where it is and who we are: the AWS_ variables, which DVC reads itself
        lines.append("    connect_timeout = 10")
    write_text(registry / ".dvc" / "config.local", "\n".join(lines) + "\n")


def remote_url() -> str:
    place = settings().registry_remote or str(settings().home / "registry-remote")
    return place if "://" in place else str(Path(place).expanduser().resolve())


@contextmanager
def translate_dvc_error(what: str) -> Iterator[None]:
    """DVC's errors in our words: for the user to mend, or, if the bytes did not get through, worth another try."""
    from dvc.exceptions import DvcException, FileTransferError

    try:
        yield
    except Exception as error:  # each kind of storage raises errors of its own
        if remote_url().startswith("s3://") and is_access_error(error):
            raise WeaverError(
                f"{what}: {error} (remote: {remote_url()})",
                "Check the bucket, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may do.",
            ) from error
        if isinstance(error, DvcException | ImportError) and not isinstance(error, FileTransferError):
            raise WeaverError(f"{what}: {error}", "Check WEAVER_REGISTRY_REMOTE.") from error
        raise Unavailable(
            f"{what}: {error} (remote: {remote_url()})",
            "Check that the remote answers, lets you in and has room; run again.",
        ) from error


def is_access_error(error: Exception) -> bool:
    """Whether an object store answered, and said no: another try would hear the same."""
    from botocore.exceptions import NoCredentialsError

    return isinstance(error, PermissionError | FileNotFoundError | NoCredentialsError)


def run_git(registry: Path, *arguments: str) -> str:
    """Run git on this repository and no other: not on one above it, nor one that the environment names."""
    done = subprocess.run(
        ["git", f"--git-dir={registry / '.git'}", f"--work-tree={registry}", *arguments],
        cwd=registry,
        env=git_environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise WeaverError(
            f"git {arguments[0]} in {registry}: {done.stderr.strip() or done.stdout.strip()}",
            "If the disk has room, move this folder away: the next run starts a new data registry.",
        )
    return done.stdout


def git_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
