"""A model folder answers questions: greedily, in batches, every arm with the same decoding."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core import signing
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import quiet_libraries
from pipelines.kits.field_questions import load_asked_fields
from pipelines.text import chat_format
from pipelines.text.shown_message import ShownMessage, show_row

if TYPE_CHECKING:
    from pipelines.evaluation.greedy_decoding import DecodedAnswer, Prefix

Row = dict[str, Any]
Examples = Mapping[str, Sequence[Row]]  # topic → rows shown before its questions

GGUF_FILE = "model.gguf"
LATENCY_QUESTIONS = 8  # asked one at a time: a batch would look faster than it is


class AnswerGenerator:
    """A folder that transformers loads, safetensors or GGUF, loaded once.

    Args:
        folder: a merged export, or a base model.
        signed: whether to verify the folder's signature before it is loaded; exports are signed, a base is not.

    Raises:
        WeaverError: the folder's bytes are not those that were signed.
    """

    def __init__(self, folder: Path, plan: TrainingPlan, signed: bool = True) -> None:
        if signed:
            signing.verify(folder)
        quiet_libraries()
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        device = "cuda" if torch.cuda.is_available() else "cpu"
        # On a CPU with instructions for it bfloat16 halves the time; of 235 answers one came out differently.
        dtype = torch.bfloat16 if device == "cuda" or plan.train.bf16 else torch.float32
        self.plan = plan
        # A GGUF is read back from its quantisation: the weights that are deployed.
        weights = {"gguf_file": GGUF_FILE} if (folder / GGUF_FILE).exists() else {"use_safetensors": True}
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **weights)
        self.model = model.to(device).eval()

    def generate_texts(self, rows: Sequence[Row]) -> list[str]:
        """What the gateway would answer to rows that have an instruction and an input, in order."""
        rows, messages = self.show_rows(rows)
        answers = {n: self.plan.knowledge.decline_sentence for n, message in enumerate(messages) if message.missing}
        numbers = [number for number in range(len(rows)) if number not in answers]
        prompts = self.encode_prompts([rows[number] for number in numbers], {})
        for prefix, batch in self.batch_by_prefix([""] * len(numbers), prompts):
            for place, decoded in zip(batch, self.decode(prefix, batch, prompts), strict=True):
                message = messages[numbers[place]]
                answers[numbers[place]] = message.confirm(self.decode_text(decoded, message))
        return [answers[number] for number in range(len(rows))]

    def answer_rows(
        self, rows: Sequence[Row], report_progress: Callable[[int, int], None], examples: Examples | None = None
    ) -> list[Row]:
        """Answer every row's question, and score its true answer.

        Args:
            report_progress: called with (answered, all) after each batch.
            examples: what each topic's questions are shown before them; nothing if not given.

        Returns:
            One dict per row, in order: answer (the model's), sent (what the gateway makes of it), shown (the message
            that the model was asked; empty where the gateway declines without it), answer_tokens, truncated (whether
            max_new_tokens ended it), confidence (exp of the mean log-probability of its tokens), from_record (what is
            sent does not depend on the model alone), nll (nats, summed over
            the true answer's tokens) and tokens (their number).
        """
        rows, messages = self.show_rows(rows)
        prompts, truths = self.encode_prompts(rows, examples or {}), self.encode_truths(rows, examples or {})
        groups = [row["topic"] if examples else "" for row in rows]
        declined = {number for number, message in enumerate(messages) if message.missing}  # without a model
        results: dict[int, Row] = {}
        for prefix, batch in self.batch_by_prefix(groups, prompts):
            for number, decoded in zip(batch, self.decode(prefix, batch, prompts, truths, declined), strict=True):
                results[number] = {
                    "answer": (answer := self.decode_text(decoded, messages[number])),
                    "sent": messages[number].confirm(answer),
                    "shown": "" if messages[number].missing else messages[number].text,
                    "answer_tokens": len(decoded.tokens),
                    "truncated": decoded.truncated,
                    "confidence": decoded.confidence,
                    "from_record": messages[number].from_record,
                    "nll": decoded.truth_nll,
                    "tokens": len(truths[number]),
                }
            report_progress(len(results), len(rows))
        return [results[number] for number in range(len(rows))]

    def measure_latency(
        self, rows: Sequence[Row], examples: Examples | None = None, questions: int = LATENCY_QUESTIONS
    ) -> list[Row]:
        """Measure questions, taken evenly from all rows, each asked alone and read from its beginning.

        Call it after `answer_rows`: the first answers of a model that was just loaded are slower.

        Returns:
            One dict per question: first_token, token (each one after it; None if there is none), answer (all of it),
            in seconds, and tokens (how many steps that took).
        """
        rows, _ = self.show_rows(rows[:: max(1, len(rows) // questions)][:questions])
        prompts = self.encode_prompts(rows, examples or {})
        timings = []
        for prompt in prompts:
            began = time.perf_counter()
            steps = [moment - began for moment in self.answer_alone(prompt).step_times]
            after_first = (steps[-1] - steps[0]) / (len(steps) - 1) if len(steps) > 1 else None
            timings.append({"first_token": steps[0], "token": after_first, "answer": steps[-1], "tokens": len(steps)})
        return timings

    def answer_alone(self, prompt: list[int]) -> "DecodedAnswer":
        """Answer one prompt (token ids), without a prefix that was read before."""
        from pipelines.evaluation.greedy_decoding import Prefix

        (decoded,) = self.decode(Prefix(self.model, []), [0], [prompt])
        return decoded

    def decode(
        self,
        prefix: "Prefix",
        batch: Sequence[int],
        prompts: list[list[int]],
        truths: list[list[int]] | None = None,
        only_scored: Collection[int] = (),
    ) -> "list[DecodedAnswer]":
        """Answer the prompts that the batch's numbers name, but for those whose truth is only scored."""
        from pipelines.evaluation.greedy_decoding import decode_batch

        ends = self.model.generation_config.eos_token_id
        return decode_batch(
            prefix,
            [prompts[number] for number in batch],
            [truths[number] if truths else [] for number in batch],
            set(ends if isinstance(ends, list) else [ends]),
            self.plan.evaluate.max_new_tokens,
            {place for place, number in enumerate(batch) if number in only_scored},
        )

    def show_rows(self, rows: Sequence[Row]) -> tuple[list[Row], list[ShownMessage]]:
        """The rows as the gateway shows their questions."""
        asked_fields = load_asked_fields(self.plan.data.source)
        shown = [show_row(row, asked_fields) for row in rows]
        return [row for row, _ in shown], [message for _, message in shown]

    def decode_text(self, decoded: "DecodedAnswer", message: ShownMessage) -> str:
        """An answer's text, without special tokens; the decline sentence where the records lack the field asked for."""
        if message.missing:
            return self.plan.knowledge.decline_sentence
        return str(self.tokenizer.decode(decoded.tokens, skip_special_tokens=True)).strip()

    def encode_prompts(self, rows: Sequence[Row], examples: Examples) -> list[list[int]]:
        """Token ids of each row's prompt, after the examples of its topic."""
        system = self.plan.system_prompt
        return self.encode(
            [chat_format.render_prompt(self.tokenizer, row, system, shown(row, examples)) for row in rows]
        )

    def encode_truths(self, rows: Sequence[Row], examples: Examples) -> list[list[int]]:
        """Token ids of each row's true answer, as the chat template has it after the prompt."""
        system = self.plan.system_prompt
        texts = [chat_format.render_with_answer(self.tokenizer, row, system, shown(row, examples)) for row in rows]
        prompts = self.encode_prompts(rows, examples)
        return [ids[len(prompt) :] for ids, prompt in zip(self.encode(texts), prompts, strict=True)]

    def encode(self, texts: list[str]) -> list[list[int]]:
        """Token ids of each text."""
        ids: list[list[int]] = self.tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []
        return ids

    def batch_by_prefix(self, groups: list[str], prompts: list[list[int]]) -> "Iterator[tuple[Prefix, list[int]]]":
        """Batches of prompts of one group, by number, with the prefix that the group shares; neighbours in length are
        in one batch, as padding is work for nothing.

        Args:
            groups: of each prompt: prompts of one group begin alike.
            prompts: token ids.
        """
        from pipelines.evaluation.greedy_decoding import Prefix

        size = self.plan.evaluate.batch_size
        for group in sorted(set(groups)):
            members = [number for number, name in enumerate(groups) if name == group]
            members.sort(key=lambda number: len(prompts[number]))
            prefix = Prefix(self.model, [prompts[number] for number in members])
            for begin in range(0, len(members), size):
                yield prefix, members[begin : begin + size]


def shown(row: Row, examples: Examples) -> Sequence[Row]:
    """The examples that a row's question is shown; a row without a topic is shown none."""
    return examples.get(row["topic"], ()) if examples else ()
