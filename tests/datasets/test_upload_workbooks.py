"""Workbooks: cells as Excel shows them, sheets, merged cells, results of formulas."""

import datetime
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from pipelines.core.errors import WeaverError
from pipelines.datasets.upload import read_upload
from pipelines.readers.number_formats import format_value

from .upload_files import HEADER, ROWS, add, rejected_rows, workbook

pytestmark = pytest.mark.usefixtures("home")

SHOWN: list[tuple[Any, str, str]] = [
    (4152, "000000", "004152"),
    (0.35, "0%", "35%"),
    (0.1234, "0.00%", "12.34%"),
    (1234.5, '"$"#,##0.00', "$1,234.50"),
    (1234.5, "$#,##0.00", "$1,234.50"),
    (-1234.5, '"$"#,##0.00_);[Red]\\("$"#,##0.00\\)', "($1,234.50)"),
    (1234.5, '_("$"* #,##0.00_);_("$"* \\(#,##0.00\\);_("$"* "-"??_);_(@_)', "$1,234.50"),
    (0, '_("$"* #,##0.00_);_("$"* \\(#,##0.00\\);_("$"* "-"??_);_(@_)', "$-"),
    (1234.5, "[$€-407] #,##0.00", "€ 1,234.50"),
    (1234.5, "#,##0.00 [$€-1]", "1,234.50 €"),
    (1234567, "#,##0,", "1,235"),
    (1250000, '0.0,,"M"', "1.3M"),
    (0.5, "#.##", ".5"),
    (2.0, "0.0#", "2.0"),
    (2.125, "0.00", "2.13"),
    (-0.001, "0.00", "0.00"),
    (1234567890, "0.00E+00", "1.23E+09"),
    (5551234567, "(000) 000-0000", "(555) 123-4567"),
    (123456789, "000-00-0000", "123-45-6789"),
    (7.375, "# ?/?", "7 3/8"),
    (0.15625, "# ?/32", "5/32"),
    (12, '0" mm"', "12 mm"),
    (12, "0\\ \\m\\i", "12 mi"),
    (5, '[<1]"none";[<10]"few";"many"', "few"),
    (41200, "General", "41200"),
    (0.1 + 0.2, "General", "0.3"),
    (2.50, "General", "2.5"),
    (123456789012345, "General", "123456789012345"),
    (7, '"yes";;"no"', "yes"),
    (True, "General", "TRUE"),
    (datetime.datetime(2024, 1, 15), "mm-dd-yy", "2024-01-15"),
    (datetime.datetime(2024, 1, 15), "dd/mm/yyyy", "15/01/2024"),
    (datetime.datetime(2024, 1, 15), "d-mmm-yy", "15-Jan-24"),
    (datetime.datetime(2024, 1, 15), "[$-409]mmmm d, yyyy;@", "January 15, 2024"),
    (datetime.datetime(2024, 1, 15), "dddd", "Monday"),
    (datetime.datetime(2024, 1, 15, 14, 5), "m/d/yyyy h:mm AM/PM", "1/15/2024 2:05 PM"),
    (datetime.datetime(2024, 1, 15, 14, 5, 9), "yyyy-mm-dd hh:mm:ss", "2024-01-15 14:05:09"),
    (datetime.time(7, 30), "h:mm AM/PM", "7:30 AM"),
    (datetime.time(0, 5), "h:mm AM/PM", "12:05 AM"),
    (datetime.timedelta(hours=26, minutes=30), "[h]:mm", "26:30"),
    (datetime.timedelta(minutes=90), "[mm]:ss", "90:00"),
    ("P0171", '"code "@', "code P0171"),
    ("text", "@", "text"),
]


@pytest.mark.parametrize(("value", "number_format", "shown"), SHOWN)
def test_a_value_is_shown_as_excel_shows_it(value: Any, number_format: str, shown: str) -> None:
    assert format_value(value, number_format) == shown


def book_of(path: Path, rows: list[list[Any]], merged: tuple[str, ...] = ()) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cells in merged:
        book.active.merge_cells(cells)
    book.save(path)
    return path


def answers(upload: Any) -> list[str]:
    return [row["output"] for row in read_upload(upload)]


def test_merged_answers_and_headers_below_a_title(tmp_path: Path) -> None:
    rows = [
        ["Questions of the counter", None, None],
        ["question", "answer", "topic"],
        ["What is it?", "The same answer for both.", "engine"],
        ["And this?", None, None],
        ["Average", 3, None],
    ]
    upload = add(book_of(tmp_path / "t.xlsx", rows, ("A1:C1", "B3:B4", "C3:C4")))
    assert answers(upload) == ["The same answer for both."] * 2
    assert upload.rejected == {"a totals row": 1}
    assert "the header is in row 2; above it: Questions of the counter" in upload.notes


def test_a_merged_header_of_two_rows(tmp_path: Path) -> None:
    rows = [["topic", "Counter", None], [None, "question", "answer"], ["engine", "What?", "That."]]
    upload = add(book_of(tmp_path / "t.xlsx", rows, ("A1:A2", "B1:C1")))
    assert [(row["topic"], row["output"]) for row in read_upload(upload)] == [("engine", "That.")]


def test_the_result_of_a_formula_is_read(tmp_path: Path) -> None:
    """openpyxl writes no results; they are put in as Excel writes them."""
    path = book_of(tmp_path / "t.xlsx", [HEADER, ["q", "", "=B9*2", "engine"], ["r", '=IF(1,"","")', "b", "engine"]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].decode()
    sheet = sheet.replace("<f>B9*2</f><v></v>", "<f>B9*2</f><v>84</v>").replace(
        "<f>B9*2</f><v />", "<f>B9*2</f><v>84</v>"
    )
    sheet = sheet.replace('<c r="B3"', '<c r="B3" t="str"')
    parts["xl/worksheets/sheet1.xml"] = sheet.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    upload = add(path)
    assert (answers(upload), upload.rejected) == (["84", "b"], {})


def test_a_fault_names_the_sheet(tmp_path: Path) -> None:
    rows = [HEADER, *ROWS, ["q", "", "a", "nowhere"]]
    upload = add(workbook(tmp_path / "t.xlsx", [["Dealer 0042"]], Answers=rows))
    assert upload.rows == 3
    assert upload.examples[0].startswith("t.xlsx, sheet Answers, row 5: unknown topic: 'nowhere'")
    assert rejected_rows(upload)[0]["sheet"] == "Answers"


def test_of_two_sheets_with_columns_the_first_is_read_and_the_other_can_be(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", [HEADER, *ROWS], May=[HEADER, *ROWS[:1]])
    assert add(path).notes == ["sheets that are not read: May; --sheet NAME reads another one"]
    assert add(path, sheet="may ").rows == 1
    with pytest.raises(WeaverError, match="no sheet 'Mai'; did you mean 'May'"):
        add(path, sheet="Mai")


def test_a_workbook_with_macros_is_read(tmp_path: Path) -> None:
    assert add(workbook(tmp_path / "t.xlsx", [HEADER, *ROWS]).rename(tmp_path / "t.xlsm")).rows == 3


def test_a_hidden_sheet_is_read_if_only_it_has_the_columns(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", [["Dealer 0042"], ["Printed", "2024-01-05"]], Data=[HEADER, *ROWS])
    book = openpyxl.load_workbook(path)
    book["Data"].sheet_state = "hidden"
    book.save(path)
    upload = add(path)
    assert (upload.rows, upload.sheet) == (3, "Data")
    assert "sheet Data (hidden) is read, because it has the columns" in upload.notes


OOXML, STRICT = b"http://schemas.openxmlformats.org/", b"http://purl.oclc.org/ooxml/"


def test_a_strict_workbook_is_named(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", [HEADER, *ROWS])
    strict = tmp_path / "strict.xlsx"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(strict, "w") as target:
        for name in source.namelist():
            content = source.read(name).replace(OOXML + b"spreadsheetml/2006/main", STRICT + b"spreadsheetml/main")
            content = content.replace(OOXML + b"officeDocument/2006", STRICT + b"officeDocument")
            target.writestr(name, content)
    with pytest.raises(WeaverError, match="Strict Open XML"):
        add(strict)
