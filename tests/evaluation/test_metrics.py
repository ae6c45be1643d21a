"""The figures mean what their names say."""

import math

import pytest

from pipelines.evaluation.evaluate import chosen
from pipelines.evaluation.metrics import score, stands_in, summarise

ROW = {"output": "It gets 38 mpg on the highway.", "facts": {"highway_mpg": "38"}}


@pytest.mark.parametrize(
    ("answer", "right"),
    [("It gets 38 mpg.", 1), ("38", 1), ("It gets 138 mpg.", 0), ("38.5 mpg", 0), ("About 30.38", 0), ("", 0)],
)
def test_a_fact_counts_only_as_whole_words(answer: str, right: int) -> None:
    assert score(ROW, answer)["facts"] == right


def test_facts_ignore_case_and_spacing() -> None:
    assert stands_in("Front-Wheel  Drive", "it is FRONT-wheel drive.")


def test_a_perfect_answer_is_perfect_and_a_foreign_one_is_not() -> None:
    assert score(ROW, ROW["output"]) == {"facts": 1, "rouge_l": pytest.approx(1), "token_f1": pytest.approx(1)}
    assert score(ROW, "Pardon?")["token_f1"] == 0


def test_summaries_weigh_loss_by_tokens_and_facts_by_rows_that_have_them() -> None:
    def answer(topic: str, facts: float, nll: float, tokens: int, expected: dict) -> dict:
        marks = {"facts": facts, "rouge_l": 0.5, "token_f1": 0.5}
        return {"kind": "grounded", "topic": topic, "nll": nll, "tokens": tokens, "expected": expected} | marks

    parts = summarise(
        [answer("a", 1, 1.0, 1, {"f": "1"}), answer("a", 0, 9.0, 4, {"f": "2"}), answer("b", 1, 2, 1, {})]
    )
    assert parts["all"]["loss"] == pytest.approx(12 / 6)
    assert parts["a"]["perplexity"] == pytest.approx(math.exp(10 / 5))
    assert parts["all"]["facts"] == 0.5
    assert parts["b"]["questions"] == 1


def test_a_limit_takes_from_every_topic() -> None:
    rows = [{"topic": topic, "n": n} for topic in "abc" for n in range(10)]
    assert {row["topic"] for row in chosen(rows, 3)} == set("abc")
    assert chosen(rows, 0) == rows
