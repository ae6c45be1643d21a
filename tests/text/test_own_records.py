"""Records that people paste into a question, taken apart: every layout says the same, and nothing else is touched."""

import importlib
import json
import random

import pytest

from pipelines.kits.automotive.records import layouts
from pipelines.kits.automotive.records.epa_labels import LABELS
from pipelines.text.own_records import find_pasted_records, lay_out_pasted
from pipelines.text.stated_fields import find_unsupported_fields

QUESTION = "How many gears?"
RECORD = "2021 Kia Rio | city 33 mpg | gears 6 | drive front-wheel"
BUILDERS = ("service_advisor", "sales_conversations", "parts_inventory", "dealership_operations", "expert_assistant")


@pytest.mark.parametrize(
    "pasted",
    [
        '{"name": "2021 Kia Rio", "city": 33, "gears": 6, "drive": "front-wheel"}',
        '{"vehicle": "2021 Kia Rio", "values": {"city": "33", "gears": "6", "drive": "front-wheel"}}',
        "{year: 2021, make: 'Kia', model: 'Rio', city: 33, gears: 6, drive: front-wheel}",
        '{"2021 Kia Rio": {"city": 33, "gears": 6, "drive": "front-wheel"}}',
        "name=2021 Kia Rio;city=33;gears=6;drive=front-wheel",
        'name="2021 Kia Rio" city=33 gears=6 drive=front-wheel',
        "2021 Kia Rio\ncity: 33\ngears: 6\ndrive: front-wheel",
        "- vehicle: 2021 Kia Rio\n- city: 33\n- gears: 6\n- drive: front-wheel",
        "VEHICLE....2021 Kia Rio\nCITY.......33\nGEARS......6\nDRIVE......front-wheel",
        "name,city,gears,drive\n2021 Kia Rio,33,6,front-wheel",
        "year\tmake\tmodel\tcity\tgears\tdrive\n2021\tKia\tRio\t33\t6\tfront-wheel",
        "| name | city | gears | drive |\n|---|---|---|---|\n| 2021 Kia Rio | 33 | 6 | front-wheel |",
        "| field | value |\n|---|---|\n| name | 2021 Kia Rio |\n| city | 33 |\n| gears | 6 |\n| drive | front-wheel |",
        "<car><name>2021 Kia Rio</name><city>33</city><gears>6</gears><drive>front-wheel</drive></car>",
        "2021 Kia Rio, city 33, gears 6, drive front-wheel",
        "2021 Kia Rio; city 33; gears 6; drive front-wheel",
        "[2021 Kia Rio] [city 33] [gears 6] [drive front-wheel]",
        "2021 Kia Rio / city 33 / gears 6 / drive front-wheel",
        "2021 Kia Rio  city 33  gears 6  drive front-wheel",
        "2021 Kia Rio \u00b7 city 33 \u00b7 gears 6 \u00b7 drive front-wheel",
        "2021 Kia Rio\ncity \u2192 33\ngears \u2192 6\ndrive \u2192 front-wheel",
        "2021 Kia Rio\nCity - 33\nGears - 6\nDrive - front-wheel",
        "2021 Kia Rio\n33 city\n6 gears\nfront-wheel drive",
        "2021 Kia Rio:\n  city: 33\n  gears: 6\n  drive: front-wheel",
        "name            city   gears   drive\n2021 Kia Rio    33     6       front-wheel",
        '<car name="2021 Kia Rio" city="33" gears="6" drive="front-wheel"/>',
    ],
)
@pytest.mark.parametrize("form", ["{question}\n{pasted}", "{pasted}\n{question}", "{pasted}\n\n{question}"])
def test_every_layout_is_laid_out_alike(pasted: str, form: str) -> None:
    message = form.format(question=QUESTION, pasted=pasted)
    assert lay_out_pasted(message) == f"{QUESTION}\n{RECORD}"


def test_two_records_are_two_lines() -> None:
    other = {"name": "2012 Ford Focus", "gears": 5}
    message = f"{json.dumps([{'name': '2021 Kia Rio', 'gears': 6}, other])}\nGears of the Focus?"
    assert lay_out_pasted(message) == "Gears of the Focus?\n2021 Kia Rio | gears 6\n2012 Ford Focus | gears 5"
    message = "Gears of the Focus?\n2021 Kia Rio\ngears: 6\n\n2012 Ford Focus\ngears: 5\ncity: 27"
    assert lay_out_pasted(message).splitlines()[1:] == [
        "2021 Kia Rio | gears 6",
        "2012 Ford Focus | gears 5 | city 27 mpg",
    ]


@pytest.mark.parametrize(
    "message",
    [
        "What does P0420 mean?",
        "is P0301, P0302 and P0303 bad, 2012 car, need help",
        "hi, i have a 2012 ford focus, red, and want an oil change on monday at 9, ok?",
        "Is P0301 bad? My 2012 Ford Focus runs 30 mpg in the city.",
        "{not json",
        "What is a=b?",
        "&a [*a, *a, *a] what is it",
        "Hello\nHow are you?\nThanks",
        "",
        "\n\n",
        "What does the advisor say?\n2021 Kia Rio | city 33 mpg\nCustomer: Hello.\nAdvisor: Hi.\nCustomer: City mpg?",
    ],
)
def test_what_is_not_recognised_stays_to_the_last_character(message: str) -> None:
    assert lay_out_pasted(message) == message


@pytest.mark.parametrize(
    ("sentences", "records"),
    [
        (
            "The 2021 Kia Rio gets 33 mpg in the city and 41 on the highway.",
            ["2021 Kia Rio | city 33 mpg | highway 41 mpg"],
        ),
        (
            "City is 18, highway is 27 for the 2021 Chrysler 300 with all-wheel drive.",
            ["2021 Chrysler 300 | city 18 mpg | highway 27 mpg | drive all-wheel"],
        ),
        (
            "Car one is a 2012 Ford Focus with 6 gears, automatic. Car two is a 2021 Kia Rio with 8 gears, manual.",
            ["2012 Ford Focus | gears 6 | transmission automatic", "2021 Kia Rio | gears 8 | transmission manual"],
        ),
    ],
)
def test_what_sentences_state_is_shown_again_below_them(sentences: str, records: list[str]) -> None:
    assert lay_out_pasted(f"{sentences} How many gears?").splitlines() == [f"{sentences} How many gears?", *records]


@pytest.mark.parametrize(
    ("answer", "fields"),
    [
        ("Its number of gears is 6.", ["gears"]),
        ("Its number of cylinders is 6.", []),
        ("Its city fuel economy is 1 mpg.", ["city"]),
        ("Its city fuel economy is 18 mpg. Its drive is front-wheel.", ["drive"]),
        ("That is not in the record.", []),
        ("Its curb weight is 3000 lb.", []),
    ],
)
def test_an_answer_is_held_to_the_field_that_it_names(answer: str, fields: list[str]) -> None:
    assert find_unsupported_fields(answer, ["Gears?\n2012 Kia Sorento | cylinders 6 | city 18 mpg"]) == fields
    assert find_unsupported_fields(answer, ["The car has a lot of them."]) == []


def test_a_bomb_of_references_and_a_long_message_are_left_alone() -> None:
    bomb = "x?\n{a: &a [1,1], b: &b [*a,*a], c: &c [*b,*b], d: [*c,*c]}"
    assert lay_out_pasted(bomb) == bomb
    assert find_pasted_records("2021 Kia Rio | city 33 | gears 6\n" * 500) is None
    deep = "x?\n" + "{a: " * 300 + "1" + "}" * 300
    assert lay_out_pasted(deep) == deep


@pytest.mark.parametrize("name", BUILDERS)
def test_what_is_laid_out_already_stays(name: str) -> None:
    """Rows are stored as prompts show them, so that nothing that was learnt looks different when it is asked."""
    for row in importlib.import_module(f"pipelines.kits.automotive.{name}").build():
        message = "\n".join(part for part in (row["instruction"], row["input"]) if part)
        assert lay_out_pasted(message) == message


def test_no_value_of_a_record_is_lost_or_mixed_up() -> None:
    rng = random.Random(5)
    for layout in (layouts.pairs, layouts.field_lines, layouts.as_json, layouts.as_table):
        for _ in range(60):
            values = {
                "city_mpg": str(rng.randint(10, 60)),
                "no_gears": str(rng.randint(4, 10)),
                "drive_desc": "all-wheel",
            }
            message = layout("How many gears?", [layouts.PastedRecord("2012 Ford Focus", values)], LABELS, rng)
            found = find_pasted_records(message)
            assert found is not None, message
            (record,) = found.records
            name, *fields = record.split(" | ")
            assert name == "2012 Ford Focus"
            city, gears, drive = values.values()
            assert fields == [f"city {city} mpg", f"gears {gears}", f"drive {drive}"], message
