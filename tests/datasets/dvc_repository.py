"""The registry of datasets as tests look at it: its git, processes that write to it or die, and whether it is whole."""

import shutil
import subprocess
import sys
from pathlib import Path

from pipelines.core.artifacts import Splits
from pipelines.core.make_plan import make_plan
from pipelines.core.settings import settings
from pipelines.datasets.versions import checkout_version, list_versions

PLAN = make_plan("service_advisor")

DIE_AT_TAG = "dvc_repository.run_git = lambda folder, *what: die() if what[0] == 'tag' else git(folder, *what)"

# Where a process is killed, and how many versions there are before.
KILLS = {
    "the registry is made": ("dvc_repository.create_registry = die", 0),
    "the rows are copied": ("dvc_repository.copy_files = die", 1),
    "DVC adds them": ("Repo.add = die", 1),
    "DVC pushes the first": ("Repo.push = die", 0),
    "DVC pushes the second": ("Repo.push = die", 1),
    "git commits": ("dvc_repository.commit_version = die", 1),
    "git tags the first": (DIE_AT_TAG, 0),
    "git tags the second": (DIE_AT_TAG, 1),
    "the version is checked out": ("versions.fetch_files = die", 1),
}


def git(*arguments: str, repository: Path | None = None) -> str:
    place = repository or settings().home / "registry"
    return subprocess.run(["git", "-C", place, *arguments], capture_output=True, text=True, check=True).stdout


def script(splits: Splits, before: str = "") -> list[str]:
    """The command of a process that versions these splits, after some preparation."""
    code = f"""
import os, resource, signal
from pathlib import Path
from pipelines.core.artifacts import Splits
from pipelines.datasets import dvc_repository, versions
from pipelines.core.make_plan import make_plan
{before}
splits = Splits.model_validate_json({splits.model_dump_json()!r})
print(versions.commit_dataset(splits, make_plan("service_advisor")).tag)
"""
    return [sys.executable, "-c", code]


def assert_clean() -> None:
    """Nothing staged, changed or left over; git and every version that counts are whole."""
    registry = settings().home / "registry"
    assert git("status", "--porcelain") == ""
    assert {path.name for path in registry.iterdir() if path.suffix != ".dvc"} <= {
        ".git", ".dvc", ".dvcignore", ".gitignore",
    }  # fmt: skip
    git("fsck", "--strict")
    for known in list_versions("service_advisor"):
        shutil.rmtree(known.uri, ignore_errors=True)
        assert checkout_version(known.name, known.version) == known
