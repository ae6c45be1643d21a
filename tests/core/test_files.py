"""Whole files or none, whatever happens in between."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.core.errors import WeaverError
from pipelines.core.files import atomic_write, digest, file_lock, memoize_dir, read_jsonl, write_jsonl, write_text


def test_what_is_half_written_does_not_appear(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_text(target, "old")
    with pytest.raises(RuntimeError), atomic_write(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    """The kernel refuses the write in the middle of the file, as it does on a full disk."""
    code = f"""
import resource, signal
from pathlib import Path
from pipelines.core.files import write_text
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
write_text(Path({str(tmp_path / "big")!r}), "x" * 1_000_000)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "WeaverError: no room left to write" in done.stderr
    assert "WEAVER_HOME" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_once_builds_once(tmp_path: Path) -> None:
    built: list[Path] = []

    def build(folder: Path) -> None:
        built.append(folder)
        (folder / "result").write_text("done")

    assert memoize_dir(tmp_path / "a", build) == memoize_dir(tmp_path / "a", build)
    assert len(built) == 1


def test_a_second_holder_is_told(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from pipelines.core.files import file_lock
with file_lock(Path({str(tmp_path / "lock")!r}), "training", timeout=0):
    pass
"""
    with file_lock(tmp_path / "lock", "training"):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "training is already running" in done.stderr


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"a": 1}) + "\n{oops\n")
    with pytest.raises(WeaverError, match=r"rows\.jsonl, line 2"):
        read_jsonl(path)


def test_digests_follow_content_not_place(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_jsonl(tmp_path / name / "rows.jsonl", [{"b": 1, "a": 2}])
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    write_jsonl(tmp_path / "two" / "rows.jsonl", [{"b": 1, "a": 3}])
    assert digest(tmp_path / "one") != digest(tmp_path / "two")
