"""Answers, their confidence and the truths' likelihood, compared with plain transformers, one row at a time."""

# ruff: noqa: TID253
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipelines.core.errors import WeaverError
from pipelines.core.plan import TrainingPlan
from pipelines.evaluation import few_shot
from pipelines.evaluation.generate import LATENCY_QUESTIONS, AnswerGenerator
from pipelines.text import chat_format

Rows = list[dict[str, Any]]


@pytest.fixture
def model(small_base: Path, plan: TrainingPlan) -> AnswerGenerator:
    return AnswerGenerator(small_base, plan, signed=False)


def ignore_progress(done: int, total: int) -> None:
    pass


def answer_alone(folder: Path, plan: TrainingPlan, row: dict[str, Any], examples: Rows) -> dict[str, Any]:
    """The same without batches: log-probabilities of the whole text, and greedy steps one after another."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder).eval()
    ids, whole = (
        tokenizer(text(tokenizer, row, plan.system_prompt, examples), return_tensors="pt", add_special_tokens=False)[
            "input_ids"
        ]
        for text in (chat_format.render_prompt, chat_format.render_with_answer)
    )
    start, tokens, log_probs = ids.shape[1], [], []
    with torch.inference_mode():
        of_truth = model(whole).logits[0, start - 1 : -1].log_softmax(-1)
        while len(tokens) < plan.evaluate.max_new_tokens and (not tokens or tokens[-1] != tokenizer.eos_token_id):
            log_prob, token = model(ids).logits[0, -1].log_softmax(-1).max(-1)
            tokens, log_probs = [*tokens, int(token)], [*log_probs, float(log_prob)]
            ids = torch.cat([ids, token.reshape(1, 1)], dim=1)
    truth = whole[0, start:]
    return {
        "answer": tokenizer.decode(tokens, skip_special_tokens=True).strip(),
        "answer_tokens": len([token for token in tokens if token != tokenizer.eos_token_id]),
        "truncated": tokenizer.eos_token_id not in tokens,
        "confidence": pytest.approx(math.exp(sum(log_probs) / len(log_probs)), rel=1e-4),
        "nll": pytest.approx(-float(of_truth.gather(1, truth[:, None]).sum()), rel=1e-4),
        "tokens": len(truth),
    }


@pytest.mark.parametrize("few", [0, 2])
def test_batches_answer_as_rows_alone_do(
    model: AnswerGenerator, small_base: Path, plan: TrainingPlan, rows: Rows, few: int
) -> None:
    asked = rows[:9]
    examples = few_shot.select_examples(rows[24:], {row["topic"] for row in asked}, few)
    answers = [
        {key: value for key, value in line.items() if key not in ("sent", "shown", "from_record")}
        for line in model.answer_rows(asked, ignore_progress, examples)
    ]
    shown, _ = model.show_rows(asked)
    assert answers == [answer_alone(small_base, plan, row, examples[row["topic"]]) for row in shown]
    assert len({line["answer"] for line in answers}) > 1


def test_an_answer_ends_where_the_model_ends_it(model: AnswerGenerator, plan: TrainingPlan, rows: Rows) -> None:
    first = model.answer_rows(rows[:9], ignore_progress)
    place = next(i for i, line in enumerate(first) if line["answer_tokens"] == plan.evaluate.max_new_tokens)
    assert first[place]["truncated"]
    ids = model.answer_alone(model.encode_prompts(rows[place : place + 1], {})[0]).tokens
    model.model.generation_config.eos_token_id = [ids[3], model.tokenizer.eos_token_id]
    again = model.answer_rows(rows[:9], ignore_progress)[place]
    assert again["answer_tokens"] == ids.index(ids[3])
    assert not again["truncated"]


def test_questions_without_a_known_answer_get_one_in_their_order(model: AnswerGenerator, rows: Rows) -> None:
    asked = [{"instruction": row["instruction"], "input": row["input"]} for row in rows[:9]]
    assert model.generate_texts(asked) == [line["sent"] for line in model.answer_rows(rows[:9], ignore_progress)]
    assert model.generate_texts([]) == []


def test_what_the_record_lacks_is_declined_without_a_model(
    model: AnswerGenerator, plan: TrainingPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    declining = plan.knowledge.decline_sentence
    record = "2012 Ford Focus | gears 6 | city 27 mpg"
    row = {"instruction": "How many cylinders does it have?", "input": record, "output": declining, "topic": "engine"}
    (line,) = model.answer_rows([row], ignore_progress)
    assert (line["answer"], line["sent"], line["shown"], line["answer_tokens"]) == (declining, declining, "", 0)
    assert line["nll"] > 0
    monkeypatch.setattr(model, "decode", None)
    assert model.generate_texts([row]) == [declining]


def test_progress_counts_up_to_all(model: AnswerGenerator, rows: Rows) -> None:
    reports: list[tuple[int, int]] = []
    model.answer_rows(rows[:9], lambda done, total: reports.append((done, total)))
    assert reports == [(7, 9), (9, 9)]


def test_times_are_of_single_questions(model: AnswerGenerator, rows: Rows) -> None:
    timings = model.measure_latency(rows)
    assert len(timings) == LATENCY_QUESTIONS
    assert all(0 < one["first_token"] < one["answer"] and 1 < one["tokens"] <= 8 for one in timings)
    assert len(model.measure_latency(rows[:2])) == 2


def test_what_is_not_signed_is_not_loaded(small_base: Path, plan: TrainingPlan, room: Path) -> None:
    with pytest.raises(WeaverError, match="not signed"):
        AnswerGenerator(small_base, plan)


def test_examples_are_of_the_questions_own_topic_and_the_same_every_time(rows: Rows) -> None:
    shown = few_shot.select_examples(rows, ["urgency", "drive/train", "urgency"], 3)
    assert {topic: [row["topic"] for row in found] for topic, found in shown.items()} == {
        "drive/train": ["drive/train"] * 3,
        "urgency": ["urgency"] * 3,
    }
    assert shown == few_shot.select_examples(rows, ["drive/train", "urgency"], 3)


def test_a_topic_with_too_few_examples_borrows_from_the_others_and_says_nothing_twice(rows: Rows) -> None:
    many = [row | {"topic": f"topic {i % 3}", "key": str(i % 6)} for i, row in enumerate(rows)]
    one = rows[0] | {"topic": "rare", "key": "99"}
    (found,) = few_shot.select_examples([*many, one], ["rare"], 4).values()
    assert found[0] == one
    assert {row["topic"] for row in found[1:]} == {"topic 0", "topic 1", "topic 2"}
    assert len({row["key"] for row in found}) == 4


def test_examples_stand_before_the_question_as_turns_of_their_own(rows: Rows) -> None:
    messages = chat_format.prompt_messages(rows[1], "Help.", rows[2:4])
    assert [message["role"] for message in messages] == ["system", *["user", "assistant"] * 2, "user"]
    assert messages[2]["content"] == rows[2]["output"]
    assert messages[-1] == chat_format.prompt_messages(rows[1], "Help.")[-1]
