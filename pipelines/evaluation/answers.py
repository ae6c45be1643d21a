"""A model folder answers held-out questions, greedily, and its loss on the true answers is taken."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines import chat
from pipelines.plan import TrainingPlan

TIMED = 4  # questions asked one at a time for the latency: a batch would flatter it


def ask(
    folder: Path, rows: list[dict[str, Any]], plan: TrainingPlan, said: Callable[[int, int], None]
) -> tuple[list[dict[str, Any]], float]:
    """Ask every row's question of the model in `folder`.

    Args:
        said: called with (answered, all) as batches come back.

    Returns:
        One dict a row, in order: answer (text), nll (nats, summed over the true answer's tokens), tokens (their
        number); and the median seconds an answer takes when asked alone.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, use_safetensors=True)
    model.to(device).eval()
    prompts = [chat.prompt(tokenizer, row, plan.system_prompt) for row in rows]
    wholes = [chat.whole(tokenizer, row, plan.system_prompt) for row in rows]

    def generate(texts: list[str]) -> list[str]:
        inputs = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False).to(device)
        with torch.inference_mode():
            output = model.generate(
                **inputs,
                max_new_tokens=plan.evaluate.max_new_tokens,
                do_sample=False,
                pad_token_id=tokenizer.pad_token_id,
            )
        return tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)

    def losses(prompt_texts: list[str], whole_texts: list[str]) -> list[tuple[float, int]]:
        inputs = tokenizer(
            whole_texts, return_tensors="pt", padding=True, padding_side="right", add_special_tokens=False
        ).to(device)
        starts = [len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in prompt_texts]
        with torch.inference_mode():
            logits = model(**inputs).logits[:, :-1].float()
        targets = inputs["input_ids"][:, 1:]
        nll = torch.nn.functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
        asked = inputs["attention_mask"][:, 1:].bool()
        for position, start in enumerate(starts):
            asked[position, : start - 1] = False
        return [(float(line[mask].sum()), int(mask.sum())) for line, mask in zip(nll, asked, strict=True)]

    seconds = []
    for text in prompts[:TIMED]:
        began = time.perf_counter()
        generate([text])
        seconds.append(time.perf_counter() - began)

    # Neighbours in length share a batch: padding is work for nothing.
    order = sorted(range(len(rows)), key=lambda i: len(wholes[i]))
    results: list[dict[str, Any]] = [{} for _ in rows]
    size = plan.evaluate.batch_size
    for begin in range(0, len(order), size):
        batch = order[begin : begin + size]
        texts = generate([prompts[i] for i in batch])
        taken = losses([prompts[i] for i in batch], [wholes[i] for i in batch])
        for i, text, (nll, tokens) in zip(batch, texts, taken, strict=True):
            results[i] = {"answer": text.strip(), "nll": nll, "tokens": tokens}
        said(begin + len(batch), len(rows))
    return results, statistics.median(seconds)
