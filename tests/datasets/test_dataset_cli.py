"""`weaver dataset`, as people and scripts type it."""

import io
import json
import logging
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli.console import err, out
from pipelines.cli.main import main
from pipelines.core.artifacts import Splits
from pipelines.core.files import write_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.datasets.split import digest_files
from pipelines.datasets.upload import list_uploads, read_upload
from pipelines.datasets.versions import commit_dataset

T = "service_advisor"
CSV = "question,reply,remark,topic\nWas?,Das.,,engine\n=1+1,So.,,engine\n"


class Weaver:
    """The command line in this process: what it prints, and how it ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys
        monkeypatch.setattr(out, "_width", 200)
        monkeypatch.setattr(err, "_width", 200)

    def __call__(self, *verb: str, answer: str = "", ok: bool = True) -> str:
        self.monkeypatch.setattr(sys, "argv", ["weaver", "dataset", *verb])
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        with pytest.raises(SystemExit) as ended:
            main()
            sys.exit(0)
        printed, told = self.capsys.readouterr()
        assert (ended.value.code in (0, None)) == ok, told
        return printed + told

    def json(self, *verb: str) -> Any:
        return json.loads(self(*verb, "--json"))


@pytest.fixture
def weaver(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Weaver:
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.NullHandler()])
    return Weaver(monkeypatch, capsys)


@pytest.fixture
def own(home: Path, tmp_path: Path) -> Path:
    (tmp_path / "own.csv").write_text(CSV)
    return tmp_path / "own.csv"


def test_a_person_sees_and_is_asked(weaver: Weaver, own: Path) -> None:
    no = weaver("add", T, str(own), answer="n\n")
    for words in (
        "own.csv: CSV, separated by comma, utf-8", "question", "instruction", "synonym", "not used",
        "First rows, as they will be added", "1 row can be used, 1 rejected",
        "own.csv, line 3: a spreadsheet formula",
        "Add 1 row to service_advisor? [y/N]",
    ):  # fmt: skip
        assert words in no, no
    assert list_uploads(T) == []
    assert "the question was not answered" in weaver("add", T, str(own), answer="", ok=False)
    assert list_uploads(T) == [], "no answer is no yes"
    yes = weaver("add", T, str(own), answer="y\n")
    (upload,) = list_uploads(T)
    assert f"weaver dataset remove {T} {upload.id}" in yes and "rejected.jsonl" in yes
    assert upload.id in weaver("list", T)
    assert "was added before" in weaver("add", T, str(own), ok=False)
    assert "1 row fewer" in weaver("remove", T, upload.id)
    assert list_uploads(T) == []


def test_a_script_is_not_asked(weaver: Weaver, own: Path) -> None:
    preview = weaver.json("add", T, str(own))
    assert (preview["accepted"], preview["rows"], list_uploads(T)) == (False, 1, [])
    options = ("--map", "question=input", "--map", "remark=key", "--topic", "engine", "--map", "topic=instruction")
    added = weaver.json("add", T, str(own), *options, "--yes")
    assert (added["accepted"], added["rows"]) == (True, 1)
    (upload,) = weaver.json("list", T)
    assert upload == added["uploads"][0]
    assert [line["field"] for line in upload["columns"]] == ["input", "output", "key", "instruction"]
    assert weaver.json("remove", T, upload["id"])["file"] == "own.csv"
    assert weaver.json("list", T) == []


FAQ = "Anliegen,Auskunft,Bereich\nWhat is P0301?,Cylinder 1 misfires here.,engine\nWhy so?,A plug is worn out.,engine\n"


def test_a_guess_is_confirmed_by_a_person_or_by_the_command_that_is_shown(weaver: Weaver, tmp_path: Path) -> None:
    path = tmp_path / "f a q.csv"
    path.write_text(FAQ)
    refused = weaver("add", T, str(path), "--yes", ok=False)
    options = "--map Anliegen=instruction --map Auskunft=output --map Bereich=topic"
    assert options in refused and list_uploads(T) == []
    shown = weaver("add", T, str(path), answer="n\n")
    assert f"weaver dataset add {T} '{path}' {options}" in shown and "guessed" in shown
    assert "What is P0301?" in shown and list_uploads(T) == []
    weaver("add", T, str(path), *options.split(), "--yes")
    assert [upload.rows for upload in list_uploads(T)] == [2]


def test_who_answers_in_a_folder_of_chats(weaver: Weaver, tmp_path: Path) -> None:
    for customer, staff in (("Ana", "Kim Baker"), ("Ben", "Sam")):
        chat = f"26.11.26, 19:03 - {customer}: What is P0301?\n26.11.26, 19:04 - {staff}: Cylinder 1 misfires.\n"
        (tmp_path / f"WhatsApp Chat with {customer}.txt").write_text(chat)
    (tmp_path / "read me.txt").write_text("Thank you.")
    command = ("add", T, str(tmp_path), "--topic", "engine")
    refused = weaver(*command, "--yes", ok=False)
    assert "WhatsApp Chat with Ana.txt does not say who answers" in refused and "--map 'Kim Baker=output'" in refused
    shown = weaver(*command, answer="n\n")
    for words in (
        "speaker",
        "Cylinder 1 misfires.",
        "--map 'Kim Baker=output' --topic engine",
        "--map Sam=output",
    ):
        assert words in shown, shown
    one = str(tmp_path / "WhatsApp Chat with Ben.txt")
    mistyped = weaver("add", T, one, "--map", "Samm=output", answer="n\n", ok=False)
    assert "no such column; did you mean 'Sam'" in mistyped
    added = weaver.json(*command, "--map", "Kim Baker=output", "--map", "Sam=output", "--yes")
    assert [upload["file"] for upload in added["uploads"]] == [
        "WhatsApp Chat with Ana.txt", "WhatsApp Chat with Ben.txt",
    ]  # fmt: skip
    for upload in list_uploads(T):
        assert [(row["instruction"], row["output"]) for row in read_upload(upload)] == [
            ("What is P0301?", "Cylinder 1 misfires.")
        ]


def test_several_columns_are_the_record_from_the_command_line(weaver: Weaver, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("A=B,Miles,question,answer\nx,5,Was?,Das.\n")
    options = ("--map", "A=B,Miles=input", "--topic", "engine", "--yes")
    (upload,) = weaver.json("add", T, str(tmp_path / "orders.csv"), *options)["uploads"]
    assert upload["first"][0]["input"] == "a b x | miles 5"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "service_adviser", "x.csv"), "did you mean 'service_advisor'"),
        (("add", T, "none.csv"), "none.csv does not exist"),
        (("add", T, "{own}", "--map", "question"), "as COLUMN=FIELD"),
        (("add", T, "{own}", "--map", "question="), "no column for instruction"),
        (("remove", T, "none"), "has no upload none"),
        (("list", "none"), "there is no template 'none'"),
        (("versions", "none"), "there is no template 'none'"),
        (("diff", T, "one", "2"), "'one' is not a version"),
        (("get", T, "v1", "out"), "there is no dataset version service_advisor@v1"),
        (("rollback", T, "1", "--why", "x"), "there is no dataset version service_advisor@v1"),
    ],
)
def test_what_is_wrong_is_one_message(arguments: tuple[str, ...], said: str, weaver: Weaver, own: Path) -> None:
    done = weaver(*(argument.format(own=own) for argument in arguments), ok=False)
    assert said.replace("'", "") in done.replace("'", "")
    assert list_uploads(T) == []


def test_versions_from_the_command_line(weaver: Weaver, home: Path, tmp_path: Path) -> None:
    for rows in (3, 5):
        folder = tmp_path / f"splits of {rows}"
        row = {"instruction": "", "input": "", "output": "a", "topic": "engine"}
        write_jsonl(folder / "train.jsonl", [row | {"instruction": f"question {n}"} for n in range(rows)])
        write_jsonl(folder / "heldout.jsonl", [row])
        splits = Splits(uri=str(folder), digest=digest_files(folder), rows={"train": rows, "heldout": 1}, dropped={})
        commit_dataset(splits, make_plan(T))
    assert [known["tag"] for known in weaver.json("versions", T)] == [f"{T}@v1", f"{T}@v2"]
    assert weaver.json("diff", T, "1", f"{T}@v2")["topics"]["engine"] == {
        "added": 2,
        "removed": 0,
        "changed": 0,
        "same": 4,
    }
    assert weaver.json("get", T, "v1", str(tmp_path / "out"))["rows"] == {"train": 3, "heldout": 1}
    assert len((tmp_path / "out" / "train.jsonl").read_text().splitlines()) == 3
    assert weaver.json("rollback", T, "1", "--why", "worse")["version"] == 3
    shown = weaver("versions", T)
    assert f"{T}@v3" in shown and "3 train, 1 heldout" in shown and f"rollback to {T}@v1: worse" in shown
    assert "2 " in weaver("diff", T, "2", "3")


def test_the_installed_command_says_what_is_wrong_in_one_message(own: Path) -> None:
    command = [Path(sysconfig.get_path("scripts"), "weaver"), "dataset", "add", T, own.with_name("none.csv")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ") and "does not exist" in done.stderr and "Traceback" not in done.stderr


def test_topics_of_the_file_are_named_and_mapped(weaver: Weaver, tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    path.write_text("question,answer,topic\nWhy?,A plug is worn.,Spark [plugs]\nWhat is it?,An engine.,engine\n")
    shown = weaver("add", T, str(path), answer="n\n")
    assert "The template has no topic 'Spark [plugs]' (1 row). Say which of its topics each is:" in shown
    assert f"weaver dataset add {T} {path} --topic 'Spark [plugs]=NAME'" in shown
    assert "2 rows added" in weaver("add", T, str(path), "--topic", "Spark [plugs]=engine", "--yes")
    assert "write it once as NAME" in weaver("add", T, str(path), "--topic", "a=engine", "--topic", "engine", ok=False)
