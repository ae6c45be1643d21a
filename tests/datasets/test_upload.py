"""What is added is there whole, or not at all; and the next dataset has it."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipelines.core.artifacts import CollectedFeedback
from pipelines.core.errors import WeaverError
from pipelines.core.files import read_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.datasets.collect import collect
from pipelines.datasets.upload import list_uploads, remove_upload, stage_upload, uploads_folder

from .upload_files import ROWS, T, add, assert_nothing_kept, objects, text, write

pytestmark = pytest.mark.usefixtures("home")


def test_a_file_that_changes_meanwhile(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", text(ROWS * 50_000))
    stop = threading.Event()

    def scribble() -> None:
        while not stop.is_set():
            with path.open("ab") as file:
                file.write(b"q,,a,engine\n")
            time.sleep(0.0001)

    writer = threading.Thread(target=scribble)
    writer.start()
    try:
        with pytest.raises(WeaverError, match=r"t\.csv changed while it was read"):
            add(path)
    finally:
        stop.set()
        writer.join()
    assert_nothing_kept()


def test_what_is_not_accepted_leaves_nothing(tmp_path: Path) -> None:
    with stage_upload(T, str(write(tmp_path / "t.csv", text(ROWS)))) as stage:
        assert [upload.rows for upload in stage.uploads] == [3]
        assert list_uploads(T) == []
        with pytest.raises(WeaverError, match="already running"), stage_upload(T, str(tmp_path / "t.csv")):
            pass
    assert_nothing_kept()


def test_a_kill_leaves_nothing(tmp_path: Path) -> None:
    """Killed while it reads; the next one sweeps what lies there."""
    path = write(tmp_path / "t.csv", text(ROWS * 20_000))
    stage = f"upload.stage_upload({T!r}, {str(path)!r})"
    code = f"from pipelines.datasets import upload\nwith {stage} as stage: stage.accept()"
    process = subprocess.Popen([sys.executable, "-c", code])
    while not list(uploads_folder(T).glob(".staged-*/0/rows.jsonl")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list_uploads(T) == []
    assert add(write(tmp_path / "s.csv", text(ROWS))).rows == 3
    assert [found.name for found in uploads_folder(T).iterdir() if found.name != ".lock"] == [list_uploads(T)[0].id]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", text(ROWS * 20_000))
    code = f"""
import resource
from pipelines.datasets.upload import stage_upload
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
with stage_upload({T!r}, {str(path)!r}) as stage: stage.accept()
"""
    failed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "WeaverError" in failed.stderr and "File too large" in failed.stderr and "Free some" in failed.stderr
    assert_nothing_kept()


def test_a_folder_is_added_whole_and_what_is_known_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / "a.csv", text(ROWS[:1]))
    add(folder)
    write(folder / "b.jsonl", objects(ROWS[1:]))
    write(folder / "notes.txt", "x")
    write(folder / "old.xls", b"\xd0\xcf\x11\xe0")
    with stage_upload(T, str(folder)) as stage:
        assert [upload.file for upload in stage.accept()] == ["b.jsonl"]
        assert len(stage.duplicates) == 2 and "a.csv was added before" in stage.duplicates[0]
        assert stage.duplicates[1].startswith("old.xls is not read: a workbook of Excel 2003 or earlier. Open it in")
    with pytest.raises(WeaverError, match=r"a\.csv was added before"):
        add(folder / "a.csv")
    write(folder / "c.csv", text(ROWS))
    write(folder / "d.csv", "")
    with pytest.raises(WeaverError, match=r"d\.csv is empty"):
        add(folder)
    assert [upload.file for upload in list_uploads(T)] == ["a.csv", "b.jsonl"], "not one of a folder with a bad file"


def test_the_dataset_has_the_rows_from_then_on(home: Path, tmp_path: Path) -> None:
    """And its digest is another one, so that the nightly run sees them; taken back, it is the old one again."""
    own = write(
        tmp_path / "own.jsonl", objects([["q", "", "a", "engine"]], ["instruction", "input", "output", "topic"])
    )
    plan = make_plan(T, {"data.source": str(own)})
    before = collect(CollectedFeedback(), plan, home / "work")
    assert before.rows == 1
    upload = add(write(tmp_path / "t.csv", text(ROWS)))
    after = collect(CollectedFeedback(), plan, home / "work")
    assert (after.rows, after.sources[f"uploads/{upload.id}/t.csv"]) == (4, upload.digest)
    assert after.digest != before.digest
    assert collect(CollectedFeedback(), plan, home / "work") == after
    rows = read_jsonl(Path(after.uri) / "records.jsonl")
    assert [row["source"] for row in rows] == ["own.jsonl:1", "t.csv:2", "t.csv:3", "t.csv:4"]
    assert all(row.keys() >= {"kind", "facts", "group", "key"} for row in rows)
    with pytest.raises(WeaverError, match=f"(?s)no upload 'x'.*{upload.id} .t.csv."):
        remove_upload(T, "x")
    assert remove_upload(T, upload.id) == upload
    assert collect(CollectedFeedback(), plan, home / "work") == before
    assert_nothing_kept()


def test_the_same_file_in_the_same_way_is_the_same_upload(home: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", text(ROWS))
    first = add(path)
    remove_upload(T, first.id)
    assert add(path).id == first.id
    remove_upload(T, first.id)
    assert add(path, topic="engine", columns={"topic": ""}).id != first.id
