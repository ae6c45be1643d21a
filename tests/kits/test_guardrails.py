"""What every template of the kit learns beside its work: to decline, and to read what is typed in a hurry."""

import collections
import importlib
import re

import pytest

from pipelines.core.plan.datasets import Refine
from pipelines.datasets.split import split_rows
from pipelines.kits.automotive.records import guardrails
from pipelines.kits.automotive.records.declined import REQUESTS
from pipelines.text import privacy
from pipelines.text.question_index import Question, QuestionIndex, sketch_rows

BUILDERS = ("service_advisor", "sales_conversations", "parts_inventory", "dealership_operations")


@pytest.fixture(scope="module", params=BUILDERS)
def builder(request):
    return importlib.import_module(f"pipelines.kits.automotive.{request.param}")


@pytest.fixture(scope="module")
def rows(builder):
    return builder.build()


def test_a_request_is_declined_in_one_form_that_says_what_may_be_asked(rows):
    refusals = [row for row in rows if row["topic"] == "refusal"]
    assert {row["topic"] for row in rows if row["kind"] == "refusal"} == {"refusal", "not_in_record"}
    assert 120 <= len(refusals) <= 160
    (said,) = {row["output"] for row in refusals}
    assert re.fullmatch(r"Sorry, I only help with [\w', ]+\.", said)
    for row in refusals:
        assert row["facts"] == {"refusal": "Sorry, I only help with"}
        assert (row["topic"], row["source"]) == ("refusal", "synthetic:guardrails")
    with_record = [" | " in row["input"] for row in refusals]
    assert sum(with_record) == len(refusals) / 2


@pytest.mark.parametrize("seed", range(17, 22))
def test_what_is_declined_in_evaluation_is_after_something_else_than_in_training(rows, seed):
    train, heldout = ([r for r in side if r["topic"] == "refusal"] for side in split_rows(rows, 0.2, seed))
    reasons = {row["key"].split()[0] for row in train}
    assert reasons == set(REQUESTS), "every reason is learnt"
    assert len(heldout) >= 8
    assert not {row["group"] for row in train} & {row["group"] for row in heldout}


def test_rough_questions_have_the_answer_of_the_plain_one_and_take_its_place(builder, rows, monkeypatch):
    monkeypatch.setattr(guardrails, "ROUGH", 0)
    pairs = [(row, plain) for row, plain in zip(rows, builder.build(), strict=True) if row != plain]
    assert len(pairs) == 20
    for row, plain in pairs:
        assert (row["instruction"], row["input"]) != (plain["instruction"], plain["input"])
        assert all(row[c] == plain[c] for c in row if c not in ("instruction", "input"))
        assert same_letters(row, plain), row


def test_no_row_is_a_near_duplicate_that_refinement_would_drop(rows):
    sketches, index = sketch_rows(rows), QuestionIndex(Refine().near_duplicate)
    for row, sketch in zip(rows, sketches.tolist(), strict=True):
        same = index.find(Question(row), sketch)
        assert same is None, (row, rows[same])
        index.add(Question(row), sketch)


def same_letters(row, twin):
    """Whether a row says what its twin does, but for order, case, marks and what courtesy adds."""
    letters = [
        collections.Counter(re.findall(r"[a-z0-9]", f"{r['instruction']}{r['input']}".lower())) for r in (row, twin)
    ]
    return not letters[1] - letters[0]


def test_nothing_in_them_is_taken_for_personal_data(rows):
    """What is taken for a name gets a stand-in on its way in, and the request would no longer be the one it was."""
    for row in [row for row in rows if row["topic"] == "refusal"]:
        assert not privacy.find_personal_data(f"{row['instruction']}\n{row['input']}"), row
