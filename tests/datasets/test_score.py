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
    return score_parts(pa.Table.from_pylist([GOOD | changed]), plan(relevance=0.1))[part][0].as_py()


def test_a_good_row_scores_one() -> None:
    found = quality(pa.Table.from_pylist([GOOD]), plan(min_quality=1))
    assert found["quality"].to_pylist() == [1]
    assert found["reason"].to_pylist() == [None]
    assert found.select(list(GOOD)).to_pylist() == [GOOD]


@pytest.mark.parametrize(
    ("part", "changed", "expected"),
    [
        ("length", {"output": "Yes."}, 1 / 3),
        ("length", {"output": "word " * 300}, 0.5),
        ("variety", {"output": "no no no no no no no no"}, 0.25),
        ("grounded", {"output": "It gets 38 mpg, and 52 mpg in P0420 mode."}, 1 / 3),
        ("grounded", {"output": "Its price is $1,250.", "input": "price 1250 USD", "facts": "{}"}, 1),
        ("grounded", {"output": "It gets 99 mpg.", "kind": "knowledge"}, None),
        ("grounded", {"output": "It is driven by all wheels."}, None),
        ("question", {"instruction": "Explain the code P0420."}, 1),
        ("question", {"instruction": "The car from yesterday."}, 0.5),
        ("question", {"instruction": "Car."}, 0),
        ("repetition", {"output": "The car is red and the car is blue. " * 20}, pytest.approx(0.05, abs=0.05)),
        ("punctuation", {"output": "it gets 38 mpg on the highway"}, 1 / 3),
        ("punctuation", {"output": "BUY NOW THIS GREAT CAR AT ONCE!!!"}, 2 / 3),
        ("punctuation", {"output": "38 mpg"}, 1),
        ("relevance", {}, None),
        ("relevance", {"relevance": 0.1}, 0.5),
        ("relevance", {"relevance": 0.4}, 1),
        ("relevance", {"relevance": -0.4}, 0),
    ],
)
def test_each_part_reads_what_it_says(part: str, changed: dict[str, object], expected: float | None) -> None:
    found = reading(part, **changed)
    assert found == (expected if expected is None else pytest.approx(expected))


def test_what_is_made_up_costs_most() -> None:
    made_up, shouting = (
        GOOD | {"output": "It gets 52 mpg on the highway."},
        GOOD | {"output": "It gets 38 mpg on it!!!"},
    )
    scores = quality(pa.Table.from_pylist([made_up, shouting, GOOD]), plan())["quality"].to_pylist()
    assert scores[0] < scores[1] < scores[2]


def test_a_low_row_goes_for_its_weakest_part() -> None:
    rows = [GOOD, GOOD | {"output": "It gets 52 mpg on the highway."}]
    found = quality(pa.Table.from_pylist(rows), plan(min_quality=0.7))
    assert found["reason"].to_pylist() == [None, "low quality, grounded: 0.62 < 0.70"]


def test_by_default_none_goes() -> None:
    worst = {"instruction": "", "input": "", "output": "", "facts": "{}", "kind": "grounded"}
    found = quality(pa.Table.from_pylist([worst]), plan())
    assert found["reason"].null_count == 1
    assert 0 <= found["quality"][0].as_py() < 0.5


def test_every_part_says_what_it_means() -> None:
    assert all(part.meaning and part.weight > 0 for part in SCORE_PARTS.values())
    assert score_parts(pa.Table.from_pylist([GOOD]), plan()).column_names == list(SCORE_PARTS)
