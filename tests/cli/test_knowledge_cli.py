"""`weaver knowledge`, as people and scripts type it."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli.console import err, out
from pipelines.cli.main import main

from ..knowledge.conftest import T, write_template
from ..knowledge.files import write_pdf


class Weaver:
    """The command line in this process: what it prints, and how it ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys
        monkeypatch.setattr(out, "_width", 200)
        monkeypatch.setattr(err, "_width", 200)

    def __call__(self, *verb: str, code: int = 0) -> str:
        self.monkeypatch.setattr(sys, "argv", ["weaver", "knowledge", *verb])
        with pytest.raises(SystemExit) as ended:
            main()
            sys.exit(0)
        printed, told = self.capsys.readouterr()
        assert (ended.value.code or 0) == code, printed + told
        return printed + told

    def json(self, *verb: str) -> Any:
        return json.loads(self(*verb, "--json"))


@pytest.fixture
def weaver(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Weaver:
    write_template(home, ["automotive.code_guide"])
    return Weaver(monkeypatch, capsys)


def test_a_manual_is_added_found_with_its_page_and_removed(weaver: Weaver, tmp_path: Path) -> None:
    manual = write_pdf(tmp_path / "manual.pdf")
    added = weaver("add", T, str(manual), "--since", "2026-03-01")
    assert "manual.pdf: 3 passages on 3 pages, valid since 2026-03-01" in added
    found = weaver("search", T, "How often is the timing belt replaced?")
    assert "manual.pdf, page 2, valid since 2026-03-01" in found
    assert "every 90,000 miles" in found
    assert "manual.pdf is there already, unchanged" in weaver("add", T, str(manual), "--since", "2026-03-01")
    assert weaver.json("list", T)["documents"][0]["pages"] == 3
    assert weaver.json("status", T)["sources"]["manual.pdf"] == 3
    assert "manual.pdf is removed: 3 passages" in weaver("remove", T, "manual.pdf")
    result = weaver.json("search", T, "How often is the timing belt replaced?")
    assert "manual.pdf" not in {hit["passage"]["source"] for hit in result["hits"]}


def test_a_verb_prints_what_it_did_and_no_library_s_remarks(home: Path, tmp_path: Path) -> None:
    """In a process of its own, where each library is imported for the first time."""
    write_template(home, ["automotive.code_guide"])
    note = tmp_path / "note.txt"
    note.write_text("Brake fluid is replaced every two years.")
    command = [sys.executable, "-m", "pipelines.cli.main", "knowledge", "add", T, str(note)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    added, whole = done.stdout.splitlines()
    assert added.startswith("note.txt: 1 passage, valid since 20")
    assert re.fullmatch(rf"{T} has (\d+) passages, of which \1 embedded now\.", whole)
    assert not [line for line in done.stderr.splitlines() if "distilling word vectors" not in line], done.stderr


def test_an_empty_question_is_refused(weaver: Weaver) -> None:
    assert "the question is empty" in weaver("search", T, " ", code=2)


def test_the_first_search_builds_the_index_of_the_kits_records(weaver: Weaver) -> None:
    result = weaver.json("search", T, "What does P0420 mean?")
    assert result["close"]
    assert result["hits"][0]["passage"]["id"] == "code_guide:P0420"
    assert "catalytic converter" in result["hits"][0]["passage"]["text"]
    unknown = weaver("search", T, "What does P9999 mean?")
    assert "There is no record on P9999." in unknown
    assert "Nothing is close enough" in unknown


def test_a_file_that_is_left_out_is_named_and_ends_with_code_1(weaver: Weaver, tmp_path: Path) -> None:
    write_pdf(tmp_path / "good.pdf")
    write_pdf(tmp_path / "locked.pdf", password="secret")
    printed = weaver("add", T, str(tmp_path), code=1)
    assert "good.pdf: 3 passages" in printed
    assert "left out: locked.pdf is encrypted" in printed
    assert "error: locked.pdf is encrypted" in weaver("add", T, str(tmp_path / "locked.pdf"), code=1)


def test_a_reindexing_shows_its_metrics_and_goes_on_without_mlflow(weaver: Weaver, tmp_path: Path) -> None:
    first = weaver("reindex", T)
    assert "recall_at_5" in first and "passed: it is the first" in first
    assert "This check is not in MLflow" in first and "weaver up" in first
    weaver("add", T, str(write_pdf(tmp_path / "manual.pdf")))
    assert "is not proven worse than version" in weaver("reindex", T)
    state = weaver.json("status", T)
    assert state["verdict"]["passed"] and state["verdict"]["version"] == state["version"]
    assert "is not proven worse" in weaver("status", T)


def test_without_declined_questions_nothing_is_listed(weaver: Weaver) -> None:
    assert weaver.json("unanswered", T) == []
    assert f"No question to {T} was declined for want of a record in the last 7 days." in weaver("unanswered", T)
