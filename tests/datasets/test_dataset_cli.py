"""`weaver dataset`, as people and scripts type it."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from pipelines.artifacts import Splits
from pipelines.datasets.intake import uploads
from pipelines.datasets.split import digest_of
from pipelines.datasets.versions import version
from pipelines.files import write_jsonl
from pipelines.templates import make_plan

T = "service_advisor"
CSV = "question,reply,remark,topic\nWas?,Das.,,engine\n=1+1,So.,,engine\n"


def weaver(*verb: str, answer: str = "", ok: bool = True) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sysconfig.get_path("scripts"), "weaver")), "dataset", *verb]
    environment = os.environ | {"COLUMNS": "200"}
    done = subprocess.run(command, input=answer, env=environment, capture_output=True, text=True)
    assert (done.returncode == 0) == ok, done.stderr
    assert "Traceback" not in done.stderr
    return done


def told(*verb: str) -> Any:
    return json.loads(weaver(*verb, "--json").stdout)


@pytest.fixture
def own(home: Path, tmp_path: Path) -> Path:
    (tmp_path / "own.csv").write_text(CSV)
    return tmp_path / "own.csv"


def test_a_person_sees_and_is_asked(own: Path) -> None:
    no = weaver("add", T, str(own), answer="n\n")
    for words in (
        "own.csv: CSV, parted by comma, utf-8", "question", "instruction", "synonym", "not used",
        "The first rows, as they will be", "1 rows can be used, 1 cannot", "own.csv, line 3: a spreadsheet formula",
        "Add these 1 rows to service_advisor? [y/N]",
    ):  # fmt: skip
        assert words in no.stdout, no.stdout
    assert uploads(T) == []
    weaver("add", T, str(own), answer="", ok=False)
    assert uploads(T) == [], "no answer is no yes"
    yes = weaver("add", T, str(own), answer="y\n")
    (upload,) = uploads(T)
    assert f"weaver dataset remove {T} {upload.id}" in yes.stdout and "refused.jsonl" in yes.stdout
    assert upload.id in weaver("list", T).stdout
    assert "is there already" in weaver("add", T, str(own), ok=False).stderr
    assert "1 rows fewer" in weaver("remove", T, upload.id).stdout
    assert uploads(T) == []


def test_a_script_is_not_asked(own: Path) -> None:
    preview = told("add", T, str(own))
    assert (preview["accepted"], preview["rows"], uploads(T)) == (False, 1, [])
    options = ("--map", "question=input", "--map", "remark=key", "--topic", "engine", "--map", "topic=instruction")
    added = told("add", T, str(own), *options, "--yes")
    assert (added["accepted"], added["rows"]) == (True, 1)
    (upload,) = told("list", T)
    assert upload == added["uploads"][0]
    assert [line["field"] for line in upload["columns"]] == ["input", "output", "key", "instruction"]
    assert told("remove", T, upload["id"])["file"] == "own.csv"
    assert told("list", T) == []


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
        (("diff", T, "one", "2"), "'one' is no version"),
        (("get", T, "v1", "out"), "there is no service_advisor@v1"),
        (("rollback", T, "1", "--why", "x"), "there is no service_advisor@v1"),
    ],
)
def test_what_is_wrong_is_one_message(arguments: tuple[str, ...], said: str, own: Path) -> None:
    done = weaver(*(argument.format(own=own) for argument in arguments), ok=False)
    assert said.replace("'", "") in done.stderr.replace("'", "")
    assert uploads(T) == []


def test_versions_from_the_command_line(home: Path, tmp_path: Path) -> None:
    for rows in (3, 5):
        folder = tmp_path / f"splits of {rows}"
        row = {"instruction": "", "input": "", "output": "a", "topic": "engine"}
        write_jsonl(folder / "train.jsonl", [row | {"instruction": f"question {n}"} for n in range(rows)])
        write_jsonl(folder / "heldout.jsonl", [row])
        splits = Splits(uri=str(folder), digest=digest_of(folder), rows={"train": rows, "heldout": 1}, dropped={})
        version(splits, make_plan(T))
    assert [known["tag"] for known in told("versions", T)] == [f"{T}@v1", f"{T}@v2"]
    assert told("diff", T, "1", f"{T}@v2")["topics"]["engine"] == {"added": 2, "removed": 0, "changed": 0, "same": 4}
    assert told("get", T, "v1", str(tmp_path / "out"))["rows"] == {"train": 3, "heldout": 1}
    assert len((tmp_path / "out" / "train.jsonl").read_text().splitlines()) == 3
    assert told("rollback", T, "1", "--why", "worse")["version"] == 3
    shown = weaver("versions", T).stdout
    assert f"{T}@v3" in shown and "3 train, 1 heldout" in shown and f"back to {T}@v1: worse" in shown
    assert "2 " in weaver("diff", T, "2", "3").stdout
