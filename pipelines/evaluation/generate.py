"""A model folder answers questions: greedily, in batches, every arm with the same decoding."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.core import signing
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import quiet_libraries
from pipelines.text import chat_format

Row = dict[str, Any]
Examples = Mapping[str, Sequence[Row]]  # topic → rows shown before its questions

GGUF_FILE = "model.gguf"
LATENCY_QUESTIONS = 8  # questions asked one at a time for the latency: a batch would flatter it


class AnswerGenerator:
    """A folder that transformers loads, safetensors or GGUF, loaded once.

    Args:
        signed: what the export stage wrote is signed, and verified before it is loaded; a base is not.
    Raises:
        WeaverError: the folder is not what was signed.
    """

    def __init__(self, folder: Path, plan: TrainingPlan, signed: bool = True) -> None:
        if signed:
            signing.verify(folder)
        quiet_libraries()
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging as progress_bars

        progress_bars.disable_progress_bar()  # a task's log keeps every step of one
        device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = torch.bfloat16 if device == "cuda" else torch.float32
        self.plan = plan
        # A GGUF is read back to fp32: the very weights that are served, to the last bit of their quantisation.
        weights = {"gguf_file": GGUF_FILE} if (folder / GGUF_FILE).exists() else {"use_safetensors": True}
        self.tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
        self.tokenizer.pad_token = self.tokenizer.pad_token or self.tokenizer.eos_token
        model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **weights)
        self.model = model.to(device).eval()

    def ask(self, rows: Sequence[Row]) -> list[str]:
        """The answers to rows that have an instruction and an input."""
        prompts = [chat_format.render_prompt(self.tokenizer, row, self.plan.system_prompt) for row in rows]
        told = {i: line["answer"] for batch in self.batches(prompts) for i, line in self.generate(prompts, batch)}
        return [told[i] for i in range(len(rows))]

    def answers(
        self, rows: Sequence[Row], said: Callable[[int, int], None], examples: Examples | None = None
    ) -> list[Row]:
        """Ask every row's question, and weigh its true answer.

        Args:
            said: called with (answered, all) as batches come back.

        Returns:
            One dict a row, in order: answer (text), answer_tokens, cut (whether max_new_tokens ended it), confidence
            (exp of the mean log-probability of its tokens); nll (nats, summed over the true answer's tokens) and
            tokens (their number).
        """
        prompts, wholes = self.texts(rows, examples or {})
        results: list[Row] = [{} for _ in rows]
        done = 0
        for batch in self.batches(wholes):
            for i, line in [*self.generate(prompts, batch), *self.weigh(prompts, wholes, batch)]:
                results[i] |= line
            done += len(batch)
            said(done, len(rows))
        return results

    def timings(self, rows: Sequence[Row], examples: Examples | None = None) -> list[Row]:
        """Seconds of TIMED questions, evenly from all, each asked alone: first_token, token (each one after it),
        answer (all of it), and the number of tokens."""
        rows = rows[:: max(1, len(rows) // LATENCY_QUESTIONS)][:LATENCY_QUESTIONS]
        prompts, _ = self.texts(rows, examples or {})
        self.run(
            [chat_format.render_prompt(self.tokenizer, rows[0], self.plan.system_prompt)]
        )  # the first run warms caches up
        timings = []
        for prompt in prompts:
            began = time.perf_counter()
            at = [moment - began for moment in self.run([prompt])[1].at]
            after_first = (at[-1] - at[0]) / (len(at) - 1) if len(at) > 1 else None
            timings.append({"first_token": at[0], "token": after_first, "answer": at[-1], "tokens": len(at)})
        return timings

    def texts(self, rows: Sequence[Row], examples: Examples) -> tuple[list[str], list[str]]:
        prompts, wholes = (
            [render(self.tokenizer, row, self.plan.system_prompt, examples.get(row["topic"], ())) for row in rows]
            for render in (chat_format.render_prompt, chat_format.render_with_answer)
        )
        return prompts, wholes

    def batches(self, texts: list[str]) -> Iterator[list[int]]:
        """Places of `texts`; neighbours in length share a batch, as padding is work for nothing."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for begin in range(0, len(order), self.plan.evaluate.batch_size):
            yield order[begin : begin + self.plan.evaluate.batch_size]

    def generate(self, prompts: list[str], batch: list[int]) -> Iterator[tuple[int, Row]]:
        output, watch = self.run([prompts[i] for i in batch])
        texts = self.tokenizer.batch_decode(output, skip_special_tokens=True)
        ends = self.model.generation_config.eos_token_id
        ends = set(ends if isinstance(ends, list) else [ends])
        for i, text, ids, chances in zip(batch, texts, output.tolist(), zip(*watch.chances, strict=True), strict=True):
            length = next((place for place, token in enumerate(ids) if token in ends), None)
            written = chances[: len(chances) if length is None else length + 1]  # to end is a choice too
            yield (
                i,
                {
                    "answer": text.strip(),
                    "answer_tokens": len(ids) if length is None else length,
                    "cut": length is None,
                    "confidence": math.exp(sum(written) / len(written)),
                },
            )

    def run(self, prompts: list[str]) -> tuple[Any, "GenerationRecorder"]:
        """Token ids that follow the prompts, shape (prompts, new tokens), and what was seen of each step."""
        import torch

        watch = GenerationRecorder()
        inputs = self.tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.inference_mode():
            output = self.model.generate(
                **inputs.to(self.model.device),
                max_new_tokens=self.plan.evaluate.max_new_tokens,
                do_sample=False,
                pad_token_id=self.tokenizer.pad_token_id,
                logits_processor=[watch],
            )
        return output[:, inputs["input_ids"].shape[1] :], watch

    def weigh(self, prompts: list[str], wholes: list[str], batch: list[int]) -> Iterator[tuple[int, Row]]:
        """How likely the true answers are. Texts are padded on the left, so that answers stand in the last columns
        and only these are taken to the vocabulary: over all, a batch's logits would be gigabytes."""
        import torch

        inputs = self.tokenizer([wholes[i] for i in batch], return_tensors="pt", padding=True, add_special_tokens=False)
        inputs = inputs.to(self.model.device)
        starts = [len(self.tokenizer(prompts[i], add_special_tokens=False)["input_ids"]) for i in batch]
        lengths = [int(length) - start for length, start in zip(inputs["attention_mask"].sum(1), starts, strict=True)]
        kept = max(lengths)
        positions = (inputs["attention_mask"].cumsum(1) - 1).clamp(min=0)
        with torch.inference_mode():
            logits = self.model(**inputs, position_ids=positions, logits_to_keep=kept + 1).logits[:, :-1].float()
        targets = inputs["input_ids"][:, -kept:]
        nll = torch.nn.functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
        for i, line, tokens in zip(batch, nll, lengths, strict=True):
            yield i, {"nll": float(line[kept - tokens :].sum()), "tokens": tokens}


class GenerationRecorder:
    """Sees every step of a generation, as a logits processor that changes nothing.

    Greedy decoding takes the likeliest token, so its log-probability is all that is kept of a step's scores: those of
    the whole vocabulary, which generate can return, are gigabytes for a batch of long answers.
    """

    def __init__(self) -> None:
        self.chances: list[list[float]] = []  # log-probabilities: steps x prompts
        self.at: list[float] = []

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        scores = scores.float()
        self.chances.append((scores.max(-1).values - scores.logsumexp(-1)).tolist())
        self.at.append(time.perf_counter())
        return scores
