"""Whatever a dealership brings: its format, its encoding and its columns are found, or asked for by name."""

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.core.errors import WeaverError
from pipelines.datasets.upload import read_upload, stage_upload, uploads_folder

from .upload_files import HEADER, ROWS, T, add, columns, objects, parquet, text, workbook, write

pytestmark = pytest.mark.usefixtures("home")


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
    assert (upload.rows, upload.rejected) == (3, {})
    fields = ("instruction", "input", "output", "topic")
    assert [[row[field] for field in fields] for row in read_upload(upload)] == ROWS
    kept = uploads_folder(T) / upload.id / "original" / path.name
    assert kept.read_bytes() == path.read_bytes()
    assert not list(uploads_folder(T).rglob("unpacked*"))


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
    assert [row["output"] for row in read_upload(add(path, encoding="cp1251"))] == ["Да"]


def test_each_file_of_a_zip_is_an_upload(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("january/t.csv", text(ROWS))
        archive.writestr("../february/t.jsonl", objects(ROWS[:1]))
        archive.writestr("__MACOSX/january/._t.csv", "\0")
        archive.writestr("read me.txt", "Thank you.")
    with stage_upload(T, str(tmp_path / "t.zip")) as staged:
        uploads = staged.accept()
    assert {upload.file: upload.rows for upload in uploads} == {
        "t.zip/january/t.csv": 3,
        "t.zip/../february/t.jsonl": 1,
    }
    assert [row["source"] for upload in uploads for row in read_upload(upload)][-1] == "t.zip/january/t.csv:4"
    assert {path.name for path in uploads_folder(T).rglob("original/*")} == {"t.csv", "t.jsonl"}


def test_a_text_that_is_named_like_a_workbook(tmp_path: Path) -> None:
    assert add(write(tmp_path / "t.xls", text(ROWS, "\t"))).rows == 3


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
        ("instruction", "synonym"), ("output", "set by --map"), ("topic", "synonym"), ("", "not used"),
        ("id", "same name"),
    ]  # fmt: skip
    assert next(read_upload(upload)) == {
        "instruction": "Was?", "output": "Das.", "topic": "engine", "id": "a", "input": "", "source": "t.jsonl:1",
    }  # fmt: skip


def test_one_topic_for_all(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "question,answer\nWas?,Das.\n")
    with pytest.raises(WeaverError, match="no column for topic"):
        add(path)
    with pytest.raises(WeaverError, match=r"no topic 'enginee'; did you mean 'engine'"):
        add(path, topic="enginee")
    upload = add(path, topic="engine")
    assert (upload.topic, [row["topic"] for row in read_upload(upload)]) == ("engine", ["engine"])


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"answr": "output"}, "no such column; did you mean 'answer'"),
        ({"answer": "outputs"}, "no such field; did you mean 'output'"),
        ({"question": "output", "answer": "output"}, "both columns 'question' and 'answer' map to output"),
    ],
)
def test_a_wrong_map_is_told(columns: dict[str, str], said: str, tmp_path: Path) -> None:
    with pytest.raises(WeaverError, match=said):
        add(write(tmp_path / "t.csv", text(ROWS)), columns=columns)


def test_two_columns_for_one_field_are_not_guessed(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "question,answer,reply,topic\nWas?,Das.,Dies.,engine\n")
    with pytest.raises(WeaverError, match="both columns 'answer' and 'reply' map to output"):
        add(path)
    assert [row["output"] for row in read_upload(add(path, columns={"reply": ""}))] == ["Das."]
