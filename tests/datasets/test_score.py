"""The quality score, and the parts it can be taken into."""

import pyarrow as pa
import pytest

from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine.score import SCORE_PARTS, quality, score_parts

GOOD = {
    "instruction": "What is the highway fuel economy?",
    "input": "2021 Honda Civic | city 30 mpg | highway 38 mpg",
    "output": "It gets 38 mpg on the highway.",
    "facts": '{"highway":"38 mpg"}',
    "kind": "grounded",
}


def plan(**refine: float) -> TrainingPlan:
    return make_plan("service_advisor", {f"refine.{key}": value for key, value in refine.items()})


def reading(part: str, **changed: object) -> float | None:
    return score_parts(pa.Table.from_pylist([GOOD | changed]))[part][0].as_py()


def test_a_good_row_scores_one() -> None:
    found = quality(pa.Table.from_pylist([GOOD]), plan(min_quality=1))
    assert found["quality"].to_pylist() == [1]
    assert found["reason"].to_pylist() == [None]
    assert found.select(list(GOOD)).to_pylist() == [GOOD]


TALK = "Thank you for contacting us. We value your feedback and will get back to you as soon as possible."


@pytest.mark.parametrize(
    ("part", "changed", "expected"),
    [
        ("information", {"output": TALK}, 0),
        ("information", {"output": TALK, "input": ""}, 0),
        ("information", {"output": TALK, "input": "", "instruction": "Thank the customer."}, 0),
        ("information", {"output": "It uses about the same on the highway as any Honda of that size."}, 1),
        ("information", {"output": "Yes, that is what it should use when it is driven gently."}, 1),
        ("information", {"output": "front-wheel"}, 1),
        ("information", {"output": "A worn catalytic converter, or an exhaust leak before it, most of the time."}, 0),
        ("information", {"output": "A worn catalytic converter, most likely, or an exhaust leak.", "input": ""}, 1),
        ("repetition", {"output": "The car is red and the car is blue. " * 20}, pytest.approx(0.05, abs=0.05)),
        ("repetition", {"output": "rust rust rust rust rust rust rust rust"}, 0),
    ],
)
def test_each_part_reads_what_it_says(part: str, changed: dict[str, object], expected: float | None) -> None:
    assert reading(part, **changed) == expected


def test_a_row_is_as_good_as_its_weakest_part() -> None:
    rows = [GOOD, GOOD | {"output": TALK}, GOOD | {"output": "no way, no way, no way, " * 9}]
    found = quality(pa.Table.from_pylist(rows), plan())
    assert found["reason"].to_pylist() == [
        None,
        "low quality, information: 0.00 < 0.50",
        "low quality, repetition: 0.04 < 0.50",
    ]


def test_computed_and_terse_answers_are_good() -> None:
    rows = [
        GOOD | {"input": "parts $90 | labor $160", "output": output}
        for output in ("$250", "Labor, by $70.", "No - over by 11,210 miles", "labor", "Sorry, I only help with cars.")
    ]
    assert quality(pa.Table.from_pylist(rows), plan())["quality"].to_pylist() == [1] * 5


def test_every_part_says_what_it_means() -> None:
    assert all(part.meaning for part in SCORE_PARTS.values())
    assert score_parts(pa.Table.from_pylist([GOOD])).column_names == list(SCORE_PARTS)
