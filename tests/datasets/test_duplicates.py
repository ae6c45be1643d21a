"""A fact is never taken for a copy, and a copy is found in whatever clothes."""

import random

import pytest

from pipelines.datasets.refine.duplicates import QUESTION_COLUMNS, NearDuplicateIndex
from pipelines.kits.automotive import service_advisor

RECORD = (
    "2021 Honda Civic 4Dr | 2.0 L, 4 cyl | automatic transmission with manual mode | front-wheel drive | compact car | "
    "regular unleaded gasoline recommended by the maker | sold in every state | city {city} mpg | highway {highway} mpg"
)


def row(instruction: str, input: str, output: str) -> dict:
    return {"instruction": instruction, "input": input, "output": output}


def alike(one: dict, other: dict, **options) -> bool:
    index = NearDuplicateIndex(0.9, **options)
    index.add(one)
    return index.find(other) is one


def long_record(city: int = 30, highway: int = 38) -> str:
    return RECORD.format(city=city, highway=highway)


TWO = {
    "code": (row("What does P0420 mean?", "", "Catalyst."), row("What does P0430 mean?", "", "Catalyst.")),
    "asked field": (
        row("What is the city fuel economy?", long_record(30, 30), "30 mpg"),
        row("What is the highway fuel economy?", long_record(30, 30), "30 mpg"),
    ),
    "number": (row("Is it fine?", long_record(city=30), "Yes."), row("Is it fine?", long_record(city=31), "Yes.")),
    "order": (row("Is it fine?", long_record(30, 38), "Yes."), row("Is it fine?", long_record(38, 30), "Yes.")),
    "negation": (row("Is it urgent?", long_record(), "It is."), row("Is it urgent?", long_record(), "It is not.")),
    "name": (row("What colour?", "Ford Focus, sedan", "Red."), row("What colour?", "Honda Civic, sedan", "Red.")),
    "percent": (row("Full?", long_record() + " | 30%", "No."), row("Full?", long_record() + " | 30", "No.")),
    "currency": (row("What is the price?", "", "$40"), row("What is the price?", "", "€40")),
    "sign": (row("How cold is it?", "", "5 °C"), row("How cold is it?", "", "-5 °C")),
    "symbol": (row("Are they happy?", "", "👍"), row("Are they happy?", "", "👎")),
}
ONE = {
    "case and punctuation": (
        row("What does P0420 mean?", "", "Catalyst."),
        row("what does p0420 mean", "", "catalyst"),
    ),
    "courtesy": (row("What is torque?", "a bolt", "3 Nm"), row("Please, what is the torque?", "A bolt.", "3 Nm.")),
    "a long record's wording": (row("Fine?", long_record(), "Yes."), row("Fine?", long_record() + ", really", "Yes.")),
}


@pytest.mark.parametrize(("one", "other"), TWO.values(), ids=TWO.keys())
def test_rows_that_differ_in_a_fact_are_two(one: dict, other: dict) -> None:
    assert not alike(one, other)


@pytest.mark.parametrize(("one", "other"), ONE.values(), ids=ONE.keys())
def test_the_same_in_other_clothes_is_one(one: dict, other: dict) -> None:
    assert alike(one, other)


def test_one_question_with_two_answers_is_one_question() -> None:
    one, other = row("What does P0420 mean?", "", "Catalyst."), row("What does p0420 mean", "", "Efficiency.")
    assert not alike(one, other)
    assert alike(one, other, columns=QUESTION_COLUMNS)


def test_a_changed_word_in_a_long_record_is_found_at_scale() -> None:
    """Every one of 300 rows is found again among 3,000 after a word of its record changed; no stranger is."""
    chance = random.Random(3)
    vocabulary = ["".join(chance.choices("abcdefgh", k=6)) for _ in range(3000)]
    rows = [row("Is it fine?", " ".join(chance.choices(vocabulary, k=70)), "Yes.") for _ in range(3000)]
    index = NearDuplicateIndex(0.9)
    assert [index.find_or_add(one) for one in rows] == [None] * len(rows)
    for one in rows[:300]:
        said = one["input"].split()
        said[chance.randrange(len(said))] = "changed"
        assert index.find(one | {"input": " ".join(said)}) is one


def test_no_row_of_the_kit_is_taken_for_another() -> None:
    index = NearDuplicateIndex(0.9)
    assert [one for one in service_advisor.build() if index.find_or_add(one)] == []
