"""What is measured of requests, without knowing the truth; and that questions about something else are seen."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.core.plan import Drift
from pipelines.kits.automotive import parts_inventory, service_advisor
from pipelines.monitoring.drift import decision, incoming_rows, request_features

POLICY = Drift()
CIVIC = "What is the highway fuel economy?\n2021 Honda Civic | city 30 mpg | highway 38 mpg | price $23,400"


def test_a_record_in_a_question_is_read_as_columns() -> None:
    assert request_features.read_record_fields(CIVIC) == {
        "record year": 2021,
        "record city mpg": 30,
        "record highway mpg": 38,
        "record price": 23_400,
    }
    assert request_features.read_record_fields("What does P0420 mean?") == {}


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ("Its highway fuel economy is 38 mpg.", False),
        ("It costs $23,400.", False),
        ("Its highway fuel economy is 83 mpg.", True),
        ("It does 38.5 mpg.", True),
        ("It is front-wheel drive.", None),
        ("Look at P0420 first.", None),
    ],
)
def test_figures_of_an_answer_must_stand_in_the_record(answer: str, wrong: bool | None) -> None:
    assert request_features.has_unsupported_number(CIVIC, answer) is wrong
    assert request_features.has_unsupported_number("What does P0420 mean?", "38 things.") is None


@pytest.fixture(scope="module")
def rows() -> dict[str, list[dict[str, Any]]]:
    return {"usual": service_advisor.build(), "other": parts_inventory.build()}


def violating(found: list[Any]) -> set[str]:
    return {signal.name for signal in decision.mark_violations(found, POLICY) if signal.violated}


def test_rows_of_one_source_are_one_world_and_those_of_another_are_not(home: Path, rows: dict[str, Any]) -> None:
    one, same = incoming_rows.split_in_halves(rows["usual"])
    assert violating(incoming_rows.compare_rows(one, same, POLICY)) == set()
    found = violating(incoming_rows.compare_rows(one, rows["other"], POLICY))
    assert {"schema of topic", "unlike known questions", "unseen words", "centre of questions"} <= found


def test_declined_and_failed_answers_are_counted(home: Path, rows: dict[str, Any]) -> None:
    known = request_features.TrainingQuestions.from_rows(
        [{"question": incoming_rows.question_text(row), "topic": row["topic"]} for row in rows["usual"]]
    )

    def asked(answer: str, failing: int) -> request_features.RequestFeatures:
        some = [{"question": CIVIC, "answer": answer, "status": "ok"} for _ in range(300 - failing)]
        some += [{"question": CIVIC, "answer": "", "status": "timeout"} for _ in range(failing)]
        return request_features.measure_requests(some, known, [False] * (40 - failing) + [True] * failing)

    fine = asked("Its highway fuel economy is 38 mpg.", 0)
    assert violating(request_features.compare_requests(fine, fine, POLICY)) == set()
    bad = asked("Sorry, I only help with 99 things.", 30)
    found = violating(request_features.compare_requests(fine, bad, POLICY))
    assert found == {"answer characters", "declines", "unsupported", "failed", "thumbs down"}
    assert fine.frame["topic"].unique().tolist() == ["fuel_economy"]
