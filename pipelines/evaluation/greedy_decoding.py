"""Greedy decoding of a batch whose prompts share a prefix: one forward pass reads the prompts and scores the truths.

What `transformers.generate` cannot do, and what an evaluation on a CPU spends its time on: the shared prefix (system
prompt and examples) is read once and not once per question, the true answer is scored in the same pass that reads the
prompt, and a row that has ended leaves the batch. Decoding is purely greedy: every arm is decoded alike, whatever
sampling settings a model folder recommends.

Imported only to evaluate: torch takes seconds.
"""

import copy
import math
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import torch  # noqa: TID253
from transformers import DynamicCache  # noqa: TID253

IGNORED = -100  # cross_entropy skips targets of this value


@dataclass
class DecodedAnswer:
    """What one prompt was answered with, and how likely its true answer is; nothing where it was only scored."""

    tokens: list[int] = field(default_factory=list)  # without the token that ended it
    log_probs: list[float] = field(default_factory=list)  # one per decoding step; to end is a step too
    step_times: list[float] = field(default_factory=list)  # time.perf_counter at the end of each step
    truncated: bool = True  # max_new_tokens ended it
    truth_nll: float = 0.0  # nats, summed over the true answer's tokens

    @property
    def confidence(self) -> float:
        """The geometric mean of the tokens' probabilities, as a server reports them: without the one that ends it; 1
        where it was only scored."""
        if not self.log_probs:
            return 1.0
        log_probs = self.log_probs[: len(self.tokens)] or self.log_probs
        return math.exp(sum(log_probs) / len(log_probs))


class Prefix:
    """Tokens that several prompts begin with, read once.

    Args:
        model: a transformers causal language model, in evaluation mode.
        prompts: token ids of each prompt.
    """

    def __init__(self, model: Any, prompts: Sequence[Sequence[int]]) -> None:
        self.model = model
        self.length = count_common_tokens(prompts)
        self.cache = DynamicCache()
        if self.length:
            with torch.inference_mode():
                ids = torch.tensor([list(prompts[0][: self.length])], device=model.device)
                model(input_ids=ids, past_key_values=self.cache, logits_to_keep=1)

    def copy_cache(self, rows: int) -> DynamicCache:
        """The prefix's keys and values, repeated for each row of a batch."""
        cache = copy.deepcopy(self.cache)
        cache.batch_repeat_interleave(rows)
        return cache


def count_common_tokens(prompts: Sequence[Sequence[int]]) -> int:
    """Length of the longest prefix that all prompts share and that leaves each of them at least one token."""
    columns = zip(*prompts, strict=False)
    shared = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
    return min([shared, *(len(prompt) - 1 for prompt in prompts)])


def decode_batch(
    prefix: Prefix,
    prompts: Sequence[Sequence[int]],
    truths: Sequence[Sequence[int]],
    end_tokens: set[int],
    max_new_tokens: int,
    only_scored: Collection[int] = (),
) -> list[DecodedAnswer]:
    """Answer each prompt greedily, and score each true answer.

    Args:
        prefix: what all prompts begin with.
        prompts: token ids of whole prompts, prefix included.
        truths: token ids of the true answers, in the order of the prompts; empty ones are not scored.
        end_tokens: ids that end an answer.
        only_scored: places of prompts that are not answered.

    Returns:
        One answer per prompt, in order.
    """
    answers = [DecodedAnswer() for _ in prompts]
    with torch.inference_mode():
        cache, mask, logits = read_prompts(prefix, prompts, truths, answers)
        active = [place for place in range(len(prompts)) if place not in only_scored]
        for place in only_scored:
            answers[place].truncated = False
        if len(active) < len(prompts):
            chosen = torch.tensor(active, dtype=torch.long, device=mask.device)
            mask, logits = mask[chosen], logits[chosen]
            cache.batch_select_indices(chosen)
        for step in range(max_new_tokens if active else 0):
            # The token taken is the likeliest one: its log-probability needs no softmax over the vocabulary.
            best, tokens = logits.max(-1)
            log_probs, now = (best - logits.logsumexp(-1)).tolist(), time.perf_counter()
            kept = []
            for place, (row, token) in enumerate(zip(active, tokens.tolist(), strict=True)):
                answers[row].log_probs.append(log_probs[place])
                answers[row].step_times.append(now)
                answers[row].truncated = token not in end_tokens
                if answers[row].truncated:
                    answers[row].tokens.append(token)
                    kept.append(place)
            if not kept or step == max_new_tokens - 1:
                break
            if len(kept) < len(active):
                active = [active[place] for place in kept]
                chosen = torch.tensor(kept, device=mask.device)
                tokens, mask = tokens[chosen], mask[chosen]
                cache.batch_select_indices(chosen)
            mask = torch.nn.functional.pad(mask, (0, 1), value=1)
            output = prefix.model(
                input_ids=tokens[:, None],
                attention_mask=mask,
                position_ids=mask.sum(1, keepdim=True) - 1,
                past_key_values=cache,
            )
            logits = output.logits[:, -1].float()
    return answers


def read_prompts(
    prefix: Prefix, prompts: Sequence[Sequence[int]], truths: Sequence[Sequence[int]], answers: list[DecodedAnswer]
) -> tuple[DynamicCache, torch.Tensor, torch.Tensor]:
    """Read prompts and true answers in one forward pass, and note the truths' likelihood in `answers`.

    Prompts are padded on the left and truths on the right, so that all answers begin in one column; the truths are then
    removed from the cache.

    Returns:
        The prompts' cache; their attention mask, shape (prompts, longest prompt); and the logits of the first token of
        an answer, shape (prompts, vocabulary).
    """
    device = prefix.model.device
    suffixes = [list(prompt[prefix.length :]) for prompt in prompts]
    fed = [list(truth[:-1]) for truth in truths]  # the last token predicts nothing
    width, tail = max(map(len, suffixes)), max(map(len, fed))
    ids, mask, targets = [], [], []
    for suffix, read, truth in zip(suffixes, fed, truths, strict=True):
        before, after = width - len(suffix), tail - len(read)
        ids.append([0] * before + suffix + read + [0] * after)
        mask.append([1] * prefix.length + [0] * before + [1] * (len(suffix) + len(read)) + [0] * after)
        targets.append([*truth, *[IGNORED] * (tail + 1 - len(truth))])
    attention = torch.tensor(mask, device=device)
    positions = (attention.cumsum(1) - 1).clamp(min=0)[:, prefix.length :]
    cache = prefix.copy_cache(len(prompts))
    logits = prefix.model(
        input_ids=torch.tensor(ids, device=device),
        attention_mask=attention,
        position_ids=positions,
        past_key_values=cache,
        logits_to_keep=tail + 1,
    ).logits.float()
    losses = torch.nn.functional.cross_entropy(
        logits.transpose(1, 2), torch.tensor(targets, device=device), reduction="none", ignore_index=IGNORED
    )
    for answer, loss in zip(answers, losses.sum(1).tolist(), strict=True):
        answer.truth_nll = loss
    cache.crop(-tail)
    return cache, attention[:, : prefix.length + width], logits[:, 0]
