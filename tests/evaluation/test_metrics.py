"""The metrics are computed as their names say."""

import math
from typing import Any

import pytest
from sacrebleu import corpus_bleu, corpus_chrf, sentence_chrf
from sklearn.metrics import f1_score  # noqa: TID253

from pipelines.core.errors import WeaverError
from pipelines.evaluation.metrics import (
    find_label_sets,
    latency_metrics,
    parse_number,
    predict_labels,
    relative_error,
    score_answer,
    summarise_slices,
)
from pipelines.evaluation.outcomes import outcome_metrics
from pipelines.text.facts import contains_fact, extract_numbers

ROW = {"output": "It gets 38 mpg on the highway.", "facts": {"highway_mpg": "38"}}


def answered(answer: str, truth: str = "It gets 38 mpg.", **more: Any) -> dict[str, Any]:
    """A scored row, as answers.jsonl has it."""
    facts = more.pop("expected_facts", {"mpg": "38"})
    known = {"topic": "fuel", "kind": "grounded", "slices": ["all", "fuel"], "expected_facts": facts, "truth": truth}
    said = {"answer": answer, "nll": 4.0, "tokens": 4, "answer_tokens": 5, "confidence": 0.5, "truncated": False}
    row = {"instruction": "How thirsty is it?", "input": "", "kind": "grounded", "output": truth, "facts": facts}
    return known | said | score_answer(row, answer) | outcome_metrics(row, answer) | more


@pytest.mark.parametrize(
    ("answer", "right"),
    [("It gets 38 mpg.", 1), ("38", 1), ("It gets 138 mpg.", 0), ("38.5 mpg", 0), ("About 30.38", 0), ("", 0)],
)
def test_a_fact_counts_only_as_whole_words(answer: str, right: int) -> None:
    assert score_answer(ROW, answer)["facts"] == right


def test_facts_ignore_case_and_spacing() -> None:
    assert contains_fact("Front-Wheel  Drive", "it is FRONT-wheel drive.")


def test_a_perfect_answer_is_perfect_and_a_foreign_one_is_not() -> None:
    perfect = score_answer(ROW, ROW["output"])
    assert perfect.pop("numeric_error") == 0
    assert perfect == dict.fromkeys(perfect, pytest.approx(1))
    foreign = score_answer(ROW, "Pardon?")
    assert foreign["length_ratio"] == pytest.approx(1 / 7)
    assert foreign["numeric_error"] == 1
    assert foreign["facts"] == foreign["score"] == foreign["exact"] == foreign["token_f1"] == foreign["bleu"] == 0


def test_sentences_are_scored_as_sacrebleu_scores_them() -> None:
    answer = "It gets 36 mpg on the highway."
    found = score_answer(ROW, answer)
    # Of the 1- to 4-grams, 7/8, 5/7, 3/6 and 2/5 are there (the full stop is a token); same length: their mean.
    assert found["bleu"] == pytest.approx((7 / 8 * 5 / 7 * 3 / 6 * 2 / 5) ** 0.25)
    assert found["chrf"] == pytest.approx(sentence_chrf(answer, [ROW["output"]]).score / 100)
    assert found["token_f1"] == pytest.approx(5 / 6)  # "the" is an article


def test_the_score_is_of_facts_and_where_there_are_none_of_words() -> None:
    assert score_answer(ROW, "38")["score"] == 1
    without = score_answer({"output": "Brake fluid is low.", "facts": {}}, "Brake fluid")
    assert without["facts"] is None
    assert without["score"] == without["token_f1"] == pytest.approx(2 * 0.5 / 1.5)


def test_the_score_is_the_share_of_the_facts_that_are_not_optional() -> None:
    facts = {"stop": "stop", "reason": "oil pressure", "parts": "pump"}
    row = {"output": "Stop: the oil pressure is low.", "facts": facts, "importance": {"parts": "optional"}}
    assert score_answer(row, "Stop: low oil pressure.") == score_answer(
        row | {"importance": {}, "facts": {"stop": "stop", "reason": "oil pressure"}}, "Stop: low oil pressure."
    )
    half = score_answer(row, "The oil pressure is low, says the pump.")
    assert (half["score"], half["facts"]) == (0.5, 0)
    assert score_answer(row | {"importance": {}}, "Stop: low oil pressure.")["score"] == pytest.approx(2 / 3)
    only_optional = row | {"importance": dict.fromkeys(facts, "optional")}
    assert score_answer(only_optional, "Stop.")["facts"] is None


def test_numbers_are_read_as_people_write_them() -> None:
    assert extract_numbers("$23,400 for 12.5% of -3, in 2021.") == [23400, 12.5, -3, 2021]
    assert extract_numbers("P0128 and 85-105") == [85, 105]
    facts = ("$13586", "27.0%", "6 on hand", "rear-wheel", "3 of 4", "8:00", "Bay 1", "P0420")
    assert [parse_number(fact) for fact in facts] == [13586, 27, 6, None, None, None, None, None]


@pytest.mark.parametrize(
    ("truth", "answer", "error"),
    [(20, "18 or 30", 0.1), (20, "20", 0), (20, "none", 1), (20, "2021", 1), (0, "0", 0), (0, "3", 1), (5, "5.0L", 0)],
)
def test_the_error_of_a_number_is_a_share_of_the_truth(truth: float, answer: str, error: float) -> None:
    assert relative_error(truth, answer) == pytest.approx(error)


def test_summaries_weigh_loss_by_tokens_and_facts_by_rows_that_have_them() -> None:
    rows = [
        answered("It gets 38 mpg.", nll=1.0, tokens=1),
        answered("It gets 40 mpg.", nll=9.0, tokens=4),
        answered(
            "Low fluid.", "Low fluid.", expected_facts={}, nll=2.0, tokens=1, topic="advice", slices=["all", "advice"]
        ),
    ]
    found = summarise_slices("challenger", rows)
    assert found["all"]["loss"] == pytest.approx(12 / 6)
    assert found["fuel"]["perplexity"] == pytest.approx(math.exp(10 / 5))
    assert found["all"]["facts"] == 0.5
    assert found["all"]["score"] == pytest.approx(2 / 3)
    assert found["all"]["numeric_error"] == pytest.approx((0 + 2 / 38) / 2)
    assert found["advice"]["questions"] == 1
    assert "facts" not in found["advice"]


def test_bleu_and_chrf_of_a_slice_are_those_of_one_text() -> None:
    said, truths = ["It gets 36 mpg.", "38 mpg"], ["It gets 38 mpg.", "It gets 38 mpg."]
    found = summarise_slices("base", [answered(*pair) for pair in zip(said, truths, strict=True)])["all"]
    assert found["corpus_bleu"] == pytest.approx(corpus_bleu(said, [truths]).score / 100)
    assert found["corpus_chrf"] == pytest.approx(corpus_chrf(said, [truths]).score / 100)


def test_calibration_is_the_distance_of_confidence_and_being_right() -> None:
    rows = [answered("38", confidence=0.95)] * 3 + [answered("40", confidence=0.95)] + [answered("40", confidence=0.35)]
    # Four answers of confidence 0.95 are right in three of four; the one of 0.35 is wrong.
    assert summarise_slices("base", rows)["all"]["calibration_error"] == pytest.approx(0.8 * 0.2 + 0.2 * 0.35, abs=1e-6)


def drive(truth: str, answer: str) -> dict[str, Any]:
    return answered(answer, truth, expected_facts={"drive": truth}, topic="drive", slices=["all", "drive"])


DRIVES = [
    drive("front-wheel", "It is front-wheel."),
    drive("front-wheel", "It is rear-wheel, not front-wheel."),
    drive("rear-wheel", "Its drive is rear-wheel."),
    drive("rear-wheel", "I do not know."),
]


def test_few_words_asked_often_are_classes_and_numbers_or_rare_words_are_not() -> None:
    labels = ["front-wheel", "rear-wheel"]
    assert find_label_sets(DRIVES) == {("drive", "drive"): labels}
    assert not find_label_sets([answered("38")] * 8)
    assert not find_label_sets([drive(f"kind {letter}", "") for letter in "abcd"])
    assert not find_label_sets([drive(f"The {part} is worn or was never there.", "") for part in ("belt", "hose")] * 4)


def test_slices_stand_in_the_order_of_a_report() -> None:
    rows = [
        answered("38", slices=["all", "grounded", "fuel", "year:2021"]),
        answered("38", slices=["all", "fuel", "at"]),
    ]
    rows[1]["topic"] = "at"
    assert list(summarise_slices("base", rows)) == ["all", "grounded", "at", "fuel", "year:2021"]


def test_an_answer_counts_as_the_label_that_it_says_first() -> None:
    pairs = predict_labels(DRIVES, find_label_sets(DRIVES))
    said = ["front-wheel", "rear-wheel", "rear-wheel", "none"]
    assert pairs == list(zip(["front-wheel", "front-wheel", "rear-wheel", "rear-wheel"], said, strict=True))
    found = summarise_slices("base", DRIVES)["drive"]
    assert found["accuracy"] == 0.5
    # front-wheel: precision 1, recall 1/2; rear-wheel: precision 1/2, recall 1/2.
    assert found["macro_f1"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    truths = [truth for truth, _ in pairs]
    assert found["macro_f1"] == pytest.approx(f1_score(truths, said, labels=sorted(set(truths)), average="macro"))


def test_a_metric_that_is_not_finite_raises_an_error_that_names_it() -> None:
    with pytest.raises(WeaverError, match="The loss of champion in the slice “all” is nan"):
        summarise_slices("champion", [answered("38", nll=math.nan)])


def test_speed_is_of_answers_asked_one_at_a_time() -> None:
    timings = [{"first_token": 0.1, "token": 0.05, "answer": n, "tokens": 10} for n in (1.0, 2.0, 3.0)]
    found = latency_metrics(
        [*timings, {"first_token": 0.1, "token": None, "answer": 2.0, "tokens": 1}], machine_hour=3.6
    )
    assert found["latency"] == 2
    assert found["latency_p95"] == pytest.approx(2.85)
    assert found["token"] == found["token_p95"] == pytest.approx(0.05)
    assert found["tokens_per_second"] == pytest.approx(31 / 8)
    assert found["cost_per_1000"] == pytest.approx(2.0 * 1000 * 0.001)  # two seconds per answer, at 0.001 per second
