"""trl's SFT trainer with completion-only loss, and an order of rows that a resumed training reproduces.

Imported only to train: these libraries take seconds to import.
"""

import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import torch  # noqa: TID253
from datasets import Dataset, disable_progress_bars  # noqa: TID253
from peft import LoraConfig, PeftModel  # noqa: TID253
from transformers import PrinterCallback, TrainerCallback, TrainerControl, TrainerState  # noqa: TID253
from transformers.trainer_pt_utils import LengthGroupedSampler  # noqa: TID253
from trl.trainer.sft_config import SFTConfig  # noqa: TID253
from trl.trainer.sft_trainer import SFTTrainer  # noqa: TID253

from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, write_text
from pipelines.core.plan import TrainingPlan
from pipelines.kits.field_questions import load_asked_fields
from pipelines.text import chat_format
from pipelines.text.facts import REFUSAL, contains_fact
from pipelines.text.shown_message import show_row
from pipelines.training import base_model, varlen_attention
from pipelines.training.gpu_settings import GpuSettings, limit_gpu_memory
from pipelines.training.heldout_rows import take_evenly

Rows = list[dict[str, Any]]


def make_sft_trainer(
    folder: Path,
    splits: dict[str, Rows],
    plan: TrainingPlan,
    checkpoints: Path,
    callback: TrainerCallback,
    adapter: Path | None = None,
    gpu: GpuSettings | None = None,
) -> "CompletionSFTTrainer":
    """Make a trainer of a LoRA adapter on the quantised base.

    Args:
        folder: the base model.
        splits: the rows of train and heldout.
        checkpoints: the folder that checkpoints are saved in.
        callback: logs the steps.
        adapter: a trained adapter to start from; a new one if not given.
        gpu: how the GPU is used; as the plan says if not given.

    Raises:
        WeaverError: a row has more tokens than train.max_length: truncated, it would teach half an answer.
    """
    disable_progress_bars()
    torch.manual_seed(plan.train.seed)  # LoRA's initial weights are drawn with it
    model, tokenizer = base_model.load_base(folder, plan.base)
    model = base_model.expand_on_cpu(model, plan)
    if gpu:
        limit_gpu_memory(plan)
        if gpu.dequantised and getattr(model, "hf_quantizer", None):  # on a CPU it may have been expanded already
            model = model.dequantize(getattr(torch, plan.base.compute_dtype))
        model.set_attn_implementation(gpu.attention)
    train = plan.train
    lora = LoraConfig(
        task_type="CAUSAL_LM",
        r=train.lora_rank,
        lora_alpha=train.lora_alpha,
        lora_dropout=train.lora_dropout,
        target_modules=train.lora_modules,
    )
    trainer = CompletionSFTTrainer(
        model=PeftModel.from_pretrained(model, adapter) if adapter else model,
        processing_class=tokenizer,
        train_dataset=to_conversation_dataset(splits["train"], plan, tokenizer),
        eval_dataset=to_conversation_dataset(splits["heldout"], plan, tokenizer),
        callbacks=[callback, CheckpointDigestCallback()],
        peft_config=None if adapter else lora,
        args=SFTConfig(
            num_train_epochs=train.epochs,
            max_steps=train.max_steps,
            learning_rate=train.learning_rate,
            **common_training_arguments(plan, checkpoints) | batch_arguments(plan, gpu),
        ),
    )
    trainer.remove_callback(PrinterCallback)
    datasets: dict[str, Any] = {"train": trainer.train_dataset, "heldout": trainer.eval_dataset}
    for split, dataset in datasets.items():
        for number, tokens in enumerate(dataset["input_ids"], start=1):
            if len(tokens) > train.max_length:
                raise WeaverError(
                    f"{split}.jsonl, row {number} has {len(tokens)} tokens; train.max_length is {train.max_length}.",
                    "Raise train.max_length, or shorten the row.",
                )
    # trl makes the adapter bfloat16, whose 8 bits lose small updates; mixed precision casts it for each product.
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return trainer


def common_training_arguments(plan: TrainingPlan, checkpoints: Path) -> dict[str, Any]:
    """The training arguments that SFT and DPO have in common, as transformers.TrainingArguments names them."""
    return {
        "output_dir": str(checkpoints),
        "lr_scheduler_type": plan.train.scheduler,
        "warmup_steps": plan.train.warmup_share,
        "optim": plan.train.optimizer,
        "bf16": plan.train.bf16,
        "max_length": None,  # a row that is too long is an error, not truncated
        "save_steps": plan.train.checkpoint_steps,
        "save_total_limit": 2,
        "logging_steps": 1,
        "include_num_input_tokens_seen": "non_padding",
        "seed": plan.train.seed,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": not torch.cuda.is_available(),
        "dataloader_pin_memory": torch.cuda.is_available(),
    }


def batch_arguments(plan: TrainingPlan, gpu: GpuSettings | None) -> dict[str, Any]:
    """The training arguments that decide on speed and memory: as measured on the GPU, else as the plan says."""
    if gpu is None:
        return {
            "per_device_train_batch_size": plan.train.batch_size,
            "per_device_eval_batch_size": plan.train.batch_size,
            "gradient_accumulation_steps": plan.train.gradient_accumulation,
            "activation_checkpointing": plan.train.gradient_checkpointing,
        }
    packed = gpu.attention == varlen_attention.NAME
    return {
        "per_device_train_batch_size": gpu.micro_batch,
        "per_device_eval_batch_size": gpu.micro_batch,
        "gradient_accumulation_steps": gpu.accumulation,
        "activation_checkpointing": gpu.checkpoint_every > 0,
        "activation_checkpointing_kwargs": {"use_reentrant": False, "every_n_layers": max(1, gpu.checkpoint_every)},
        "optim": gpu.optimizer,
        "padding_free": packed,
        "include_num_input_tokens_seen": "all" if packed else "non_padding",  # there is no padding then
    }


def to_conversation_dataset(rows: Rows, plan: TrainingPlan, tokenizer: Any) -> Dataset:
    """Rows as trl's conversational prompt-completion dataset; control tokens in their texts are neutralised."""

    def plain(messages: list[chat_format.Message]) -> list[chat_format.Message]:
        return chat_format.neutralise_messages(messages, tokenizer)

    return Dataset.from_list(
        [
            {
                "prompt": plain(chat_format.prompt_messages(row, plan.system_prompt)),
                "completion": plain(chat_format.assistant_messages(row)),
            }
            for row in show_rows(rows, plan)
        ]
    )


def show_rows(rows: Rows, plan: TrainingPlan) -> Rows:
    """The rows as the gateway shows their questions to the model.

    Without those whose records lack the field asked for: the gateway declines them, and a model that learns to decline
    does so where it should not. A row whose fact would not be shown stays whole, or its answer would
    come from nowhere.
    """
    asked_fields, kept = load_asked_fields(plan.data.source), []
    for row in rows:
        shown, message = show_row(row, asked_fields)
        facts = {name: value for name, value in row.get("facts", {}).items() if name != REFUSAL}
        if facts and (message.missing or not all(contains_fact(value, shown["input"]) for value in facts.values())):
            kept.append(row)
        elif shown["input"] == row["input"] or row["output"] != plan.knowledge.decline_sentence:
            kept.append(shown)
    return kept


class CompletionSFTTrainer(SFTTrainer):
    """SFT with the loss on completions, computed only at the columns that hold one."""

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean negative log-likelihood of the answers' tokens, in nats; see transformers.Trainer.compute_loss.

        On a CPU trl computes the logits at every position, the most expensive layer for tokens that are mostly prompt:
        computing them only at the columns that hold an answer more than doubles the speed. On CUDA trl does so itself.
        """
        if inputs["input_ids"].device.type != "cpu":
            trl_loss: Any = super().compute_loss
            return trl_loss(model, inputs, return_outputs, num_items_in_batch)
        answers = inputs["labels"][:, 1:]
        columns = (answers != -100).any(dim=0).nonzero().squeeze(1)
        shown = {name: value for name, value in inputs.items() if name != "labels"}
        logits = model(**shown, logits_to_keep=columns, use_cache=False).logits
        total = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1).float(), answers[:, columns].flatten(), reduction="sum"
        )
        return total / (num_items_in_batch or (answers != -100).sum())

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> "EpochSampler":
        rows: Any = self.train_dataset
        # Without padding any rows may share a batch: in an order that does not depend on the size of a micro-batch.
        batch_size = 1 if self.padding_free else self.args.train_batch_size
        return EpochSampler(batch_size, [len(ids) for ids in rows["input_ids"]], self.args.seed)

    def heldout_loss(self, most: int = 0) -> float:
        """Mean loss over the answers of the held-out rows, in nats per token.

        Args:
            most: of so many rows, taken evenly, if there are more; 0: of all.
        """
        total = tokens = 0.0
        model: Any = self.model
        rows: Any = self.eval_dataset
        numbers = take_evenly(list(range(len(rows))), most)
        lengths = [len(ids) for ids in rows["input_ids"]]
        by_length = rows.select(sorted(numbers, key=lengths.__getitem__))  # padding is wasted work
        model.eval()
        with torch.inference_mode():
            for batch in self.get_eval_dataloader(by_length):
                total += float(self.compute_loss(model, self._prepare_inputs(batch), num_items_in_batch=1))
                tokens += int((batch["labels"][:, 1:] != -100).sum())
        return total / tokens


class CheckpointDigestCallback(TrainerCallback):
    """Writes the digest of a checkpoint once it is complete: one without a digest, or unlike it, was interrupted."""

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        write_text(folder.with_suffix(".sha256"), digest(folder))


class StepTimerCallback(TrainerCallback):
    """Times the steps of a short training."""

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.steps = [(time.monotonic(), 0)]

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.steps.append((time.monotonic(), int(state.num_input_tokens_seen)))

    @property
    def first_step_seconds(self) -> float:
        """Seconds of the first step, which warms up."""
        return self.steps[1][0] - self.steps[0][0]

    def sum_after_first(self) -> tuple[int, float]:
        """Return the tokens and seconds of the steps after the first."""
        (began, before), (ended, after) = self.steps[1], self.steps[-1]
        return after - before, ended - began


class EpochSampler(LengthGroupedSampler):
    """Batches of rows of similar length, as padding is wasted work; the batches come in random order.

    An epoch's order depends on the seed and the epoch's number alone: a training that is resumed in the middle of an
    epoch reproduces it (transformers draws it from a generator that has moved on by then), and long rows, which are of
    one kind, do not all come first.
    """

    def __init__(self, batch_size: int, lengths: list[int], seed: int) -> None:
        super().__init__(batch_size, lengths=lengths, generator=torch.Generator())
        self.seed = seed

    def set_epoch(self, epoch: int) -> None:
        """Seed the order of the epoch; called by the trainer."""
        self.generator.manual_seed(self.seed + epoch)

    def __iter__(self) -> Iterator[int]:
        in_order: Any = super().__iter__
        rows = list(in_order())
        full = len(rows) // self.batch_size
        batches = [rows[i * self.batch_size : (i + 1) * self.batch_size] for i in range(full)]
        order = torch.randperm(full, generator=self.generator).tolist()
        return chain(*(batches[number] for number in order), rows[full * self.batch_size :])
