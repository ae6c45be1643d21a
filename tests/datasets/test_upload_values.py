"""Values that stand for none, formulas, roles of columns, tables of records, rows too long to train on."""

import json
from pathlib import Path

import pytest

from pipelines.clients.token_counter import TokenCounter
from pipelines.core.errors import WeaverError
from pipelines.datasets.upload import read_upload, stage_upload
from pipelines.datasets.upload.cell_values import is_formula, is_totals_row
from pipelines.datasets.upload.role_guess import guess_role
from pipelines.text.no_value import is_no_value

from .upload_files import T, add, assert_nothing_kept, text, write

pytestmark = pytest.mark.usefixtures("home")


@pytest.mark.parametrize(
    "value",
    [
        "#N/A",
        "#REF!",
        "#DIV/0!",
        "#NAME?",
        "#¡REF!",
        "#BEZUG!",
        "#NV",
        "######",
        "NULL",
        "null",
        "\\N",
        "nan",
        "NaN",
        "<NA>",
        "N/A",
        "n.a.",
        "None",
        "(blank)",
        "-",
        "--",
        "—",
        "?",
        "...",
        "TBD",
        "[TBD]",
        "to be determined",
        "see above",
        "See above.",
        "same as above",
        "see note 4",
        "Please see attached",
        "N/A - see above",
        "ditto",
        "unknown",
        "Not available",
        "",
        "k. A.",
        "keine Angabe",
        "siehe oben",
        "sin datos",
        "No aplica.",
        "N/D",
        "néant",
        "voir ci-dessus",
        "brak danych",
        "нет данных",
        "なし",
        "#REF",
        "[object Object]",
        "Loading...",
    ],
)
def test_a_value_that_stands_for_none(value: str) -> None:
    assert is_no_value(value)


@pytest.mark.parametrize(
    "value",
    [
        "0",
        "0.0",
        "No",
        "No codes.",
        "None of the above.",
        "50%",
        "✓",
        "5",
        "A",
        "X",
        "Nissan",
        "NA engine code",
        "See your dealer for the recall.",
        "See the owner's manual, page 12.",
        "#3 cylinder",
        "Same day.",
        "Unknown to the scanner, so check the fuse.",
        "-5",
        "- 5 V",
        "Kein Fehler gespeichert.",
        "Offen",
        "Sin fugas.",
        "なし寄りのあり",
        "Loading dock 3",
    ],
)
def test_a_value_is_one(value: str) -> None:
    assert not is_no_value(value)


@pytest.mark.parametrize(
    "value",
    ["=SUM(A1:A3)/2", "=A1", "='My Sheet'!B2*2", '=IF(A1>3,"x","y")', "=VLOOKUP(A2,B:C,2,FALSE)", "=NOW()", "+A1*2",
     "@SUM(A1)", "-1+cmd|' /C calc'!A0", "=-5", '=HYPERLINK("http://a.b","c")', "=SVERWEIS(A2;B:C;2;FALSCH)",
     "=SI(A1>0;VRAI;FAUX)", '=WENN(B2="";Preis*2;0)'],
)  # fmt: skip
def test_a_formula_is_one(value: str) -> None:
    assert is_formula(value)


@pytest.mark.parametrize(
    "value",
    ["-R/R alternator", "+12V at pin 3", "@driver side", "= OK", "=no change", "== same", "@user's answer", "-1/2 turn",
     "+5/-3 mm", "-B12", "-A/C inop", "@3500 RPM", "-40/+85 C", "+B1 S1 sensor", "= 5 V", "-ABS(front) replaced",
     "=> replaced; =< 3 mm left", "-Replaced pads (front)", "+1 (555) 123-4567", 
     "=done (see note)", "=ok", "=A/C works", "@Kim(service): call"],
)  # fmt: skip
def test_a_note_is_no_formula(value: str) -> None:
    assert not is_formula(value)


def test_totals_are_no_records() -> None:
    assert is_totals_row(["Total", 5, None]) and is_totals_row(["", "Grand total:", "$1,040.45"])
    assert is_totals_row(["Page 1 of 3"])
    assert not is_totals_row(["Total loss", "What is a total loss?", "It is."]) and not is_totals_row(["5", "6"])


def test_a_no_value_in_an_optional_column_is_left_out(tmp_path: Path) -> None:
    upload = add(write(tmp_path / "t.csv", text([["q", "#N/A", "a", "engine"], ["r", "-", "b", "engine"]])))
    assert [row["input"] for row in read_upload(upload)] == ["", ""]


ROLES = {
    "question": ["How old is it?", "What does it cost?"],
    "answer": ["It is three years old.", "It costs 40 dollars."],
    "topic": ["Engine", "code meaning"],
    "date": ["2024-01-15", "2024-02-01"],
    "amount": ["$12.50", "$1,040.45"],
    "number": ["12", "14"],
    "id": ["1HGBH41JXMN109186", "5YJSA1E14HF123456"],
    "": [],
}


@pytest.mark.parametrize(("role", "values"), ROLES.items())
def test_the_role_of_a_column_is_seen_in_its_values(role: str, values: list[str]) -> None:
    assert guess_role("column 1", values, ["engine", "code_meaning"]) == role


FAQ = "Anliegen,Auskunft,Bereich,Datum\n" + "".join(
    f'What does P030{n} mean?,"Cylinder {n} misfires, and the light is on.",code_meaning,2024-01-0{n}\n'
    for n in "123456"
)


def test_a_guess_is_shown_and_confirmed_by_one_command(tmp_path: Path) -> None:
    path = write(tmp_path / "faq.csv", FAQ)
    with pytest.raises(WeaverError) as error:
        add(path)
    options = "--map Anliegen=instruction --map Auskunft=output --map Bereich=topic"
    assert options in str(error.value.remedy) and "Datum=" not in str(error.value)
    with stage_upload(T, str(path), guess=True) as staged:
        (upload,) = staged.uploads
        assert " ".join(upload.confirm) == options
        assert {c["column"]: (c["role"], c["how"]) for c in upload.columns}["Datum"] == ("date", "not used")
    assert_nothing_kept()
    columns = {"Anliegen": "instruction", "Auskunft": "output", "Bereich": "topic"}
    assert add(path, columns=columns).rows == 6


def test_advice_names_no_column_that_makes_no_sense(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "question,Date,Price\nWhat?,2024-01-15,$4\nWhy?,2024-01-16,$5\n")
    with pytest.raises(WeaverError, match="no column for output, topic") as error:
        add(path)
    assert "Date=" not in str(error.value) and "Price=" not in str(error.value)
    assert "--topic NAME" in str(error.value.remedy)


STOCK = (
    "VIN,Model Year,Make,Model,Cylinders,Transmission,Highway MPG,Price\n"
    "1HGBH41JXMN109186,2021,Honda,Civic,4,manual,38,21000\n"
    "1FTFW1ET5DFC12345,2019,Ford,Focus,4,automatic,36,9000\n"
    "Total,,,,,,,30000\n"
)


def test_a_template_asks_its_own_questions_of_records(tmp_path: Path) -> None:
    path = write(tmp_path / "stock.csv", STOCK)
    upload = add(path, columns={"Model Year,Make,Model,Cylinders,Transmission,Highway MPG,Price": "input"})
    rows = list(read_upload(upload))
    assert upload.rejected == {"a totals row": 1}
    assert {row["topic"] for row in rows} == {"engine", "drivetrain", "fuel_economy"} and len(rows) == 6
    highway = next(row for row in rows if row["topic"] == "fuel_economy")
    assert highway["output"] == "Its highway fuel economy is 38 mpg."
    assert highway["input"] == "2021 Honda Civic | cylinders 4 | transmission manual | highway 38 mpg | price 21000"
    assert (highway["key"], highway["kind"]) == ("1HGBH41JXMN109186", "grounded")
    assert any(road in highway["instruction"].lower() for road in ("highway", "hwy", "motorway", "freeway"))


def test_records_without_a_known_column_need_a_topic(tmp_path: Path) -> None:
    path = write(tmp_path / "bins.csv", "Part,Bin,Shelf\nfilter,C14,3\nrelay,B2,1\n")
    with pytest.raises(WeaverError, match="the template has no question about Part, Bin, Shelf") as error:
        add(path, columns={"Part,Bin,Shelf": "input"})
    assert "--topic NAME" in str(error.value.remedy)
    rows = list(read_upload(add(path, columns={"Part,Bin,Shelf": "input"}, topic="engine")))
    assert [(row["instruction"], row["output"]) for row in rows[:2]] == [
        ("What is the bin?", "The bin is C14."), ("What is the shelf?", "The shelf is 3."),
    ]  # fmt: skip


def test_only_the_input_may_have_several_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "a,b,c\nx,y,z\n")
    with pytest.raises(WeaverError, match="only input may have several columns"):
        add(path, columns={"a,b": "output"})
    with pytest.raises(WeaverError, match=r"--map bb: t\.csv has no such column"):
        add(path, columns={"a,bb": "input"})


def test_tokens_are_counted_as_fine_tuning_does() -> None:
    case = Path(__file__).parent / "uploads" / "long_row2.jsonl"
    row = json.loads(case.read_text())
    prompt = "You are a dealership service advisor."
    counter = TokenCounter("smollm2-135m", prompt)
    assert counter.excess([{"instruction": "", "input": "", "output": ""}, row], 256) == [None, 576]
    assert counter.excess([row], 576) == [None]
    assert counter.excess([row], 575) == [576]
    assert TokenCounter("mistralai/none-such", prompt).excess([row], 16) == [None], "not on this machine"


def test_a_text_that_is_written_as_a_formula_keeps_its_zeros(tmp_path: Path) -> None:
    lines = 'question,answer,topic\n"Which part number has the filter?","=""004152""",engine\n'
    (row,) = read_upload(add(write(tmp_path / "t.csv", lines)))
    assert row["output"] == "004152"
