"""A preference pair that asks what the model is evaluated on would teach it the answer."""

from typing import Any

import pytest

from pipelines.datasets.preferences import drop_evaluated_pairs
from pipelines.kits.behaviours import list_behaviour_questions

HELDOUT = [{"instruction": "Which wheels are driven?", "input": "2021 Subaru Outback | drive all-wheel"}]


def pair(*user_messages: str) -> dict[str, Any]:
    """A pair whose conversation has these messages of the user."""
    return {"prompt": [{"role": "user", "content": text} for text in user_messages], "chosen": "a", "rejected": "b"}


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (["Which wheels are driven?\n2021 Subaru Outback | drive all-wheel"], False),
        (["Hello.", "which wheels are drivn?\n2021 Subaru Outback | drive all-wheel"], False),
        (["Which wheels are driven?\n2021 Honda Civic | drive front-wheel"], True),
        (["Is the loaner ready?"], True),
    ],
)
def test_pairs_on_held_out_questions_are_left_out(asked: list[str], kept: bool) -> None:
    assert bool(drop_evaluated_pairs([pair(*asked)], HELDOUT, 0.9)) == kept


def test_pairs_on_questions_of_behaviour_tests_are_left_out() -> None:
    tested = list_behaviour_questions("service_advisor")
    asked = [pair("\n".join(filter(None, (row["instruction"], row["input"])))) for row in tested[:20]]
    assert len(asked) == 20 and drop_evaluated_pairs(asked, tested, 0.9) == []
    assert len(drop_evaluated_pairs([pair("Is the loaner ready?")], tested, 0.9)) == 1
