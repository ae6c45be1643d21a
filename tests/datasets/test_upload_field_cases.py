"""Files as dealerships export them, each with its right result."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import WeaverError
from pipelines.datasets.upload import read_upload, remove_upload

from .upload_files import T, add, assert_nothing_kept

pytestmark = pytest.mark.usefixtures("home")

CASES = Path(__file__).parent / "uploads"


def outputs(upload: Any) -> list[str]:
    return [row["output"] for row in read_upload(upload)]


def test_a_row_that_is_too_long_to_train_on_is_refused_by_its_line() -> None:
    with pytest.raises(
        WeaverError, match=r"long_row2\.jsonl, line 1: too long to train on: it has 576 tokens"
    ) as error:
        add(CASES / "long_row2.jsonl")
    assert "train.max_length is 384" in str(error.value)
    assert_nothing_kept()


def test_a_cell_is_what_excel_shows() -> None:
    upload = add(CASES / "displayed.xlsx")
    shown = ["004152", "35%", "$1,234.50", "2024-01-15", "1:30", "7:30 AM", "41,200", "TRUE", "108", "02138"]
    assert (outputs(upload), upload.rejected) == (shown, {})
    assert next(read_upload(upload))["key"] == "004152"


def test_a_merged_topic_is_of_all_its_rows() -> None:
    upload = add(CASES / "merged_topic.xlsx")
    topics = [row["topic"] for row in read_upload(upload)]
    assert topics == ["code_meaning"] * 3 + ["engine"] * 2
    assert upload.rejected == {"a totals row": 1}


@pytest.mark.parametrize(
    ("name", "kept", "refused"),
    [
        ("error_answers.jsonl", ["0"], {"no output": 9}),
        ("error_cells.csv", ["The mixture is too lean."], {"no output": 6}),
        ("error_cells.xlsx", ["The mixture is too lean."], {"a spreadsheet formula": 1, "no output": 2}),
    ],
)
def test_an_error_cell_is_no_answer(name: str, kept: list[str], refused: dict[str, int]) -> None:
    upload = add(CASES / name)
    assert (outputs(upload), upload.rejected) == (kept, refused)


def test_notes_that_begin_like_formulas_are_texts() -> None:
    upload = add(CASES / "notes_like_formulas.csv")
    assert outputs(upload) == [
        "-Replaced front pads, turned rotors", "@60000 miles or 6 years", "+/-0.5 V at idle", "-20 to -30 C",
        "=> no fault found", "--- no codes stored ---",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("trailing_commas.csv", ["The mixture is too lean (bank 1).", "Random or multiple misfires."]),
        ("sep_line.csv", ["The mixture is too lean, bank 1.", "Random or multiple misfires."]),
        ("space_quote.csv", ["The mixture, bank 1, is lean."]),
        ("backslash_quote.csv", ["Diagnostic trouble code, stored."]),
        ("inch_quote.csv", ['Replaced 5" hose, refilled coolant', "The mixture is too lean."]),
        ("duplicate_headers.csv", ["The mixture is too lean."]),
        ("tabs.tsv", ["The mixture is lean."]),
        ("cover_sheet.xlsx", ["The mixture is too lean."]),
        ("alpaca.json", ["6 gears.", "A large leak in the evaporative emission system."]),
        ("alpaca_named.jsonl", ["6 gears.", "A large leak in the evaporative emission system."]),
    ],
)
def test_every_dialect_gives_its_rows(name: str, answers: list[str]) -> None:
    assert outputs(add(CASES / name)) == answers


def test_a_line_that_can_be_read_in_one_way_is_and_the_report_says_so() -> None:
    upload = add(CASES / "inch_quote.csv")
    assert upload.rejected == {}
    assert upload.notes == [
        'line 2 has a quote that is not doubled; it is read as: What was done? | Replaced 5" hose, refilled coolant | '
        "code_check"
    ]


def test_the_sheet_with_columns_is_read_and_the_others_are_named() -> None:
    upload = add(CASES / "cover_sheet.xlsx")
    assert upload.format == "workbook, sheet Data"
    assert upload.notes[0] == "sheets that are not read: Cover, Lookup (hidden); --sheet NAME reads another one"
    assert next(read_upload(upload))["source"] == "cover_sheet.xlsx, sheet Data:2"


def test_conversations_become_rows() -> None:
    first, second, third = read_upload(add(CASES / "openai_messages.jsonl", topic="code_meaning"))
    assert first["instruction"] == "What does code P0420 mean on my wagon?" and first["input"] == ""
    assert (second["instruction"], second["input"]) == (
        "How many cylinders does it have?", "2019 Kia Soul | cylinders 4",
    )  # fmt: skip
    assert third["input"] == "User: My brakes squeal.\nAssistant: How many miles are on the pads?"
    assert (third["instruction"], third["output"]) == ("About 40000.", "Then have the pads measured this week.")
    shared = add(CASES / "sharegpt.json", topic="code_meaning")
    assert outputs(shared) == ["Cylinder 1 misfires.", "Check the coolant level, then the thermostat."]


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("vehicle_inventory.csv", "--map Year,Make,Model,Trim,Mileage,Color,PurchasePrice,ListPrice,"),
        ("lubelog_service.csv", "--map Date,Odometer,Description,Notes,Cost=input"),
    ],
)
def test_a_table_of_records_is_told_what_a_row_is(name: str, option: str) -> None:
    with pytest.raises(WeaverError, match="A row must have a question") as error:
        add(CASES / name)
    assert option in str(error.value.remedy)


def test_several_columns_are_the_record() -> None:
    columns = {"Date,Odometer,Cost": "input", "Description": "instruction", "Notes": "output"}
    first, second = read_upload(add(CASES / "lubelog_service.csv", columns=columns, topic="code_check"))
    assert first["input"] == "date 01/01/2020 | odometer 45000 | cost 20.60"
    assert second["instruction"] == "Oil and filter due"
    assert second["output"] == "Changed oil and filter and reset the reminder"


@pytest.mark.parametrize(("name", "encoding"), [("cp1250.csv", "cp1250"), ("macroman.csv", "mac_roman")])
def test_a_code_page_is_a_guess_and_can_be_said(name: str, encoding: str) -> None:
    guessed = add(CASES / name)
    notes = " ".join(guessed.notes)
    assert guessed.encoding == "cp1252" and "a guess" in notes and f"--encoding {encoding}" in notes
    remove_upload(T, guessed.id)
    text = " ".join(next(read_upload(add(CASES / name, encoding=encoding))).values())
    assert {"cp1250": "świeca", "mac_roman": "café"}[encoding] in text
