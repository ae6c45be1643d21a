"""A message that brings its record is told from one that has to be looked up, in the wordings of people."""

import json
from pathlib import Path

import pytest

from pipelines.gateway.own_record import brings_record

TEXTS = Path(__file__).parents[1] / "bench" / "texts"
WITH_RECORD = {"record_person", "record_format", "two_records", "missing_field"}
LOOKED_UP = {"code_guided", "code_unknown", "vehicle_without_record", "real_problem"}


@pytest.mark.parametrize("letter", ["a", "b"])  # of b only the totals are known to whoever wrote the rule
def test_people_s_messages_are_told_apart(letter: str) -> None:
    lines = (TEXTS / f"questions_{letter}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    recognised = [brings_record(row["question"]) for row in rows if row["category"] in WITH_RECORD]
    mistaken = [brings_record(row["question"]) for row in rows if row["category"] in LOOKED_UP]
    assert sum(recognised) >= 0.97 * len(recognised) > 100
    assert sum(mistaken) <= 0.03 * len(mistaken)


@pytest.mark.parametrize(
    "message",
    [
        "hi,\n\nmy car shows P0420.\nIs it bad?\n\nthanks,\nBob",
        "Vehicle: 2012 Ford Focus\nCode: P0301\nMileage: 84,000\nWhat does it mean?",
        "Reply to the customer's last line.\nCustomer: Hello. What highway mpg is a 2021 Honda Civic rated at?",
        "I drove 40 miles and then 20 more, the light blinks 3 times. What is it?",
        "Appointment 11/26/2026 at 10:30, 2012 Focus 2.0. How many gears?",
        "VIN 1HGCM82633A004352, part 11-0042-A: in stock?",
        "",
    ],
)
def test_what_only_says_what_is_asked_about_is_no_record(message: str) -> None:
    assert not brings_record(message)
