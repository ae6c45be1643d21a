"""Values are read by their form, records in any layout, and of several records the one that is meant."""

import json
from collections import Counter
from pathlib import Path

import pytest

from pipelines.kits.field_questions import load_asked_fields
from pipelines.text.asked_fields import AskedFields
from pipelines.text.field_names import find_field
from pipelines.text.own_records import find_records
from pipelines.text.shown_message import show_message
from pipelines.text.specifications import find_specifications, spell_numbers
from tests.bench.answers import judge_question

TEXTS = Path(__file__).parents[1] / "bench" / "texts"
DECLINE = "That is not in the record."


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("2.9L TWIN-TURBO, 6 CYL", "displacement 2.9, aspiration twin-turbo, cylinders 6"),
        ("17 CITY / 25 HWY / 20 COMB", "city 17, highway 25, combined 20"),
        ("mpg cty 20 mpg hwy 26 mpg comb 22", "city 20, highway 26, combined 22"),
        ("22 in town, 29 on the highway and 25 combined", "city 22, highway 29, combined 25"),
        ("c28 h37 comb32", "city 28, highway 37, combined 32"),
        ("20c/28h/23 avg", "city 20, highway 28, combined 23"),
        ("19 M.P.G. TOWN  24 M.P.G. COUNTRY", "city 19, highway 24"),
        ("mpg: [15, 19, 16]", "city 15, highway 19, combined 16"),
        ("6-spd manual, RWD", "gears 6, transmission manual, drive rear-wheel"),
        ("auto(6)", "transmission automatic, gears 6"),
        ("the 4.8 V8 without a turbo", "displacement 4.8, cylinders 8, aspiration naturally aspirated"),
        ("motor 4,7 l; 8 cylinder", "displacement 4.7, cylinders 8"),
        ("one owner, 5 stars, 31k mi, $17,900, stk# K4471, 11/26/2026", ""),
        ("911 Turbo Coupe", ""),
    ],
)
def test_values_are_read_by_their_form(text: str, values: str) -> None:
    assert ", ".join(f"{each.field} {each.value}" for each in find_specifications(text)) == values


def test_dictated_numbers_are_read() -> None:
    assert spell_numbers("five point oh V8, twenty-three highway") == "5.0 V8, 23 highway"


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("City (mpg)", "city"), ("hwy_mpg", "highway"), ("innerorts", "city"), ("engine cylinders", "cylinders"),
        ("transmission gears", "gears"), ("engine", "displacement"), ("engine oil", ""), ("drive belt", ""),
        ("fuel type", ""), ("town mpg", "city"), ("Zylinder", "cylinders"),
    ],
)  # fmt: skip
def test_a_field_is_known_by_the_words_of_its_key(key: str, field: str) -> None:
    assert find_field(key) == field


@pytest.mark.parametrize(
    ("message", "records"),
    [
        (
            'Economy?\n{"unit": {"description": {"year": 2012, "make": "Kia", "model": "Rio"}, "mpg": {"city": 27}, '
            '"powertrain": {"cylinderCount": 4}}}',
            ["unit 2012 Kia Rio | city 27 mpg | cylinders 4"],
        ),
        (
            "INSERT INTO inv (yr, mk, mdl, mpg_hwy) VALUES (2021, 'Kia', 'Rio', 41); what is mpg_hwy?",
            ["2021 Kia Rio | highway 41 mpg"],
        ),
        (
            "2021 Kia Rio|1.6|4|33|41\n2012 Kia Rio|1.6|4|28|36\nLayout: name|litres|cyl|city|hwy. Hwy of the old?",
            [
                "2021 Kia Rio | displacement 1.6 L | cylinders 4 | city 33 mpg | highway 41 mpg",
                "2012 Kia Rio | displacement 1.6 L | cylinders 4 | city 28 mpg | highway 36 mpg",
            ],
        ),
        (
            "            2021 Kia Soul   2012 Scion xD\n"
            "City mpg    28              27\n"
            "Drive       FWD             FWD\n"
            "Drive of the Kia?",
            ["2021 Kia Soul | city 28 mpg | drive FWD", "2012 Scion xD | city 27 mpg | drive FWD"],
        ),
        (
            "YR:2012|MK:Kia|MD:Rio|CTY:27|HWY:36\nhow about the highway",
            ["2012 Kia Rio | city 27 mpg | highway 36 mpg"],
        ),
        (
            "33 city 30 hwy, 2.5 L, thats the Lexus NX 300h 2021 im looking at. how much in the city",
            ["Lexus NX 300h 2021 | city 33 mpg | highway 30 mpg | displacement 2.5 L"],
        ),
        (
            "So there's Big Bertha (2012 Ford E150, 12 city 16 hwy) and Debbie (2012 Ford Transit, 22 city 27 hwy).",
            [
                "Big Bertha 2012 Ford E150 | city 12 mpg | highway 16 mpg",
                "Debbie 2012 Ford Transit | city 22 mpg | highway 27 mpg",
            ],
        ),
    ],
)
def test_records_are_read_in_any_layout(message: str, records: list[str]) -> None:
    found = find_records(message)
    assert found
    assert found.records == records


@pytest.fixture(scope="module")
def asked() -> AskedFields:
    fitted = load_asked_fields("automotive.service_advisor")
    assert fitted
    return fitted


PAIR = (
    "2012 Toyota Tacoma, 4.0 V6, automatic 5-spd, 17 cty / 22 hwy\n"
    "2021 Toyota Tundra, 5.7 V8, manual 6-spd, 13 cty / 18 hwy\n"
)


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("Highway of the one with the stick?", "18"),
        ("highway on the second one", "18"),
        ("highway mileage of the older one", "22"),
        ("not the Tundra, the other one: highway?", "22"),
        ("the V6, what does it get on the highway", "22"),
        ("Which has more cylinders?", "Tundra"),
        ("which one gets better highway mileage", "Tacoma"),
    ],
)
def test_of_several_records_the_one_that_is_meant_is_quoted(asked: AskedFields, question: str, value: str) -> None:
    quotation = show_message(PAIR + question, asked).quotation
    assert value in quotation
    other = {"18": "22", "22": "18", "Tundra": "Tacoma", "Tacoma": "Tundra"}[value]
    assert other not in quotation


@pytest.mark.parametrize(
    ("letters", "category", "least"),
    [
        ("ac", "record_format", 0.9),
        ("ac", "record_person", 0.85),
        ("ac", "two_records", 0.8),
        ("ac", "missing_field", 0.9),
        ("bd", "record_format", 0.78),  # unseen by whoever wrote the rules
        ("bd", "record_person", 0.75),
        ("bd", "two_records", 0.65),
        ("bd", "missing_field", 0.85),
        ("g", "record_format", 0.7),  # on purpose odd
        ("g", "two_records", 0.6),
        ("h", "record_person", 0.83),
        ("h", "two_records", 0.88),
    ],
)
def test_people_s_records_are_read_and_the_right_one_is_quoted(
    asked: AskedFields, letters: str, category: str, least: float
) -> None:
    outcomes: Counter[str] = Counter()
    for letter in letters:
        for line in (TEXTS / f"questions_{letter}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["category"] == category:
                shown = show_message(row["question"], asked)
                outcomes[judge_question(row, DECLINE if shown.missing else shown.quotation or "?", DECLINE)] += 1
    assert outcomes["right"] + outcomes["declined"] >= least * outcomes.total() > 20
