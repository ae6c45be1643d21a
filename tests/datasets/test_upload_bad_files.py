"""A file that cannot be read is refused by name, and none, however large or made, fills the memory."""

import gzip
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.core.errors import WeaverError
from pipelines.readers import encodings

from .upload_files import HEADER, ROWS, add, assert_nothing_kept, objects, text, workbook, write

pytestmark = pytest.mark.usefixtures("home")


OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


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
    "empty workbook": (lambda p: workbook(p / "t.xlsx", []), r"t\.xlsx has no rows"),
    "blank lines": (table("\n\n"), r"t\.csv has no rows"),
    "header alone": (table(text([])), "no row can be used"),
    "a web page": (table(" \n<!DOCTYPE html><html>"), r"t\.csv is a web page"),
    "a web page as a workbook": (lambda p: write(p / "t.xlsx", "<html>"), r"t\.xlsx is a web page"),
    "a workbook as csv": (
        lambda p: workbook(p / "x.xlsx", [HEADER]).rename(p / "t.csv"), r"t\.csv is a \.xlsx or \.zip file, despite",
    ),
    "an old workbook": (lambda p: write(p / "t.xls", OLD),
                        r"t\.xls is a workbook of Excel 2003[^\n]*\n.*save it as \.xlsx"),
    "a workbook with a password": (lambda p: write(p / "t.xlsx", OLD), r"t\.xlsx has a password, or is a workbook of"),
    "a web page as an old workbook": (lambda p: write(p / "t.xls", "<html><table>"),
                                    r"web page.*\n.*save it as \.xlsx"),
    "a text as a workbook": (lambda p: write(p / "t.xlsx", text(ROWS)), r"is a text file.*\n.*Name it \.csv"),
    "a workbook of LibreOffice": (lambda p: write(p / "t.ods", b"PK\x03\x04"),
                                  r"of LibreOffice.*\n.*save it as \.xlsx"),
    "no suffix": (lambda p: write(p / "rows", text(ROWS)), r"rows has no suffix, such as \.csv"),
    "no parquet": (lambda p: write(p / "t.parquet", "question"), r"t\.parquet is not a \.parquet file"),
    "half a parquet": (lambda p: write(p / "t.parquet", "PAR1 and no more"), "cannot be read as Parquet"),
    "half a workbook": (lambda p: write(p / "t.xlsx", b"PK\x03\x04 and no more"), r"t\.xlsx is a broken archive"),
    "a zip that is no workbook": (lambda p: two_in_one(p / "t.xlsx"), "cannot be read as a workbook"),
    "another kind": (lambda p: write(p / "t.docx", "x"), r"t\.docx is a document.*\n.*one per row"),
    "binary": (table(b"a,b\n\0\1\2"), "is binary, or UTF-16 without"),
    "no encoding": (table(text(ROWS).encode() + b"\x81\n"), "not cp1252: line 5, byte 0x81"),
    "half of UTF-16": (table(text(ROWS).encode("utf-16") + b"\x00"), r"t\.csv, line \d+: .*utf-16"),
    "a long line": (jsonl(objects(ROWS[:1]) + '{"question": "' + "x" * (1 << 21)),
                    r"t\.jsonl, line 2 is longer than"),
    "an open quote": (table(text([]) + '"' + "x,y\n" * 3000), "line 2: a quote that is not closed"),
    "text behind a quote": (table(text([]) + '"a"b,c,d,e\n'), r"t\.csv, line 2: .*expected"),
    "an array of texts": (jsonl(json.dumps(["a"])), "contains no JSON object: "),
    "half an array": (jsonl('[{"question": "a"},\n{"question": '), r"t\.jsonl, line 2 is not JSON: "),
    "no JSON": (jsonl("question: what?"), "contains no JSON object: Expecting value"),
    "two columns of a name": (table("answer,answer\na,b\n"), "both columns 'answer' and .answer \\(2\\)"),
    "no row": (table(text([["", "", "a", "engine"]])), "(?s)no row can be used.*line 2: no instr"),
    "a zip bomb": (lambda p: bomb(p / "t.zip", "t.csv"), r"t\.zip has \d+ bytes and unpacks to 67108864"),
    "a bomb of a workbook": (lambda p: bomb(p / "t.xlsx", "xl/workbook.xml"), "bytes and unpacks to 67108864"),
    "a gzip bomb": (lambda p: write(p / "t.csv.gz", gzip.compress(bytes(64 << 20))), r"gz has \d+ bytes and unpacks"),
    "an archive that lies": (lambda p: lying(p / "t.zip"), "cannot be unpacked: Bad CRC"),
    "half a gzip": (lambda p: write(p / "t.csv.gz", gzip.compress(text(ROWS).encode())[:-20]), "cannot be unpacked"),
    "a device": (lambda p: Path("/dev/null"), "is neither a file nor a folder"),
    "none in one": (lambda p: bomb(p / "t.zip", "t.exe"), "unpacks to 67108864"),
    "nothing there": (lambda p: write(p / "t.csv", "x").with_name("s.csv"), r"does not exist; did you mean '.*t\.csv'"),
    "an empty folder": (lambda p: p, "contains no "),
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


def test_a_large_file_is_streamed(tmp_path: Path) -> None:
    """A file of 8 MB takes a few MB."""
    said = [part * 12 for part in ("brake pads are worn ", "the rotor is 21 mm ", "replace both sides ")]
    rows = "".join(objects([[f"{i} {said[0]}", said[1], said[2], "engine"]]) for i in range(12_000))
    write(tmp_path / "t.jsonl", rows)
    assert (tmp_path / "t.jsonl").stat().st_size > 8 << 20
    tracemalloc.start()
    assert add(tmp_path / "t.jsonl").rows == 12_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 << 20


def test_the_bound_of_a_line_is_of_the_text(tmp_path: Path) -> None:
    """What is just short enough is read, in whatever encoding."""
    line = "é" * encodings.MAX_LINE_CHARS
    for encoding in ("utf-8", "utf-16", "cp1252"):
        path = write(tmp_path / f"{encoding}.csv", line.encode(encoding))
        assert list(encodings.read_lines(path, path.name, encoding)) == [line]
        with pytest.raises(WeaverError, match="line 1 is longer than"):
            list(encodings.read_lines(write(path, (line + "é").encode(encoding)), path.name, encoding))
