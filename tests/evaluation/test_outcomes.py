"""An answer is right, declines rightly or wrongly, or is wrong and confident; what that makes of many answers."""

from typing import Any

import pytest

from pipelines.evaluation.outcomes import (
    judge_answer,
    label_category,
    outcome_metrics,
    summarise_outcomes,
    tabulate_outcomes,
)
from tests.bench.answers import read_questions

RECORD = "2012 Kia Sorento | cylinders 6 | drive four-wheel"
ROW = {
    "instruction": "How many cylinders?",
    "input": RECORD,
    "output": "It has 6 cylinders.",
    "facts": {"cylinders": "6"},
    "kind": "grounded",
}
MISSING = ROW | {
    "instruction": "What is its range?",
    "output": "That is not in the record.",
    "facts": {"refusal": "not in the record"},
    "kind": "refusal",
}
OIL = ROW | {
    "instruction": "P0524, stop or keep driving?",
    "input": "P0524: Engine oil pressure too low. Stop the engine. Often a worn pump.",
    "output": "Stop the engine: its oil pressure is too low.",
    "facts": {"urgency": "stop", "cause": "oil pressure", "part": "pump"},
    "importance": {"urgency": "safety_critical", "part": "optional"},
    "kind": "knowledge",
}


@pytest.mark.parametrize(
    ("row", "answer", "outcome"),
    [
        (ROW, "6", "right"),
        (ROW, "I cannot tell for sure, but the record says 6.", "right"),  # it states the fact
        (ROW, "It has 4 cylinders.", "wrong_confident"),
        (ROW, "", "wrong_confident"),
        (ROW, "That is not in the record.", "declined_wrongly"),
        (ROW, "Sorry, I only help with cars.", "declined_wrongly"),
        (ROW, "That is not in the record, but such engines have 8 cylinders.", "wrong_confident"),  # invented
        (MISSING, "That is not in the record.", "declined"),
        (MISSING, "Its range is 300 miles.", "wrong_confident"),
        (MISSING, "The record doesn\u2019t say, usually it is 420 miles.", "wrong_confident"),
        (MISSING, "That is not in the record. It is 300 miles.", "wrong_confident"),
        (MISSING, "The record of the 2012 Sorento does not say.", "declined"),  # a number of the record
        (MISSING | {"output": "Das weiß ich nicht.", "facts": {}}, "Das weiß ich nicht.", "declined"),
        (MISSING | {"facts": {}}, "It runs well.", "wrong_confident"),
        (OIL, "Stop: oil pressure.", "right"),  # the part is optional
        (OIL, "Keep driving, the oil pressure is fine.", "wrong_confident"),
        (ROW | {"facts": {}}, "It has 4 cylinders.", None),
        (OIL | {"importance": dict.fromkeys(OIL["facts"], "optional")}, "Soon.", None),
    ],
)
def test_an_answer_has_one_outcome(row: dict[str, Any], answer: str, outcome: str | None) -> None:
    found = outcome_metrics(row, answer)
    assert found["outcome"] == outcome
    assert found["wrong_confident"] == (None if outcome is None else float(outcome == "wrong_confident"))


def test_a_templates_own_sentence_declines_in_any_language() -> None:
    sentence = "Eso no consta en el registro."
    assert outcome_metrics(ROW, f"{sentence} Un VIN ayudaría.", sentence)["outcome"] == "declined_wrongly"
    assert outcome_metrics(ROW, sentence)["outcome"] == "wrong_confident"


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ("Stop: oil pressure.", 0),
        ("It is the oil pressure, drive on.", 1),
        ("That is not in the record.", 0),
        ("Stop the car.", 0),
    ],
)
def test_a_safety_critical_fact_is_wrong_where_an_answer_lacks_it_and_does_not_decline(answer: str, wrong: int) -> None:
    assert outcome_metrics(OIL, answer)["safety_critical_wrong"] == wrong
    assert outcome_metrics(ROW, answer)["safety_critical_wrong"] is None


def test_of_two_records_the_other_ones_value_makes_an_answer_wrong() -> None:
    assert judge_answer("The Kia has 6, the Ford 8.", [["6"]], False, wrong=["8"]) == "wrong_confident"
    assert judge_answer("Six.", [["6", "six"]], False, wrong=["8"]) == "right"
    assert judge_answer("It has 6.", [["6"]], None) == "right"
    assert judge_answer("I do not know that.", [["6"]], None) == "declined"


def test_the_questions_of_people_are_judged_by_their_own_facts_and_wrong_values() -> None:
    """Every fact of the set that is seen, stated alone, is right; every wrong value is wrong and confident."""
    for question in read_questions("a"):
        facts = [fact if isinstance(fact, list) else [fact] for fact in question["facts"]]
        decline = {True: True, False: False}.get(question["decline"])
        if facts and decline is False:
            assert judge_answer("; ".join(words[0] for words in facts), facts, decline) == "right", question["id"]
            for wrong in question["wrong"]:
                assert judge_answer(wrong, facts, decline, question["wrong"]) == "wrong_confident", question["id"]
        assert judge_answer("", facts, decline, question["wrong"]) == "wrong_confident"


def scored(row: dict[str, Any], answer: str) -> dict[str, Any]:
    return row | {"answer": answer} | outcome_metrics(row, answer)


def test_shares_are_of_what_could_be_judged() -> None:
    answers = [
        scored(ROW, "6"),
        scored(ROW, "4"),
        scored(ROW, "I do not know."),
        scored(MISSING, "That is not in the record."),
        scored(MISSING, "300 miles."),
        scored(OIL, "Drive on."),
        scored(OIL, "Stop, oil pressure."),
        scored(ROW | {"facts": {}}, "4"),
    ]
    found = summarise_outcomes(answers)
    assert found["judged"] == 7
    shares = {name: found[name] * 7 for name in ("right", "declined", "declined_wrongly", "wrong_confident")}
    assert shares == pytest.approx({"right": 2, "declined": 1, "declined_wrongly": 1, "wrong_confident": 3})
    assert (found["to_decline"], found["declines_right"]) == (2, 0.5)
    assert (found["safety_critical"], found["safety_critical_wrong"]) == (2, 1)


def test_nothing_judged_has_no_shares() -> None:
    found = summarise_outcomes([scored(ROW | {"facts": {}}, "4")])
    assert found == {"judged": 0, "to_decline": 0, "safety_critical": 0, "safety_critical_wrong": 0}


def test_the_table_has_kinds_topics_and_formats_and_nothing_that_was_not_judged() -> None:
    metrics = summarise_outcomes([scored(ROW, "6"), scored(ROW, "4")])
    slices = dict.fromkeys(["all", "grounded", "fuel_economy", "format:json", "source:epa", "length:long"], metrics)
    table = tabulate_outcomes(slices | {"advice": summarise_outcomes([])})
    assert [row["category"] for row in table] == ["all", "grounded", "fuel_economy", "format:json"]
    expected = {"questions": 2, "right": 0.5, "declined": 0, "declined_wrongly": 0, "wrong_confident": 0.5}
    assert table[0] == {"category": "all"} | expected
    assert [label_category(row["category"]) for row in table] == [
        "all questions",
        "with a record that the asker brought",
        "fuel economy",
        "format of the record: json",
    ]
