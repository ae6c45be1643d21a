"""Facts that an answer invents are found, and those that it has from its records are not taken for invented."""

import random

import pytest

from pipelines.kits.automotive import parts_inventory
from pipelines.text.faithfulness import choose_cited, find_unfounded

TITAN = "2012 Nissan Titan | cylinders 8 | engine displacement 5.6 L | city 12 mpg | drive four-wheel"
CODE = "P0420: Catalyst System Efficiency Below Threshold | Severity: low. | Most likely cause: worn converter."


def test_the_answers_of_the_kit_are_founded_and_another_record_s_are_not() -> None:
    rows = [row for row in parts_inventory.build() if row["kind"] == "grounded" and row["topic"] != "order_quantity"]
    assert not [row["output"] for row in rows if find_unfounded(row["output"], [row["input"], row["instruction"]])]
    bins = [row for row in rows if row["topic"] == "location"]
    others = random.Random(7).sample(bins, len(bins))
    invented = [
        bool(find_unfounded(row["output"], [other["input"]], [row["instruction"]]))
        for row, other in zip(bins, others, strict=True)
        if row["facts"] != other["facts"]
    ]
    assert sum(invented) >= 0.97 * len(invented) > 50


@pytest.mark.parametrize(
    ("answer", "invented"),
    [
        ("It has 202 cylinders.", ["202"]),
        ("It has eight cylinders and 5.6L.", []),
        ("It is a V8 with 4WD.", []),
        ("The Nissan Titan has 8 cylinders.", []),
        ("The Nissan Frontier has 8 cylinders.", ["Frontier"]),
        ("P0421 means a worn converter.", ["p0421"]),
        ("P 0420 means a worn converter.", []),
        ("It has 20 cylinders.", ["20"]),
        ("That is not in the record.", []),
        ("", []),
    ],
)
def test_a_fact_stands_in_a_record_or_it_is_unfounded(answer: str, invented: list[str]) -> None:
    assert find_unfounded(answer, [TITAN, CODE]) == invented


def test_a_sum_or_difference_is_founded_where_it_is_asked_for() -> None:
    stock = ["2012 Toyota Camry relay | on hand 4 | target 10", TITAN]
    assert find_unfounded("Order 6.", stock, ["How many pieces go on the order?"]) == []
    assert find_unfounded("Order 8 for 99.", stock, ["How many pieces go on the order?"]) == ["99"]
    assert choose_cited("Order 6.", [CODE, *stock], "How many pieces go on the order?") == [1]
    assert find_unfounded("It is number 6.", stock, ["Which bin is it in?"]) == ["6"]


def test_an_answer_that_is_cut_off_is_not_judged_by_half_a_number() -> None:
    assert find_unfounded("It does 12 mpg with 5", [TITAN.replace("5.6", "56")], cut_off=True) == []


@pytest.mark.parametrize(
    ("answer", "cited"),
    [
        ("It has 8 cylinders.", [1]),
        ("It is four-wheel drive.", [1]),
        ("The most likely cause is a worn converter.", [0]),
        ("12 mpg; and P0420 is of low severity.", [0, 1]),
        ("Sorry, I only help with something else.", []),
    ],
)
def test_the_record_that_an_answer_rests_on_is_cited(answer: str, cited: list[int]) -> None:
    assert sorted(choose_cited(answer, [CODE, TITAN], "2012 nissan titan, what about it?")) == cited
