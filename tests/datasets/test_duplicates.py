"""A fact is never taken for a copy, and a copy is found in whatever clothes."""

import random

import pytest

from pipelines.text.question_index import Question, asks_the_same, find_same_questions, sketch_rows
from pipelines.text.same_text import Text, says_the_same

RECORD = (
    "2021 Honda Civic 4Dr | 2.0 L, 4 cyl | automatic transmission with manual mode | front-wheel drive | compact car | "
    "regular unleaded gasoline recommended by the maker | sold in every state | city {city} mpg | highway {highway} mpg"
)


def row(instruction: str, input: str, output: str) -> dict:
    return {"instruction": instruction, "input": input, "output": output}


def alike(one: dict, other: dict) -> bool:
    """Whether the questions are found and the answers say the same."""
    found = list(find_same_questions([other], sketch_rows([other]), [one], sketch_rows([one]), 0.9))
    assert bool(found) <= asks_the_same(Question(one), Question(other), 0.9)
    return bool(found) and says_the_same(Text(one["output"]), Text(other["output"]), 0.9)


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
    "year": (row("Is a 2021 Civic a hybrid?", "", "No."), row("Is a 2022 Civic a hybrid?", "", "No.")),
    "torque": (row("Torque?", "bolt", "Tighten to 35 lb-ft."), row("Torque?", "bolt", "Tighten to 45 lb-ft.")),
    "unit": (row("How much?", "", "35 pounds"), row("How much?", "", "35 kg")),
    "side": (row("Which pads?", "", "The front pads are worn."), row("Which pads?", "", "The rear pads are worn.")),
    "part": (row("Is the rotor worn?", "", "Yes."), row("Is the motor worn?", "", "Yes.")),
    "order of facts": (row("Mileage?", "", "City 30, highway 38."), row("Mileage?", "", "City 38, highway 30.")),
    "symbol": (row("Are they happy?", "", "👍"), row("Are they happy?", "", "👎")),
}
ONE = {
    "case and punctuation": (
        row("What does P0420 mean?", "", "Catalyst."),
        row("what does p0420 mean", "", "catalyst"),
    ),
    "spelling": (
        row("Where is the dipstick?", "", "By the engine."),
        row("Where is the dipstikc?", "", "By teh engine."),
    ),
    "numbers": (row("What is due?", "bill $1,200.00", "$1,200"), row("What is due?", "bill $1200", "1200 dollars")),
    "units": (row("Weight?", "", "It is 3,500 lbs."), row("Weight?", "", "It is 3500 pounds.")),
    "fields": (
        row("Fine?", "Civic | city 30 | highway 38", "Yes."),
        row("Fine?", "Civic | highway 38 | city 30", "Yes."),
    ),
    "sentences": (row("Why?", "", "Oil leaks. Check the gasket."), row("Why?", "", "Check the gasket. Oil leaks.")),
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
    assert asks_the_same(Question(one), Question(other), 0.9)


def test_copies_are_found_at_scale() -> None:
    """Every one of 300 rows is found again among 3,000 after two letters of its record changed; no other row is."""
    chance = random.Random(3)
    vocabulary = ["".join(chance.choices("abcdefgh", k=6)) for _ in range(3000)]
    rows = [row("Is it fine?", " ".join(chance.choices(vocabulary, k=70)), "Yes.") for _ in range(3000)]
    copies = [row(one["instruction"], swap_letters(one["input"], chance), one["output"]) for one in rows[:300]]
    found = find_same_questions(copies, sketch_rows(copies), rows, sketch_rows(rows), 0.9)
    assert [*found] == [(number, number) for number in range(300)]


def swap_letters(text: str, chance: random.Random) -> str:
    """The text with two neighbouring letters of a word in each other's place."""
    words = text.split()
    place = next(
        number for number in chance.sample(range(len(words)), len(words)) if words[number][2] != words[number][3]
    )
    word = words[place]
    words[place] = word[:2] + word[3] + word[2] + word[4:]
    return " ".join(words)
