"""Wrong answers are classified, and suggestions are based on counts."""

from typing import Any

import pytest

from pipelines.evaluation.error_analysis import (
    find_contradictions,
    find_regressions,
    find_wrong_answers,
    suggest_improvements,
)
from pipelines.evaluation.metrics import score_answer

ASKED = {
    "instruction": "Which wheels are driven?",
    "input": "2021 Ford Mustang | transmission automatic | drive rear-wheel | highway 22 mpg",
    "topic": "drivetrain",
    "kind": "grounded",
    "source": "epa",
    "key": "1",
}
TRAIN = [
    ASKED | {"instruction": f"Driven wheels, {n}?", "output": f"Its drive is {value}.", "facts": {"drive": value}}
    for n, value in enumerate(["rear-wheel", "front-wheel"])
]


def answered(answer: str, truth: str = "Its drive is rear-wheel.", fact: str = "rear-wheel", **more: Any) -> Any:
    facts = {"drive": fact} if fact else {}
    said = {"answer": answer, "truth": truth, "expected_facts": facts, "truncated": False, "confidence": 0.5}
    return ASKED | said | score_answer({"output": truth, "facts": facts}, answer) | more


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("It has rear wheel drive.", "format only"),
        ("Its drive is the drive is the drive is the drive is", "repetition"),
        ("I'm sorry, I cannot tell.", "refused"),
        ("Which wheels are driven? 2021 Ford Mustang", "echo"),
        ("Its drive is front-wheel.", "wrong label"),
        ("Its drive is automatic.", "wrong field"),
        ("Its drive is 450.", "invented number"),
        ("Its drive is good.", "missing fact"),
        ("", "missing fact"),
    ],
)
def test_each_kind_of_error_is_classified(answer: str, error: str) -> None:
    (failure,) = find_wrong_answers([answered(answer)], TRAIN)
    assert failure["error"] == error


def test_a_truncated_answer_is_classified_as_truncated() -> None:
    (failure,) = find_wrong_answers([answered("Well, that is a car of which much may be said", truncated=True)], TRAIN)
    assert failure["error"] == "truncated"


def test_a_number_in_another_spelling_is_only_format() -> None:
    (failure,) = find_wrong_answers([answered("13,586 dollars", "It costs $13586.", "$13586")], [])
    assert failure["error"] == "format only"


def test_right_answers_are_no_failures_and_without_facts_words_decide() -> None:
    assert not find_wrong_answers([answered("It is rear-wheel.")], TRAIN)
    assert not find_wrong_answers([answered("Its drive is rear.", fact="")], TRAIN)
    assert find_wrong_answers([answered("Pardon?", fact="")], TRAIN)


def test_the_most_confident_mistakes_come_first() -> None:
    wrong = find_wrong_answers([answered("Good.", confidence=0.2), answered("Bad.", confidence=0.9)], TRAIN)
    assert [row["answer"] for row in wrong] == ["Bad.", "Good."]


def test_answers_that_only_the_champion_has_right_are_regressions() -> None:
    right, wrong = answered("It is rear-wheel."), answered("Good.")
    lost = find_regressions({"champion": [right, wrong, right], "challenger": [wrong, right, right]})
    assert [(row["champion_answer"], row["answer"]) for row in lost] == [("It is rear-wheel.", "Good.")]
    assert not find_regressions({"challenger": [wrong]})


def test_training_rows_that_contradict_each_other_are_found() -> None:
    twin = TRAIN[0] | {"instruction": "driven wheels, 0", "output": "Front-wheel.", "facts": {"drive": "front-wheel"}}
    assert find_contradictions([*TRAIN, twin]) == [[TRAIN[0], twin]]
    assert not find_contradictions([*TRAIN, dict(TRAIN[0])])


def test_what_is_said_of_one_code_must_agree_however_it_is_asked() -> None:
    code = {"input": "", "key": "P0420", "topic": "urgency", "source": "guide", "instruction": "Urgent?"}
    rows = [code | {"output": "Soon.", "facts": {"urgency": "soon"}}]
    rows += [code | {"instruction": "Can I drive?", "output": "Stop.", "facts": {"urgency": "stop"}}]
    assert find_contradictions(rows) == [rows]


def test_a_topic_that_fails_more_than_the_others_wants_rows() -> None:
    bad, good = answered("Its drive is front-wheel."), answered("It is rear-wheel.", topic="engine")
    many = [TRAIN[0] | {"topic": "engine", "instruction": f"{n}?"} for n in range(9)]
    (found,) = suggest_improvements({"challenger": [bad] * 3 + [good] * 3}, TRAIN + many)
    assert found["title"] == "More rows about drivetrain"
    assert (
        "3 of 3 answers are wrong (100%; over all topics 50%), most often because of “wrong label” (3)."
        in found["text"]
    )
    assert "2 training rows; the average is 6." in found["text"]
    (found,) = suggest_improvements({"challenger": [bad] * 3 + [good] * 3}, TRAIN * 9 + many[:1])
    assert found["title"] == "Clearer rows about drivetrain"
