"""CSV and encodings beyond the field cases: each variant gives the rows that its writer meant."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.core.errors import WeaverError
from pipelines.datasets.upload import read_upload

from .upload_files import HEADER, ROWS, add, rejected_rows, text, write

pytestmark = pytest.mark.usefixtures("home")

A, B = "The mixture, bank 1, is lean.", "Random; or multiple misfires."
PLAIN = [["What does P0171 mean?", "", A, "code_meaning"], ["What does P0300 mean?", "", B, "code_meaning"]]


def quoted(separator: str = ",", rows: list[list[str]] = PLAIN, **options: object) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL, **options).writerows([HEADER, *rows])  # type: ignore[arg-type]
    return out.getvalue()


VARIANTS: dict[str, str | bytes] = {
    "sep=tab": "sep=\t\n" + quoted("\t"),
    "sep=pipe, quoted": '"sep=|"\r\n' + quoted("|"),
    "sep=comma with commas behind": "sep=,,,,\n" + quoted(),
    "pipes": quoted("|"),
    "tildes": quoted("~"),
    "carets": quoted("^"),
    "semicolons with a trailing one": "".join(f"{line};\n" for line in quoted(";").splitlines()),
    "two trailing commas in rows alone": "".join(
        line + ("," * 2 if number else "") + "\n" for number, line in enumerate(quoted().splitlines())
    ),
    "blanks around separators": "question , context , answer , topic\n"
    + "".join(f'"{q}" , "{c}" , "{a}" , "{t}"\n' for q, c, a, t in PLAIN),
    "backslash escapes of MySQL with no value": "question,context,answer,topic\n"
    + "".join(f'"{q}",\\N,"{a}","{t}"\n' for q, _, a, t in PLAIN),
    "apostrophes as quotes": quoted(quotechar="'"),
    "a title and a date above": "Stock and service\nPrinted on 2024-01-15\n\n" + quoted(),
    "a title with as many separators": "Service questions,,,\n,,,\n" + quoted(),
    "lines of old Macs": quoted(lineterminator="\r"),
    "a mark and sep=": b"\xef\xbb\xbfsep=;\r\n" + quoted(";").encode(),
    "UTF-16 with tabs, as Excel saves Unicode text": quoted("\t").encode("utf-16"),
    "UTF-16 without a mark": quoted("\t").encode("utf-16-le"),
    "UTF-32": quoted().encode("utf-32"),
    "lines of totals and the end of a report": quoted() + "Total,2,,\nEnd of report\n",
}


@pytest.mark.parametrize("content", VARIANTS.values(), ids=VARIANTS.keys())
def test_a_dialect_gives_the_rows_that_were_written(content: str | bytes, tmp_path: Path) -> None:
    upload = add(write(tmp_path / "t.csv", content))
    fields = ("instruction", "input", "output", "topic")
    assert [[row[field] for field in fields] for row in read_upload(upload)] == PLAIN


@pytest.mark.parametrize("suffix", ["tsv", "tab", "txt", "psv"])
def test_text_files_of_other_suffixes(suffix: str, tmp_path: Path) -> None:
    assert add(write(tmp_path / f"t.{suffix}", quoted("|" if suffix == "psv" else "\t"))).rows == 2


def test_quotes_in_an_unquoted_file_are_inches(tmp_path: Path) -> None:
    lines = ["question\tanswer\ttopic", 'How wide is it?\t5" wide\tengine', '"As is": what is it?\t12" x 1/2"\tengine']
    upload = add(write(tmp_path / "t.tsv", "\n".join(lines)))
    assert [row["output"] for row in read_upload(upload)] == ['5" wide', '12" x 1/2"']


def test_a_quote_that_stays_open_costs_its_own_line(tmp_path: Path) -> None:
    content = text(ROWS[:1]) + 'What now?,,"Replaced 5 hose,engine\n' + text(ROWS[1:]).partition("\n")[2]
    upload = add(write(tmp_path / "t.csv", content))
    assert upload.rows == 3
    (bad,) = rejected_rows(upload)
    assert (bad["line"], bad["reason"]) == (3, "a quote that is not closed or not doubled")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('"Fit a 5" hose, 3" long"', 'Fit a 5" hose, 3" long'),
        ('"Rims of 17""', 'Rims of 17"'),
        ('"Rims of 17", 18" or 19""', 'Rims of 17", 18" or 19"'),
        ('"Replace the pads.""', "Replace the pads."),
        ('"Look for "P0420", then clear it"', 'Look for "P0420", then clear it'),
        ('"A ""quick"" look at the 3/8" drain, please"', 'A "quick" look at the 3/8" drain, please'),
    ],
)
def test_a_quote_that_can_be_read_in_one_way_only_is_and_is_told(written: str, read: str, tmp_path: Path) -> None:
    upload = add(write(tmp_path / "t.csv", text(ROWS[:1]) + f"What now?,,{written},engine\n"))
    assert [row["output"] for row in read_upload(upload)] == [ROWS[0][2], read]
    assert upload.notes == [f"line 3 has a quote that is not doubled; it is read as: What now? |  | {read} | engine"]


@pytest.mark.parametrize(
    "written",
    [
        '"the door"s edge"',
        '"a","b" c"',
        '"left" of it',
    ],
)
def test_a_quote_that_can_be_read_in_several_ways_or_in_none_sets_its_line_aside(written: str, tmp_path: Path) -> None:
    upload = add(write(tmp_path / "t.csv", text(ROWS) + f"What now?,{written},engine,engine\n"))
    assert upload.rows == 3
    assert sum(upload.rejected.values()) == 1


def test_lines_after_a_bad_quote_keep_their_numbers(tmp_path: Path) -> None:
    content = text([["q", "", "a\nb", "engine"]]) + '"x" y,,a,engine\nq,,"b,engine\nq,,c,nowhere\n'
    upload = add(write(tmp_path / "t.csv", content))
    assert [(row["line"], row["reason"]) for row in rejected_rows(upload)] == [
        (4, "a quote that is not closed or not doubled"), (5, "a quote that is not closed or not doubled"),
        (6, "unknown topic"),
    ]  # fmt: skip


def test_two_columns_of_one_name_that_matter_are_asked_about(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "question,answer,answer,topic\nWas?,Das.,Dies.,engine\n")
    with pytest.raises(WeaverError, match=r"both columns 'answer' and 'answer \(2\)' map to output"):
        add(path)
    assert [row["output"] for row in read_upload(add(path, columns={"answer": ""}))] == ["Dies."]


def test_a_file_without_a_header_is_said_to_have_none(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "What does P0171 mean?,It is lean.,code_meaning\nWhy?,So it is.,engine\n")
    with pytest.raises(WeaverError, match="no column for instruction, output") as error:
        add(path)
    assert "--map 'column 1=instruction' --map 'column 2=output' --map 'column 3=topic'" in str(error.value.remedy)
    columns = {"column 1": "instruction", "column 2": "output", "column 3": "topic"}
    upload = add(path, columns=columns)
    assert upload.rows == 2 and "it has no header: its columns are numbered" in upload.notes


def test_some_stray_bytes_do_not_spoil_a_utf8_file(tmp_path: Path) -> None:
    rows = [["Frage?", "", "Prüfe die Kühlung für Größe ß", "engine"]] * 3
    content = text(rows).encode() + text([["Alt?", "", "Für", "engine"]]).partition("\n")[2].encode("cp1252")
    upload = add(write(tmp_path / "t.csv", content))
    assert [row["output"] for row in read_upload(upload)] == [*["Prüfe die Kühlung für Größe ß"] * 3, "Für"]
    assert "some bytes are not utf-8 (line 5, byte 0xfc is the first)" in upload.notes[0]


@pytest.mark.parametrize(
    ("encoding", "word"),
    [("cp1251", "свеча"), ("cp852", "hřídel"), ("cp437", "piñón"), ("mac_roman", "moyeu arrière"),
     ("cp1253", "φτωχό μείγμα"), ("cp1257", "šļūtene"),
     ("gbk", "混合气过稀"), ("shift_jis", "混合気が薄い"), ("koi8_r", "свеча")],
)  # fmt: skip
def test_a_guess_shows_how_to_say_the_code_page(encoding: str, word: str, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", text([["Part?", "", word, "engine"]]).encode(encoding))
    try:
        shown = " ".join(add(path).notes)
    except WeaverError as error:  # bytes that are nothing in Windows-1252
        shown = str(error.remedy)
    assert f"with --encoding {encoding}" in shown
    assert (
        next(read_upload(add(write(tmp_path / "u.csv", path.read_bytes() + b" "), encoding=encoding)))["output"] == word
    )


def test_an_encoding_that_there_is_not_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeaverError, match=r"--encoding cp1255o: there is no such encoding; did you mean 'cp125"):
        add(write(tmp_path / "t.csv", text(ROWS)), encoding="cp1255o")


MAKE: dict[str, Callable[[str], str]] = {
    "upper": str.upper,
    "title": str.title,
    "blanks": lambda t: t.replace("_", " "),
}


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE.keys())
def test_a_topic_may_be_written_as_people_do(make: Callable[[str], str], tmp_path: Path) -> None:
    upload = add(write(tmp_path / "t.csv", text([["q", "", "a", make("fuel_economy")]])))
    assert [row["topic"] for row in read_upload(upload)] == ["fuel_economy"]


def test_rows_that_end_early_have_blank_cells_and_broken_ones_are_set_aside(tmp_path: Path) -> None:
    lines = "question,answer,topic,note,by\nWhy?,A plug is worn.,engine\nWhat is it?,A V6.,engine,x,Kim\n"
    broken = "What was done?,Replaced the\nhose and the clamp,engine,x,Kim\n"
    upload = add(write(tmp_path / "t.csv", lines + broken))
    assert [row["output"] for row in read_upload(upload)] == ["A plug is worn.", "A V6."]
    assert [row["line"] for row in rejected_rows(upload)] == [4, 5]
    assert upload.rejected == {"number of cells differs from the header": 2}


def test_lines_that_are_quoted_as_a_whole(tmp_path: Path) -> None:
    lines = [f'"{line.replace(chr(34), chr(34) * 2)}"' for line in text(ROWS).splitlines()]
    upload = add(write(tmp_path / "t.csv", "\n".join(lines) + "\n"))
    assert [row["output"] for row in read_upload(upload)] == [row[2] for row in ROWS]
    assert "each line is quoted as a whole: these quotes are left out" in upload.notes


def test_blanks_around_texts_are_left_out(tmp_path: Path) -> None:
    table = "| question | answer | topic |\n|---|---|---|\n| Why? | A plug is worn. | engine |\n"
    (row,) = read_upload(add(write(tmp_path / "t.txt", table)))
    assert (row["instruction"], row["output"]) == ("Why?", "A plug is worn.")
