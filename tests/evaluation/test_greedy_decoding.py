"""Decoding with a shared prefix: the same tokens as transformers' own generation."""

# ruff: noqa: TID253
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from pipelines.evaluation.greedy_decoding import Prefix, count_common_tokens, decode_batch

MAX_NEW_TOKENS = 12
PROMPTS = [[5, 9, 33, 7, 21], [5, 9, 33, 8], [5, 9, 33, 90, 91, 92, 93, 94], [5, 9, 33, 7, 7]]


@pytest.mark.parametrize(
    ("prompts", "common"),
    [([[1, 2, 3], [1, 2, 4]], 2), ([[1, 2], [1, 2, 3]], 1), ([[1], [2]], 0), ([[1, 2, 3]], 2), ([], 0)],
)
def test_the_common_prefix_leaves_every_prompt_a_token(prompts: list[list[int]], common: int) -> None:
    assert count_common_tokens(prompts) == common


def test_tokens_are_those_of_transformers_generate_whenever_a_row_ends(small_base: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(small_base).eval()
    expected = [generate(model, prompt, end=-1) for prompt in PROMPTS]
    end = expected[1][4]  # an ordinary token as the end: rows end after different numbers of tokens
    prefix = Prefix(model, PROMPTS)
    assert prefix.length == 3
    answers = decode_batch(prefix, PROMPTS, [[]] * len(PROMPTS), {end}, MAX_NEW_TOKENS)
    for answer, tokens in zip(answers, expected, strict=True):
        length = tokens.index(end) if end in tokens else MAX_NEW_TOKENS
        assert answer.tokens == tokens[:length]
        assert answer.truncated == (end not in tokens)
        assert len(answer.log_probs) == len(answer.step_times) == length + (end in tokens)
        assert answer.truth_nll == 0
    assert len({len(answer.tokens) for answer in answers}) > 1


def test_scoring_a_truth_does_not_change_the_answer(small_base: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(small_base).eval()
    prefix = Prefix(model, PROMPTS)
    alone = decode_batch(prefix, PROMPTS, [[]] * len(PROMPTS), set(), MAX_NEW_TOKENS)
    truths = [[3], [4, 5, 6, 7, 8], [], [9, 10]]
    scored = decode_batch(prefix, PROMPTS, truths, set(), MAX_NEW_TOKENS)
    assert [answer.tokens for answer in scored] == [answer.tokens for answer in alone]
    for prompt, truth, answer in zip(PROMPTS, truths, scored, strict=True):
        with torch.inference_mode():
            log_probs = model(torch.tensor([prompt + truth])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        nll = -sum(float(log_probs[place, token]) for place, token in enumerate(truth))
        assert answer.truth_nll == pytest.approx(nll, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("only_scored", [{1}, {0, 2}, {0, 1, 2, 3}])
def test_what_is_only_scored_changes_no_other_answer(small_base: Path, only_scored: set[int]) -> None:
    model = AutoModelForCausalLM.from_pretrained(small_base).eval()
    prefix, truths = Prefix(model, PROMPTS), [[3], [4, 5, 6, 7, 8], [9], [9, 10]]
    every = decode_batch(prefix, PROMPTS, truths, set(), MAX_NEW_TOKENS)
    some = decode_batch(prefix, PROMPTS, truths, set(), MAX_NEW_TOKENS, only_scored)
    for place, (answer, other) in enumerate(zip(some, every, strict=True)):
        assert answer.truth_nll == pytest.approx(other.truth_nll, rel=1e-5)
        assert answer.tokens == ([] if place in only_scored else other.tokens)
        assert (answer.truncated, answer.confidence == 1) == (place not in only_scored, place in only_scored)


def generate(model: AutoModelForCausalLM, prompt: list[int], end: int) -> list[int]:
    output = model.generate(
        torch.tensor([prompt]), max_new_tokens=MAX_NEW_TOKENS, do_sample=False, eos_token_id=end, pad_token_id=0
    )
    return output[0, len(prompt) :].tolist()
