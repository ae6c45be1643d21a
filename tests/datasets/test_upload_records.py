"""Exports of dealer management systems: stock lists, repair orders, parts; files in `uploads/`."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import WeaverError
from pipelines.datasets.upload import read_upload, stage_upload

pytestmark = pytest.mark.usefixtures("home")

FILES = Path(__file__).parent / "uploads"


def add_guessed(file: str, template: str = "service_advisor", **options: Any) -> Any:
    """Add a file as a person does who confirms what was guessed."""
    with stage_upload(template, str(FILES / file), guess=True, **options) as staged:
        (upload,) = staged.accept()
    return upload


def test_repair_orders_are_complaint_correction_and_what_they_are_about() -> None:
    upload = add_guessed("repair_orders.csv", topic="code_check")
    assert upload.confirm == [
        "--map Complaint=instruction",
        "--map Correction=output",
        "--map 'Year,Make,Model,Mileage In,Mileage Out,Cause=input'",
    ]
    rows = list(read_upload(upload))
    assert [row["instruction"] for row in rows][::2] == ["C/S BRAKES SQUEAL WHEN STOPPING", "LOF AND ROTATE"]
    assert rows[0]["output"] == "REPLACED FRONT PADS AND RESURFACED ROTORS"
    assert rows[0]["input"] == (
        "2020 HONDA ACCORD | mileage in 32450 | mileage out 32452 | cause FRONT PADS WORN TO 2MM"
    )


def test_repair_orders_of_another_country() -> None:
    upload = add_guessed("werkstatt.csv", topic="code_check")
    (first, _) = read_upload(upload)
    assert (first["instruction"], first["output"]) == ("Bremsen quietschen", "Beläge vorn ersetzt")
    assert first["input"] == "km 45.000 | marke VW | modell Golf"


def test_parts_are_asked_for_by_their_own_names() -> None:
    rows = list(read_upload(add_guessed("parts_inventory.csv", "parts_inventory")))
    assert [row["output"] for row in rows][:2] == [
        "The FILTER ASY OIL is in bin C14.",
        "The KIT - BRAKE LINING is in bin A03.",
    ]
    assert rows[0]["input"].startswith("FILTER ASY OIL | bin C14 | on hand 7 | ")
    assert [row["key"] for row in rows] == ["0001234", "BR3Z2001A", "9L3Z"]
    assert all("~" not in row["instruction"] for row in rows), "questions that are misspelt on purpose are not copied"


def test_a_stock_list_is_asked_about_in_words() -> None:
    upload = add_guessed("stock_list.csv", topic="engine")
    rows = list(read_upload(upload))
    answers = {row["instruction"]: row["output"] for row in rows if row["key"] == "1FTEW1EP5KFA98765"}
    assert answers["What is the exterior color?"] == "The exterior color is Oxford White."
    assert answers["What are the miles?"] == "The miles are 45,610."
    assert answers["What is the internet price?"] == "The internet price is $31,988.00."
    assert answers["Yes or no: certified?"] == "No: certified is N."
    assert "What is the msrp?" not in answers, "it is blank"
    assert upload.rejected == {"a totals row": 1}
    assert {row["key"] for row in rows} == {"1HGCV1F34LA012345", "5FNYF6H59NB054321", "1FTEW1EP5KFA98765"}


def test_a_long_table_is_named_in_short() -> None:
    with pytest.raises(WeaverError, match=r"no question about N/U, Year, Make, .* and 12 more") as error:
        add_guessed("stock_list.csv")
    assert "--topic NAME (one of engine, " in str(error.value.remedy)


def test_lists_within_json_are_no_texts(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text('[{"when": "May", "who": "Kim", "where": "bay", "notes": [{"by": "x", "note": "y"}]}]')
    with stage_upload("service_advisor", str(path), topic="engine", guess=True) as staged:
        (upload,) = staged.accept()
    assert all("{" not in row["input"] for row in read_upload(upload))


FAQ = (
    "Category,Question,Answer\nCheck engine light,What does P0420 mean?,The catalyst is below its threshold.\n"
    "Fuel economy,Why is the mpg lower in winter?,Cold engines use more fuel.\nHours,When are you open?,From 8 to 6.\n"
)


def test_categories_of_ones_own_are_mapped_to_the_templates_topics(tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    path.write_text(FAQ)
    with (
        pytest.raises(WeaverError, match="no topic 'codes'"),
        stage_upload("service_advisor", str(path), topic_names={"Hours": "codes"}),
    ):
        pass
    with stage_upload("service_advisor", str(path)) as staged:
        assert staged.uploads[0].unknown_topics == {"Check engine light": 1, "Hours": 1}
    with stage_upload("service_advisor", str(path), topic_names={"check engine light": "code_meaning"}) as staged:
        (upload,) = staged.accept()
    assert [row["topic"] for row in read_upload(upload)] == ["code_meaning", "fuel_economy"]


REPORT = """DEALER 0042 STOCK REPORT,,,,
PAGE 1 OF 2,,,,
Stock No,Year,Make,Model,Mileage (mi)
P1,2020,Honda,Civic,"18,995"
P2,2021,Kia,Rio,"14,500"
SUBTOTAL,,,,"33,495"
DEALER 0042 STOCK REPORT,,,,
PAGE 2 OF 2,,,,
Stock No,Year,Make,Model,Mileage (mi)
P3,2019,Ford,F-150,"31,988"
END OF REPORT,,,,
"""


def test_a_report_with_pages_gives_its_records(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text(REPORT)
    with stage_upload("service_advisor", str(path), topic="engine", guess=True) as staged:
        (upload,) = staged.accept()
    assert [(row["instruction"], row["output"], row["key"]) for row in read_upload(upload)] == [
        ("What is the mileage?", "The mileage is 18,995.", "P1"),
        ("What is the mileage?", "The mileage is 14,500.", "P2"),
        ("What is the mileage?", "The mileage is 31,988.", "P3"),
    ]
    assert upload.rejected == {"a totals row": 3, "an empty record": 1, "a repeated header": 1}


def test_concern_cause_and_correction(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(
        "Concern,Cause,Correction\nBrakes squeal,Pads worn,Replaced pads\nNo start,Dead battery,Replaced it\n"
    )
    with stage_upload("service_advisor", str(path), topic="code_check", guess=True) as staged:
        (upload,) = staged.accept()
    assert [row["input"] for row in read_upload(upload)] == ["cause Pads worn", "cause Dead battery"]


def test_a_table_without_separators_says_how_to_export_it(tmp_path: Path) -> None:
    path = tmp_path / "spool.txt"
    path.write_text("STOCK  YEAR MAKE  MODEL\nP1     2020 HONDA CIVIC\nP2     2021 KIA   RIO\n")
    with (
        pytest.raises(WeaverError, match="one column: export it with commas or tabs"),
        stage_upload("service_advisor", str(path), topic="engine", guess=True),
    ):
        pass
