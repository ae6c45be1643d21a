"""The history of a dataset: told, compared, copied out, and gone back in without losing what came between."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from pipelines.core.artifacts import Splits
from pipelines.core.errors import WeaverError
from pipelines.core.files import write_jsonl
from pipelines.datasets.history import diff_versions, export_version, list_history, rollback_dataset
from pipelines.datasets.split import digest_files
from pipelines.datasets.versions import commit_dataset, list_versions

from .dvc_repository import KILLS, PLAN, assert_clean, git, script


def rows(prefix: str, count: int, topic: str = "engine") -> list[dict]:
    return [
        {"instruction": f"{prefix} {number}", "input": "", "output": f"{number}", "topic": topic}
        for number in range(count)
    ]


@pytest.fixture
def holding(home: Path, tmp_path: Path) -> Callable[..., Splits]:
    """Splits of these rows."""

    def make(train: list[dict], heldout: list[dict]) -> Splits:
        folder = tmp_path / f"splits {len(list(tmp_path.iterdir()))}"
        write_jsonl(folder / "train.jsonl", train)
        write_jsonl(folder / "heldout.jsonl", heldout)
        counts = {"train": len(train), "heldout": len(heldout)}
        return Splits(uri=str(folder), digest=digest_files(folder), rows=counts, dropped={})

    return make


def test_the_history_is_told(splits: Callable, home: Path) -> None:
    assert list_history("service_advisor") == []
    first = commit_dataset(splits(10), PLAN)
    commit_dataset(splits(20), PLAN)
    one, two = list_history("service_advisor")
    assert (one["tag"], one["version"], one["digest"], one["rows"]) == (first.tag, 1, first.digest, first.rows)
    assert two["message"] == "service_advisor@v2: 20 train and 1 heldout rows"
    assert abs(datetime.fromisoformat(two["date"]).timestamp() - time.time()) < 60


def test_versions_are_compared_row_by_row(holding: Callable) -> None:
    old = [*rows("gone", 2), *rows("same", 10), *rows("other", 3, "recalls"), *rows("same", 1)]
    new = [*rows("new", 4), *rows("same", 9), *rows("other", 3, "recalls")]
    new[-1] = new[-1] | {"output": "another answer"}
    commit_dataset(holding(old, rows("held", 2)), PLAN)
    commit_dataset(holding([*new, *rows("held", 1)], [*rows("held", 2)[1:], *rows("same", 10)[9:]]), PLAN)
    told = diff_versions("service_advisor", 1, 2)
    assert told["topics"] == {
        "engine": {"added": 4, "removed": 3, "changed": 0, "same": 12},
        "recalls": {"added": 0, "removed": 0, "changed": 1, "same": 2},
    }
    assert (told["moved"], told["examples"]) == (2, ["other 2"])
    back = diff_versions("service_advisor", 2, 1)
    assert back["topics"]["engine"] == {"added": 3, "removed": 4, "changed": 0, "same": 12}
    assert sum(sum(counts.values()) for counts in diff_versions("service_advisor", 1, 1)["topics"].values()) == 18
    with pytest.raises(WeaverError, match="there is no dataset version service_advisor@v7"):
        diff_versions("service_advisor", 1, 7)


def test_a_version_is_copied_out(splits: Callable, tmp_path: Path) -> None:
    first = commit_dataset(splits(10), PLAN)
    got = export_version("service_advisor", 1, tmp_path / "out" / "v1")
    assert (got.uri, digest_files(tmp_path / "out" / "v1")) == (str(tmp_path / "out" / "v1"), first.digest)
    with pytest.raises(WeaverError, match="already exists"):
        export_version("service_advisor", 1, tmp_path / "out" / "v1")
    with pytest.raises(WeaverError, match="there is no dataset version service_advisor@v2"):
        export_version("service_advisor", 2, tmp_path / "v2")
    assert not (tmp_path / "v2").exists()


def test_a_rollback_is_a_new_version_that_stays(splits: Callable, home: Path) -> None:
    first, bad = commit_dataset(splits(10), PLAN), splits(20)
    commit_dataset(bad, PLAN)
    made = rollback_dataset("service_advisor", 1, "the new rows  taught it\nnonsense")
    assert (made.version, made.digest, made.rows) == (3, first.digest, first.rows)
    assert digest_files(Path(made.uri)) == first.digest
    messages = git("log", "--format=%s").splitlines()
    because = "rollback to service_advisor@v1: the new rows taught it nonsense"
    assert messages[0] == f"service_advisor@v3: 10 train and 1 heldout rows; {because}"
    assert len(messages) == 4, "history is not rewritten"
    assert commit_dataset(bad, PLAN).tag == "service_advisor@v3", "the nightly run brings the same rows: they stay away"
    assert commit_dataset(splits(10), PLAN).tag == "service_advisor@v3"
    assert commit_dataset(splits(30), PLAN).tag == "service_advisor@v4", "new rows are a new version"
    assert commit_dataset(bad, PLAN).tag == "service_advisor@v5", "and what was before is new again"
    assert_clean()


def test_a_rollback_of_a_rollback(splits: Callable) -> None:
    commit_dataset(splits(10), PLAN)
    second = commit_dataset(splits(20), PLAN)
    commit_dataset(splits(30), PLAN)
    rollback_dataset("service_advisor", 1, "bad")
    assert commit_dataset(splits(20), PLAN).version == commit_dataset(splits(30), PLAN).version == 4, (
        "all that came between"
    )
    assert rollback_dataset("service_advisor", 2, "not so bad").digest == second.digest
    assert commit_dataset(splits(20), PLAN).version == commit_dataset(splits(10), PLAN).version == 5
    assert commit_dataset(splits(30), PLAN).version == commit_dataset(splits(30), PLAN).version == 5
    assert [known.version for known in list_versions("service_advisor")] == [1, 2, 3, 4, 5]


def test_a_rollback_that_cannot_be_is_told(splits: Callable) -> None:
    commit_dataset(splits(10), PLAN)
    for number, why, said in (
        (1, "bad", "already has the rows of"),
        (2, "bad", "there is no dataset version service_advisor@v2"),
        (1, " ", "reason"),
    ):
        with pytest.raises(WeaverError, match=said):
            rollback_dataset("service_advisor", number, why)
    assert len(list_versions("service_advisor")) == 1
    assert_clean()


@pytest.mark.slow
@pytest.mark.parametrize("step", [step for step, (_, known) in KILLS.items() if known])
def test_a_kill_in_a_rollback_before(step: str, splits: Callable, home: Path) -> None:
    commit_dataset(splits(5), PLAN)
    commit_dataset(splits(10), PLAN)
    code = f"""
import os, signal
from pipelines.datasets import dvc_repository, history, versions
from dvc.repo import Repo
git = dvc_repository.run_git
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
{KILLS[step][0]}
if versions.fetch_files is die:
    fetch_files = history.fetch_files
    history.fetch_files = lambda version: die() if version.version == 3 else fetch_files(version)
history.rollback_dataset("service_advisor", 1, "bad")
"""
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    if "checked out" in step:
        assert commit_dataset(splits(10), PLAN).version == 3
    else:
        assert len(list_versions("service_advisor")) == 2
        assert rollback_dataset("service_advisor", 1, "bad").version == 3
    assert_clean()


def test_a_rollback_and_a_version_take_turns(splits: Callable) -> None:
    commit_dataset(splits(5), PLAN)
    commit_dataset(splits(10), PLAN)
    back = "from pipelines.datasets import history; print(history.rollback_dataset('service_advisor', 1, 'bad').tag)"
    writers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for command in (script(splits(20)), [sys.executable, "-c", back])
    ]
    told = [writer.communicate() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], told
    assert {out.strip() for out, _ in told} == {"service_advisor@v3", "service_advisor@v4"}
    assert_clean()
