"""The real git and DVC: whatever is killed, full, away or in a hurry, the registry holds whole versions only."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.core.artifacts import DatasetVersion, DeployedVersion
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.settings import settings
from pipelines.datasets.split import digest_files
from pipelines.datasets.versions import checkout_version, commit_dataset, fetch_training_dataset, list_versions

from .dvc_repository import KILLS, PLAN, assert_clean, git, script


def test_a_new_dataset_is_a_new_version(splits: Callable, home: Path) -> None:
    one, two = splits(10), splits(20)
    first = commit_dataset(one, PLAN)
    assert (first.tag, first.digest, first.rows) == ("service_advisor@v1", one.digest, {"train": 10, "heldout": 1})
    assert commit_dataset(one, PLAN) == first
    second = commit_dataset(two, PLAN)
    assert second.tag == "service_advisor@v2"
    assert commit_dataset(one, PLAN).version == 3, "what was before is new again if something else came between"
    assert [known.version for known in list_versions("service_advisor")] == [1, 2, 3]
    assert list_versions("sales_assistant") == []
    assert {path.name for path in Path(first.uri).iterdir()} == {"train.jsonl", "heldout.jsonl"}
    assert digest_files(Path(second.uri)) == two.digest
    assert all(not path.stat().st_mode & 0o222 for path in Path(first.uri).iterdir()), "read-only"
    assert_clean()


def test_what_the_champion_learnt_is_found_by_its_tag(splits: Callable, home: Path) -> None:
    first = commit_dataset(splits(10), PLAN)
    commit_dataset(splits(20), PLAN)
    champion = DeployedVersion(name="service_advisor", version=7, dataset=first.tag)
    assert fetch_training_dataset(champion) == first
    assert fetch_training_dataset(DeployedVersion(name="service_advisor")).version == 0, "nobody answers yet"
    with pytest.raises(WeaverError, match="there is no dataset version service_advisor@v9"):
        fetch_training_dataset(champion.model_copy(update={"dataset": "service_advisor@v9"}))


def test_versions_are_counted_as_numbers(splits: Callable) -> None:
    """After 9 and 10 comes 11, though 9 sorts last as a text."""
    first = commit_dataset(splits(10), PLAN)
    message = git("tag", "--list", "--format=%(contents)", first.tag)
    for number in (10, 9):
        git("-c", "user.name=me", "-c", "user.email=me", "tag", "-am", message, f"service_advisor@v{number}")
    assert commit_dataset(splits(20), PLAN).version == 11
    assert [known.version for known in list_versions("service_advisor")] == [1, 9, 10, 11]


def test_what_is_unchanged_is_found_without_dvc(splits: Callable) -> None:
    given = splits(10)
    tag = commit_dataset(given, PLAN).tag
    found = subprocess.run([*script(given)[:-1], script(given)[-1] + "import sys; assert 'dvc' not in sys.modules"],
                           capture_output=True, text=True)  # fmt: skip
    assert (found.returncode, found.stdout) == (0, f"{tag}\n"), found.stderr


def test_a_version_comes_back_from_the_remote(splits: Callable, home: Path) -> None:
    first = commit_dataset(splits(10), PLAN)
    commit_dataset(splits(20), PLAN)
    shutil.rmtree(home / "datasets")
    shutil.rmtree(home / "registry" / ".dvc" / "cache")
    assert checkout_version("service_advisor", 1).digest == first.digest
    assert digest_files(Path(first.uri)) == first.digest


def test_what_cannot_be_had_is_told(splits: Callable, home: Path) -> None:
    with pytest.raises(WeaverError, match="there is no dataset version service_advisor@v1"):
        checkout_version("service_advisor", 1)
    first = commit_dataset(splits(10), PLAN)
    with pytest.raises(WeaverError, match=r"(?s)there is no dataset version service_advisor@v7.*service_advisor@v1"):
        checkout_version("service_advisor", 7)
    shutil.rmtree(first.uri)
    shutil.rmtree(home / "registry" / ".dvc" / "cache")
    shutil.move(home / "registry-remote", home / "elsewhere")
    with pytest.raises(Unavailable, match=r"fetching service_advisor@v1.*registry-remote"):
        checkout_version("service_advisor", 1)
    assert not Path(first.uri).exists()
    shutil.move(home / "elsewhere", home / "registry-remote")
    assert checkout_version("service_advisor", 1).digest == first.digest


def test_bytes_that_changed_are_told(splits: Callable) -> None:
    given = splits(10)
    first = commit_dataset(given, PLAN)
    train = Path(first.uri) / "train.jsonl"
    train.chmod(0o644)
    train.write_text("{}\n")
    with pytest.raises(WeaverError, match="are not those that were tagged service_advisor@v1"):
        commit_dataset(given, PLAN)
    (Path(given.uri) / "train.jsonl").write_text("{}\n")
    with pytest.raises(WeaverError, match="was changed after refine wrote it"):
        commit_dataset(given, PLAN)


def test_a_remote_that_refuses_is_worth_another_try(
    splits: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in the way").touch()
    monkeypatch.setenv("WEAVER_REGISTRY_REMOTE", str(tmp_path / "in the way" / "remote"))
    settings.cache_clear()
    with pytest.raises(Unavailable, match="in the way"):
        commit_dataset(splits(10), PLAN)
    assert list_versions("service_advisor") == []
    assert_clean()
    monkeypatch.setenv("WEAVER_REGISTRY_REMOTE", str(tmp_path / "elsewhere"))
    settings.cache_clear()
    assert commit_dataset(splits(10), PLAN).version == 1
    assert any((tmp_path / "elsewhere").rglob("*.dir"))


def test_a_remote_that_cannot_be_reached_from_here_is_not(
    splits: Callable, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a person must install or correct fails at once; another try would find the same."""
    monkeypatch.setenv("WEAVER_REGISTRY_REMOTE", "oss://bucket/datasets")
    settings.cache_clear()
    with pytest.raises(WeaverError, match="requires 'dvc-oss' to be installed") as caught:
        commit_dataset(splits(10), PLAN)
    assert not isinstance(caught.value, Unavailable)
    assert_clean()


@pytest.mark.parametrize(("step", "known"), KILLS.values(), ids=KILLS.keys())
def test_a_kill_before(step: str, known: int, splits: Callable, home: Path) -> None:
    """SIGKILL at any step; the next run makes the version as if nothing had been."""
    if known:
        commit_dataset(splits(5), PLAN)
    before = f"""
from dvc.repo import Repo
git = dvc_repository.run_git
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
{step}
"""
    killed = subprocess.run(script(splits(10), before), capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(list_versions("service_advisor")) == known + ("fetch_files" in step)
    assert commit_dataset(splits(10), PLAN).version == known + 1
    assert len(list_versions("service_advisor")) == known + 1
    assert_clean()


def test_kills_at_any_moment_and_the_locks_they_leave(splits: Callable, home: Path) -> None:
    commit_dataset(splits(5), PLAN)
    given = splits(2000)
    for seconds in (0.4, 0.8, 1.2, 1.6):
        process = subprocess.Popen(script(given), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        process.kill()
        process.wait()
    (home / "registry" / ".git" / "index.lock").touch()  # what git leaves when it is killed itself
    (home / "registry" / ".git" / "refs" / "tags" / "service_advisor@v2.lock").touch()
    tmp = home / "registry" / ".dvc" / "tmp"
    tmp.mkdir(exist_ok=True)
    (tmp / "rwlock").write_text('{"write": {"')
    assert commit_dataset(given, PLAN).version == 2
    assert commit_dataset(splits(7), PLAN).version == 3
    assert_clean()


@pytest.mark.parametrize(
    ("rows", "tags"),
    [((10, 20), {"service_advisor@v1", "service_advisor@v2"}), ((10, 10), {"service_advisor@v1"})],
    ids=["two datasets", "one dataset"],
)
def test_two_writers_take_turns(splits: Callable, rows: tuple[int, int], tags: set[str]) -> None:
    """Started together on a registry that is not there yet."""
    given = [splits(count) for count in rows]
    writers = [
        subprocess.Popen(script(each), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for each in given
    ]
    told = [writer.communicate() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], told
    assert {out.strip() for out, _ in told} == {known.tag for known in list_versions("service_advisor")} == tags
    assert {known.digest for known in list_versions("service_advisor")} == {each.digest for each in given}
    assert_clean()


def test_a_full_disk_is_told_and_leaves_nothing(splits: Callable, home: Path) -> None:
    """The kernel refuses the write in the middle of the file, as it does on a full disk."""
    commit_dataset(splits(5), PLAN)
    given = splits(5000)
    limited = "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))"
    failed = subprocess.run(script(given, limited), capture_output=True, text=True)
    assert "WeaverError: no room left to write" in failed.stderr and "Free space" in failed.stderr
    assert len(list_versions("service_advisor")) == 1
    assert_clean()
    assert commit_dataset(given, PLAN).version == 2


def test_no_other_repository_is_touched(home: Path, splits: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    """WEAVER_HOME lies in a repository with unsaved work, and the environment names it, as in a git hook."""
    mine = home.parent
    subprocess.run(["git", "init", "-q", mine], check=True)
    (mine / "tracked").write_text("saved")
    git("add", "tracked", repository=mine)
    git("-c", "user.name=me", "-c", "user.email=me@localhost", "commit", "-qm", "mine", repository=mine)
    (mine / "tracked").write_text("unsaved")
    (mine / "untracked").touch()
    monkeypatch.setenv("GIT_DIR", str(mine / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(mine))
    monkeypatch.setenv("GIT_INDEX_FILE", str(mine / ".git" / "index"))
    commit_dataset(splits(10), PLAN)
    commit_dataset(splits(20), PLAN)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name)
    assert (mine / "tracked").read_text() == "unsaved" and (mine / "untracked").exists()
    assert git("log", "--format=%s", repository=mine) == "mine\n"
    assert git("tag", repository=mine) == ""
    assert_clean()


def test_the_tag_says_what_it_is(splits: Callable) -> None:
    """A person with git alone sees which bytes a version is, and how many rows."""
    known: DatasetVersion = commit_dataset(splits(10), PLAN)
    annotation = json.loads(git("tag", "--list", "--format=%(contents)", known.tag))
    assert annotation == {"digest": known.digest, "rows": known.rows}
    assert "10 train and 1 heldout rows" in git("log", "--format=%s", known.tag)


@pytest.mark.slow
def test_who_reads_waits_for_who_writes(splits: Callable, home: Path) -> None:
    """Versions are fetched while others are made: DVC's own state is one for both."""
    commit_dataset(splits(5), PLAN)
    fetching = """
import shutil
from pipelines.datasets.versions import checkout_version
for _ in range(6):
    shutil.rmtree(checkout_version("service_advisor", 1).uri)
"""
    reader = subprocess.Popen([sys.executable, "-c", fetching], stderr=subprocess.PIPE, text=True)
    for rows in range(6, 12):
        commit_dataset(splits(rows), PLAN)
    _, errors = reader.communicate()
    assert reader.returncode == 0, errors
    assert_clean()
