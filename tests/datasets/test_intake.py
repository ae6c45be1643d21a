"""Whatever a dealership brings: it is read as shown, or refused by name; and it is there whole, or not at all."""

import csv
import gzip
import io
import json
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.datasets import intake
from pipelines.datasets.collect import collect
from pipelines.datasets.intake import readers, staged, uploads
from pipelines.errors import WeaverError
from pipelines.files import read_jsonl
from pipelines.templates import make_plan

T = "service_advisor"
HEADER = ["question", "context", "answer", "topic"]
ROWS = [
    ["What is the torque of the drain plug?", "drain plug | torque 38 Nm", "38 Nm", "engine"],
    ["Was bedeutet P0420 für Citroën?", "", "Katalysator unter der Schwelle “B.", "code_meaning"],
    ["How cold may it be?", "from -20 °C, to +40 °C", "-20 °C", "engine"],
]


@pytest.fixture(autouse=True)
def a_home(home: Path) -> Path:
    return home


def text(rows: list[list[str]], separator: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows([HEADER, *rows])
    return out.getvalue()


def objects(rows: list[list[Any]], header: list[str] | None = None, **options: Any) -> str:
    return "".join(json.dumps(dict(zip(header or HEADER, row, strict=True)), **options) + "\n" for row in rows)


def columns(rows: list[list[Any]]) -> dict[str, list[Any]]:
    return {column: [row[at] for row in rows] for at, column in enumerate(HEADER)}


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def parquet(path: Path, **columns: list[Any]) -> Path:
    import pyarrow as pa
    from pyarrow.parquet import write_table

    write_table(pa.table(columns), path)
    return path


def workbook(path: Path, rows: list[list[Any]], **others: list[list[Any]]) -> Path:
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    for title, content in {"Tickets": rows, **others}.items():
        sheet = book.create_sheet(title)
        for row in content:
            sheet.append(row)
    book.save(path)
    return path


def add(path: Path | str, **options: Any) -> Any:
    """Add as `--yes` does; the one upload."""
    with staged(T, str(path), **options) as stage:
        (upload,) = stage.accept()
    return upload


def assert_nothing_kept() -> None:
    """No upload, no file, nothing half-written."""
    assert uploads(T) == []
    assert [path for path in intake.folder(T).rglob("*") if path.name != ".lock"] == []


def refused(upload: Any) -> list[dict[str, Any]]:
    return read_jsonl(intake.folder(T) / upload.id / "refused.jsonl")


FORMATS: dict[str, Callable[[Path], Path]] = {
    "csv": lambda p: write(p / "t.csv", text(ROWS)),
    "csv of a European Excel": lambda p: write(p / "t.csv", text(ROWS, ";").encode("cp1252")),
    "csv with tabs": lambda p: write(p / "t.csv", text(ROWS, "\t")),
    "csv with a mark": lambda p: write(p / "t.csv", text(ROWS).encode("utf-8-sig")),
    "csv in UTF-16": lambda p: write(p / "t.csv", text(ROWS).encode("utf-16")),
    "csv.gz": lambda p: write(p / "t.csv.gz", gzip.compress(text(ROWS).encode())),
    "jsonl": lambda p: write(p / "t.jsonl", objects(ROWS)),
    "jsonl in cp1252": lambda p: write(p / "t.jsonl", objects(ROWS, ensure_ascii=False).encode("cp1252")),
    "parquet": lambda p: parquet(p / "t.parquet", **columns(ROWS)),
    "xlsx": lambda p: workbook(p / "t.xlsx", [HEADER, *ROWS]),
}  # fmt: skip


@pytest.mark.parametrize("make", FORMATS.values(), ids=FORMATS.keys())
def test_every_format_gives_the_same_rows(make: Callable[[Path], Path], tmp_path: Path) -> None:
    upload = add(path := make(tmp_path))
    assert (upload.rows, upload.refused) == (3, {})
    fields = ("instruction", "input", "output", "topic")
    assert [[row[field] for field in fields] for row in intake.rows(upload)] == ROWS
    kept = intake.folder(T) / upload.id / "original" / path.name
    assert kept.read_bytes() == path.read_bytes()
    assert not list(intake.folder(T).rglob("unpacked*"))


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("cp1252", "cp1252")],
)
def test_it_says_which_encoding_was_used(encoding: str, said: str, tmp_path: Path) -> None:
    upload = add(write(tmp_path / "t.csv", text(ROWS).encode(encoding)))
    assert upload.encoding == said
    assert any("not utf-8: line 3, byte 0xfc" in note for note in upload.notes) == (encoding == "cp1252")


def test_an_encoding_may_be_told(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", text([["Что?", "", "Да", "engine"]]).encode("cp1251"))
    assert [row["output"] for row in intake.rows(add(path, encoding="cp1251"))] == ["Да"]


def test_a_zip_of_one_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil/t.csv", text(ROWS))
        archive.writestr("__MACOSX/t.csv", "x")
        archive.writestr("readme.txt", "x")
    assert add(tmp_path / "t.zip").rows == 3
    assert not (tmp_path.parent / "evil").exists()


def test_columns_are_found_by_name_synonym_or_word(tmp_path: Path) -> None:
    header = ["Customer Question", "final_answr", "Category", "VIN", "id"]
    rows = [["Was?", "Das.", "engine", "1FA", "a"], ["Wie?", "So.", "engine", "1FB", "b"]]
    path = write(tmp_path / "t.jsonl", objects(rows, header))
    with pytest.raises(WeaverError, match=r"(?s)no column for output.*'final_answr'.*--map final_answr=output"):
        add(path)
    near = write(tmp_path / "near.jsonl", objects(rows, ["question", "answr", "topic", "vin", "id"]))
    with pytest.raises(WeaverError, match="'answr'; did you mean 'output'"):
        add(near)
    upload = add(path, columns={"final_answr": "output"})
    assert [(line["field"], line["how"]) for line in upload.columns] == [
        ("instruction", "synonym"), ("output", "as you say"), ("topic", "synonym"), ("", "not used"),
        ("id", "same name"),
    ]  # fmt: skip
    assert next(intake.rows(upload)) == {
        "instruction": "Was?", "output": "Das.", "topic": "engine", "id": "a", "input": "", "source": "t.jsonl:1",
    }  # fmt: skip


def test_one_topic_for_all(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "question,answer\nWas?,Das.\n")
    with pytest.raises(WeaverError, match="no column for topic"):
        add(path)
    with pytest.raises(WeaverError, match=r"unknown topic: 'enginee'; did you mean 'engine'"):
        add(path, topic="enginee")
    upload = add(path, topic="engine")
    assert (upload.topic, [row["topic"] for row in intake.rows(upload)]) == ("engine", ["engine"])


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"answr": "output"}, "no such column; did you mean 'answer'"),
        ({"answer": "outputs"}, "no such field; did you mean 'output'"),
        ({"question": "output", "answer": "output"}, "both 'question' and 'answer' would be the output"),
    ],
)
def test_a_wrong_map_is_told(columns: dict[str, str], said: str, tmp_path: Path) -> None:
    with pytest.raises(WeaverError, match=said):
        add(write(tmp_path / "t.csv", text(ROWS)), columns=columns)


def test_two_columns_for_one_field_are_not_guessed(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "question,answer,reply,topic\nWas?,Das.,Dies.,engine\n")
    with pytest.raises(WeaverError, match="both 'answer' and 'reply' would be the output"):
        add(path)
    assert [row["output"] for row in intake.rows(add(path, columns={"reply": ""}))] == ["Das."]


BAD_ROWS = {
    "no question": ([" ", "", "a", "engine"], "no instruction", "column 'question' is empty"),
    "too long": (["q", "", "a" * 801, "engine"], "output is too long", "801 characters, the contract takes 800"),
    "a topic near another": (["q", "", "a", "engin"], "unknown topic", "'engin'; did you mean 'engine'"),
    "a formula": (["q", "", "=HYPERLINK(1)", "engine"], "a spreadsheet formula", "answer is '=HYPERLINK(1)'"),
    "a call": (["q", "", "@SUM(A1)", "engine"], "a spreadsheet formula", "answer is '@SUM"),
    "a command": (["q", "-1+cmd|' /C calc'!A0", "a", "engine"], "a spreadsheet formula", "context is"),
    "a sum": (["+SUM(A1)", "", "a", "engine"], "a spreadsheet formula", "question is"),
    "a formula behind a space": (["q", "", "\t=1+1", "engine"], "a spreadsheet formula", "answer is"),
}


@pytest.mark.parametrize("format_", ["csv", "xlsx"])
@pytest.mark.parametrize(("row", "reason", "said"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_a_row_that_cannot_be_used_is_set_aside(
    row: list[str], reason: str, said: str, format_: str, tmp_path: Path
) -> None:
    rows = [ROWS[0], row, ROWS[1]]
    path = tmp_path / f"t.{format_}"
    upload = add(write(path, text(rows)) if format_ == "csv" else workbook(path, [HEADER, *rows]))
    assert (upload.rows, upload.refused) == (2, {reason: 1})
    unit = {"csv": "line", "xlsx": "row"}[format_]
    (example,) = upload.examples
    assert example.startswith(f"t.{format_}, {unit} 3: {reason}: ") and said in example
    (kept,) = refused(upload)
    assert (kept["file"], kept[unit], kept["reason"]) == (path.name, 3, reason)
    assert kept["values"]["question"] == (row[0] if format_ == "csv" or row[0] else None)


@pytest.mark.parametrize(
    "harmless", ["-5", "-5.5 °C", "+49 30 1234", "-20 °C", "- check the oil", "-0.5%", "a=b", "1-2"]
)
def test_what_only_looks_like_a_formula_is_none(harmless: str, tmp_path: Path) -> None:
    upload = add(write(tmp_path / "t.csv", text([["q", "", harmless, "engine"]])))
    assert [row["output"] for row in intake.rows(upload)] == [harmless]


def test_types_that_are_mixed_are_told_by_row_and_column(tmp_path: Path) -> None:
    rows = [
        *ROWS,
        ["q4", "", 42, "engine"],
        ["q5", "", ["a"], "engine"],
        ["q6", "", True, "engine"],
        ["q7", "", None, "engine"],
    ]
    upload = add(write(tmp_path / "t.jsonl", objects(rows)))
    assert upload.refused == {"output is not text": 3, "no output": 1}
    assert "t.jsonl, line 4: output is not text: answer is int 42, expected text" in upload.examples


def test_numbers_of_a_workbook_are_texts(tmp_path: Path) -> None:
    """A program typed them as numbers, not a person."""
    import datetime

    rows = [["a", "", 4, "engine"], ["b", "", 2.5, "engine"], ["c", "", datetime.date(2026, 3, 1), "engine"]]
    upload = add(workbook(tmp_path / "t.xlsx", [HEADER, *rows], Notes=[["nothing"]]))
    assert [row["output"] for row in intake.rows(upload)] == ["4", "2.5", "2026-03-01 00:00:00"]
    assert upload.notes == ["not read: the sheets Notes"]
    with pytest.raises(WeaverError, match="no sheet 'Note'"):
        add(tmp_path / "t.xlsx", sheet="Note")
    with pytest.raises(WeaverError, match="no column for instruction"):
        add(tmp_path / "t.xlsx", sheet="Notes")


def test_facts_and_the_like(tmp_path: Path) -> None:
    header = [*HEADER, "facts", "kind", "group", "key", "source", "id"]
    rows = [
        [*ROWS[0], {"torque": "38 Nm"}, "grounded", "g1", 7, "ours", 1],
        [*ROWS[1], '{"a": "b"}', "knowledge", None, None, None, 2],
        [*ROWS[2], {"torque": 38}, "grounded", "g3", "k", "ours", 3],
        [*ROWS[2], {}, "ground", "g3", "k", "ours", 4],
    ]
    upload = add(write(tmp_path / "t.jsonl", objects(rows, header)))
    one, two = intake.rows(upload)
    assert (one["facts"], one["key"], one["source"], one["id"]) == ({"torque": "38 Nm"}, "7", "ours", "1")
    assert (two["facts"], two["source"], "group" in two) == ({"a": "b"}, "t.jsonl:2", False)
    assert upload.refused == {"facts is not texts by name": 1, "unknown kind": 1}
    parts = parquet(tmp_path / "t.parquet", **columns(ROWS[:1]), facts=[{"a": "b"}])
    assert [row["facts"] for row in intake.rows(add(parts))] == [{"a": "b"}]


def test_an_id_is_there_once(tmp_path: Path) -> None:
    """In a file, and over all that was added."""
    header = [*HEADER, "id"]
    first = add(write(tmp_path / "a.jsonl", objects([[*ROWS[0], 1], [*ROWS[1], 1], [*ROWS[2], 2]], header)))
    assert first.refused == {"an id that is there": 1}
    assert first.examples == ["a.jsonl, line 2: an id that is there: id '1' is that of a.jsonl, line 1"]
    second = add(write(tmp_path / "b.jsonl", objects([[*ROWS[0], 2], [*ROWS[1], 3]], header)))
    assert f"id '2' is that of a.jsonl, upload {first.id}" in second.examples[0]


def table(content: str | bytes) -> Callable[[Path], Path]:
    return lambda p: write(p / "t.csv", content)


def jsonl(content: str) -> Callable[[Path], Path]:
    return lambda p: write(p / "t.jsonl", content)


def bomb(path: Path, name: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as member:
        for _ in range(64):
            member.write(bytes(1 << 20))
    return path


def lying(path: Path) -> Path:
    """An archive that declares less than it holds."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", text(ROWS * 1000))
    size = len(text(ROWS * 1000).encode())
    return write(path, path.read_bytes().replace(size.to_bytes(4, "little"), (100).to_bytes(4, "little")))


def two_in_one(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("a.csv", "b.csv"):
            archive.writestr(name, text(ROWS))
    return path


BAD_FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "empty": (table(""), r"t\.csv is empty"),
    "empty workbook": (lambda p: workbook(p / "t.xlsx", []), r"t\.xlsx holds nothing"),
    "blank lines": (table("\n\n"), r"t\.csv holds nothing"),
    "header alone": (table(text([])), "no row can be used"),
    "a web page": (table(" \n<!DOCTYPE html><html>"), r"t\.csv is a web page"),
    "a web page as a workbook": (lambda p: write(p / "t.xlsx", "<html>"), r"t\.xlsx is a web page"),
    "a workbook as csv": (
        lambda p: workbook(p / "x.xlsx", [HEADER]).rename(p / "t.csv"), r"t\.csv is in truth a \.xlsx or \.zip file",
    ),
    "an old workbook": (table(b"\xd0\xcf\x11\xe0\xa1"), r"truth a \.xls file\n.*Export it as"),
    "no parquet": (lambda p: write(p / "t.parquet", "question"), r"t\.parquet is no \.parquet file"),
    "half a parquet": (lambda p: write(p / "t.parquet", "PAR1 and no more"), "no Parquet file that can be read"),
    "half a workbook": (lambda p: write(p / "t.xlsx", b"PK\x03\x04 and no more"), r"t\.xlsx is a broken archive"),
    "a zip that is no workbook": (lambda p: two_in_one(p / "t.xlsx"), "no workbook that can be read"),
    "another kind": (lambda p: write(p / "t.docx", "x"), r"t\.docx is none of \.csv"),
    "binary": (table(b"a,b\n\0\1\2"), "is binary, or UTF-16 without"),
    "no encoding": (table(text(ROWS).encode() + b"\x81\n"), "not cp1252: line 5, byte 0x81"),
    "half of UTF-16": (table(text(ROWS).encode("utf-16") + b"\x00"), r"t\.csv, line \d+: .*utf-16"),
    "a long line": (jsonl(objects(ROWS[:1]) + '{"question": "' + "x" * (1 << 21)),
                    r"t\.jsonl, line 2 is longer than"),
    "an open quote": (table(text(ROWS[:1]) + '"' + "x,y\n" * (1 << 19)), r"line \d+: .*field larger"),
    "text behind a quote": (table(text(ROWS[:1]) + '"a"b,c,d,e\n'), r"t\.csv, line 3: .*expected"),
    "an array": (jsonl(json.dumps([{"question": "a"}])), "holds no JSON object: "),
    "no JSON": (jsonl("question: what?"), "holds no JSON object: Expecting value"),
    "two columns of a name": (table("answer,answer\na,b\n"), "two columns 'answer'"),
    "no row": (table(text([["", "", "a", "engine"]])), "(?s)no row can be used.*line 2: no instr"),
    "a zip bomb": (lambda p: bomb(p / "t.zip", "t.csv"), r"t\.zip of \d+ bytes comes to 67108864"),
    "a bomb of a workbook": (lambda p: bomb(p / "t.xlsx", "xl/workbook.xml"), "bytes comes to 67108864"),
    "a gzip bomb": (lambda p: write(p / "t.csv.gz", gzip.compress(bytes(64 << 20))), r"t\.csv\.gz of \d+ bytes comes"),
    "an archive that lies": (lambda p: lying(p / "t.zip"), "cannot be unpacked: Bad CRC"),
    "half a gzip": (lambda p: write(p / "t.csv.gz", gzip.compress(text(ROWS).encode())[:-20]), "cannot be unpacked"),
    "two in one": (lambda p: two_in_one(p / "t.zip"), r"holds 2 data files: a\.csv, b\.csv"),
    "nothing there": (lambda p: write(p / "t.csv", "x").with_name("s.csv"), r"does not exist; did you mean '.*t\.csv'"),
    "an empty folder": (lambda p: p, "holds none of"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "said"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_file_that_cannot_be_read_is_told(make: Callable[[Path], Path], said: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = make(tmp_path / "in")
    with pytest.raises(WeaverError, match=said) as caught:
        add(path)
    assert caught.value.remedy
    assert_nothing_kept()


def test_a_line_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    """Nor is one of 32 MB, which is quicker to write."""
    with (tmp_path / "t.csv").open("wb") as file:
        file.write(text(ROWS).encode())
        for _ in range(32):
            file.write(b"x" * (1 << 20))
    tracemalloc.start()
    with pytest.raises(WeaverError, match="line 5 is longer than"):
        add(tmp_path / "t.csv")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 << 20
    assert_nothing_kept()


def test_a_bad_line_of_json_is_set_aside_with_its_number(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", objects(ROWS[:1]) + "{oops\n\n" + '["a"]\n{"question": "half \\ud83d"}\n')
    upload = add(path)
    assert [row["line"] for row in refused(upload)] == [2, 4, 5]
    assert upload.refused == {"no JSON": 2, "no JSON object": 1}


def test_a_quoted_line_break_moves_no_line_number(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", text([["a\nb", "", "x\r\ny", "engine"], ["q", "", "a", "nowhere"]]))
    upload = add(path)
    assert [row["instruction"] for row in intake.rows(upload)] == ["a\nb"]
    assert [row["line"] for row in refused(upload)] == [5]


def test_a_short_row_is_set_aside(tmp_path: Path) -> None:
    upload = add(write(tmp_path / "t.csv", text(ROWS) + "only,two\n"))
    assert upload.refused == {"another number of cells than the header": 1}


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
    with staged(T, str(write(tmp_path / "t.csv", text(ROWS)))) as stage:
        assert [upload.rows for upload in stage.uploads] == [3]
        assert uploads(T) == []
        with pytest.raises(WeaverError, match="already running"), staged(T, str(tmp_path / "t.csv")):
            pass
    assert_nothing_kept()


def test_a_kill_leaves_nothing(tmp_path: Path) -> None:
    """Killed while it reads; the next one sweeps what lies there."""
    path = write(tmp_path / "t.csv", text(ROWS * 20_000))
    code = f"from pipelines.datasets.intake import staged\nwith staged({T!r}, {str(path)!r}) as stage: stage.accept()"
    process = subprocess.Popen([sys.executable, "-c", code])
    while not list(intake.folder(T).glob(".staged-*/0/rows.jsonl")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert uploads(T) == []
    assert add(write(tmp_path / "s.csv", text(ROWS))).rows == 3
    assert [found.name for found in intake.folder(T).iterdir() if found.name != ".lock"] == [uploads(T)[0].id]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", text(ROWS * 20_000))
    code = f"""
import resource
from pipelines.datasets.intake import staged
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
with staged({T!r}, {str(path)!r}) as stage: stage.accept()
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
    with staged(T, str(folder)) as stage:
        assert [upload.file for upload in stage.accept()] == ["b.jsonl"]
        assert len(stage.known) == 1 and "a.csv is there already" in stage.known[0]
    with pytest.raises(WeaverError, match=r"a\.csv is there already"):
        add(folder / "a.csv")
    write(folder / "c.csv", text(ROWS))
    write(folder / "d.csv", "")
    with pytest.raises(WeaverError, match=r"d\.csv is empty"):
        add(folder)
    assert [upload.file for upload in uploads(T)] == ["a.csv", "b.jsonl"], "not one of a folder with a bad file"


def test_the_dataset_has_the_rows_from_then_on(home: Path, tmp_path: Path) -> None:
    """And its digest is another one, so that the nightly run sees them; taken back, it is the old one again."""
    own = write(
        tmp_path / "own.jsonl", objects([["q", "", "a", "engine"]], ["instruction", "input", "output", "topic"])
    )
    plan = make_plan(T, {"data.source": str(own)})
    before = collect(plan, home / "work")
    assert before.rows == 1
    upload = add(write(tmp_path / "t.csv", text(ROWS)))
    after = collect(plan, home / "work")
    assert (after.rows, after.sources[f"intake/{upload.id}/t.csv"]) == (4, upload.digest)
    assert after.digest != before.digest
    assert collect(plan, home / "work") == after
    rows = read_jsonl(Path(after.uri) / "records.jsonl")
    assert [row["source"] for row in rows] == ["own.jsonl:1", "t.csv:2", "t.csv:3", "t.csv:4"]
    assert all(row.keys() >= {"kind", "facts", "group", "key"} for row in rows)
    with pytest.raises(WeaverError, match=f"(?s)no upload 'x'.*{upload.id} .t.csv."):
        intake.remove(T, "x")
    assert intake.remove(T, upload.id) == upload
    assert collect(plan, home / "work") == before
    assert_nothing_kept()


def test_the_same_file_in_the_same_way_is_the_same_upload(home: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", text(ROWS))
    first = add(path)
    intake.remove(T, first.id)
    assert add(path).id == first.id
    intake.remove(T, first.id)
    assert add(path, topic="engine", columns={"topic": ""}).id != first.id


def test_a_large_file_is_streamed(tmp_path: Path) -> None:
    """A file of 14 MB takes a few MB."""
    write(
        tmp_path / "t.jsonl",
        "".join(objects([[f"{i} " + "x" * 300, "y" * 300, "z" * 300, "engine"]]) for i in range(15_000)),
    )
    assert (tmp_path / "t.jsonl").stat().st_size > 13 << 20
    tracemalloc.start()
    assert add(tmp_path / "t.jsonl").rows == 15_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 << 20


def test_the_bound_of_a_line_is_of_the_text(tmp_path: Path) -> None:
    """What is just short enough is read, in whatever encoding."""
    long = ["q" * 400, "", "é" * 800, "engine"]
    assert readers.MAX_LINE > 10_000
    for encoding in ("utf-8", "utf-16", "cp1252"):
        upload = add(write(tmp_path / f"{encoding}.csv", text([long]).encode(encoding)))
        assert next(intake.rows(upload))["output"] == "é" * 800
