"""The data registry: a git and DVC repository under WEAVER_HOME in which each dataset version is a tag.

A version exists once it is tagged, and the tag is written last: copy, `dvc add`, `dvc push`, `git commit`, `git tag`.
What a process leaves that dies in between is not a version, and the next writer removes it before it starts. There is
one writer at a time, because DVC does not queue: its lock files make the second of two writers fail.
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

# A user's own git settings (signing, hooks, line endings) do not apply to the registry.
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
    """A lock that one process at a time holds: a writer, or a reader that fetches files."""
    return file_lock(settings().home / LOCK, "writing to the data registry")


@contextmanager
def registry_writer() -> Iterator[Path]:
    """The registry, created if it does not exist, for one writer at a time; its work tree is reset before and after."""
    with registry_lock():
        registry = memoize_dir(settings().home / "registry", create_registry)
        reset_worktree(registry)
        try:
            yield registry
        finally:
            reset_worktree(registry)


def create_registry(folder: Path) -> None:
    """Initialise git and DVC in an empty folder."""
    run_git(folder, "init", "--quiet", "--initial-branch=main")
    for key, value in GIT_CONFIG.items():
        run_git(folder, "config", key, value)
    caches = {"DVC_SITE_CACHE_DIR": str(folder / ".dvc" / "tmp"), "DVC_NO_ANALYTICS": "1"}
    dvc = [sys.executable, "-m", "dvc", "init", "--quiet"]
    subprocess.run(dvc, cwd=folder, env=git_environment() | caches, check=True)
    run_git(folder, "commit", "--quiet", "--message", "Data registry")


def reset_worktree(registry: Path) -> None:
    """Reset to the last commit: without the data, which DVC's cache holds, and without what a killed writer left."""
    for lock in (registry / ".git").rglob("*.lock"):
        lock.unlink()
    run_git(registry, "reset", "--quiet", "--hard")
    run_git(registry, "clean", "-ffdxq", "--exclude=/.dvc/cache", "--exclude=/.dvc/config.local")


def file_names(rows: dict[str, int]) -> list[str]:
    """The files of a version, by its row counts: train.jsonl and heldout.jsonl; preferences have one file."""
    return sorted((f"{name}.jsonl" for name in rows), reverse=True)


def copy_files(source: Path, target: Path, files: Iterable[str]) -> None:
    """Copy some files of a folder into a new folder, all of them or none."""
    with atomic_write(target) as temporary:
        temporary.mkdir()
        for file in files:
            shutil.copyfile(source / file, temporary / file)


def add_and_push(registry: Path, name: str) -> None:
    """`dvc add` and `dvc push` in this process, so that no DVC process outlives it and keeps holding DVC's locks.

    Raises:
        Unavailable: the remote cannot be reached.
        WeaverError: the remote denies access, or DVC is set up wrongly.
    """
    configure_remote(registry)
    with translate_dvc_error(f"storing {name}"):
        from dvc.repo import Repo

        with Repo(str(registry)) as repo:
            repo.add(str(registry / name))
            repo.push([str(registry / name)])


def commit_version(
    registry: Path, tag: str, digest: str, rows: dict[str, int], note: str = "", supersedes: list[str] | None = None
) -> None:
    """Commit the work tree and tag it.

    Args:
        rows: split → row count.
        note: added to the commit message after the counts.
        supersedes: the digests of the versions that a rollback undoes.
    """
    counts = " and ".join(f"{rows[name]} {name}" for name in (Path(file).stem for file in file_names(rows)))
    message = f"{tag}: {counts} rows{f'; {note}' if note else ''}"
    annotation = {"digest": digest, "rows": rows} | ({"supersedes": supersedes} if supersedes else {})
    run_git(registry, "commit", "--quiet", "--allow-empty", "--message", message)
    run_git(registry, "tag", "--annotate", tag, "--message", canonical_json(annotation))


def configure_remote(registry: Path) -> None:
    """Write DVC's local configuration: the current remote, and its own state inside the registry."""
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
    if remote_url().startswith("s3://"):  # DVC reads the endpoint and the keys from the AWS_ variables itself
        lines.append("    connect_timeout = 10")
    write_text(registry / ".dvc" / "config.local", "\n".join(lines) + "\n")


def remote_url() -> str:
    """Where DVC pushes datasets to: a URL, or the absolute path of a folder."""
    url = settings().registry_remote or str(settings().home / "registry-remote")
    return url if "://" in url else str(Path(url).expanduser().resolve())


@contextmanager
def translate_dvc_error(action: str) -> Iterator[None]:
    """Raise DVC's errors as WeaverError, or as Unavailable if a retry may succeed.

    Args:
        action: what is being done, to begin the message with.
    """
    from dvc.exceptions import DvcException, FileTransferError

    try:
        yield
    except Exception as error:  # each kind of storage raises its own errors
        if remote_url().startswith("s3://") and is_access_error(error):
            raise WeaverError(
                f"{action}: {error} (remote: {remote_url()})",
                "Check the bucket, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the permissions of that key.",
            ) from error
        if isinstance(error, DvcException | ImportError) and not isinstance(error, FileTransferError):
            raise WeaverError(f"{action}: {error}", "Check WEAVER_REGISTRY_REMOTE.") from error
        raise Unavailable(
            f"{action}: {error} (remote: {remote_url()})",
            "Check that the remote is running, that you have access and that it has free space; then run again.",
        ) from error


def is_access_error(error: Exception) -> bool:
    """Whether the object store denied access: a retry would fail in the same way."""
    from botocore.exceptions import NoCredentialsError

    return isinstance(error, PermissionError | FileNotFoundError | NoCredentialsError)


def run_git(registry: Path, *arguments: str) -> str:
    """Run git on this repository only, never on one above it or one that the environment names. Returns its output.

    Raises:
        WeaverError: git failed; quotes what it printed.
    """
    done = subprocess.run(
        ["git", f"--git-dir={registry / '.git'}", f"--work-tree={registry}", *arguments],
        cwd=registry,
        env=git_environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise WeaverError(
            f"git {arguments[0]} failed in {registry}: {done.stderr.strip() or done.stdout.strip()}",
            "If the disk is not full, move this folder away: the next run creates a new data registry.",
        )
    return done.stdout


def git_environment() -> dict[str, str]:
    """The environment without git's own variables, which could name another repository."""
    return {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
