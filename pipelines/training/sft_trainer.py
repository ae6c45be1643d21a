"""trl's SFT trainer, with the loss where the answer is and an order that a killed training finds again.

Imported only to train: these libraries take seconds.
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
from transformers.utils.logging import disable_progress_bar  # noqa: TID253
from trl import SFTConfig, SFTTrainer  # noqa: TID253

from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, write_text
from pipelines.core.plan import TrainingPlan
from pipelines.text import chat_format
from pipelines.training import base_model

Rows = list[dict[str, Any]]


def make_sft_trainer(
    folder: Path,
    splits: dict[str, Rows],
    plan: TrainingPlan,
    checkpoints: Path,
    callback: TrainerCallback,
    adapter: Path | None = None,
) -> "CompletionSFTTrainer":
    """A trainer of the base in `folder`, in NF4 under LoRA; `splits` has the rows of train and heldout.

    Args:
        adapter: a trained adapter to go on from; a new one if not given.

    Raises:
        WeaverError: a row has more tokens than train.max_length: cut off, it would teach half an answer.
    """
    disable_progress_bars()
    disable_progress_bar()
    torch.manual_seed(plan.train.seed)  # LoRA's first weights are drawn from it
    model, tokenizer = base_model.load_base(folder, plan.base)
    train = plan.train
    new = LoraConfig(
        task_type="CAUSAL_LM",
        r=train.lora_rank,
        lora_alpha=train.lora_alpha,
        lora_dropout=train.lora_dropout,
        target_modules=train.lora_modules,
    )
    trainer = CompletionSFTTrainer(
        model=PeftModel.from_pretrained(model, adapter) if adapter else model,
        processing_class=tokenizer,
        train_dataset=to_conversation_dataset(splits["train"], plan),
        eval_dataset=to_conversation_dataset(splits["heldout"], plan),
        callbacks=[callback, CheckpointDigestCallback()],
        peft_config=None if adapter else new,
        args=SFTConfig(
            num_train_epochs=train.epochs,
            max_steps=train.max_steps,
            per_device_train_batch_size=train.batch_size,
            per_device_eval_batch_size=train.batch_size,
            gradient_accumulation_steps=train.gradient_accumulation,
            learning_rate=train.learning_rate,
            activation_checkpointing=train.gradient_checkpointing,
            **common_training_arguments(plan, checkpoints),
        ),
    )
    trainer.remove_callback(PrinterCallback)
    datasets: dict[str, Any] = {"train": trainer.train_dataset, "heldout": trainer.eval_dataset}
    for split, dataset in datasets.items():
        for number, tokens in enumerate(dataset["input_ids"], start=1):
            if len(tokens) > train.max_length:
                raise WeaverError(
                    f"{split}.jsonl, row {number} has {len(tokens)} tokens; train.max_length is {train.max_length}",
                    "Raise train.max_length, or shorten the row.",
                )
    # trl makes the adapter bfloat16; where the base computes in float32 that is coarser, and half as fast on a CPU.
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(getattr(torch, plan.base.compute_dtype))
    return trainer


def common_training_arguments(plan: TrainingPlan, checkpoints: Path) -> dict[str, Any]:
    """What the trainers of either kind, on answers and on pairs of them, are told alike."""
    return {
        "output_dir": str(checkpoints),
        "lr_scheduler_type": plan.train.scheduler,
        "warmup_steps": plan.train.warmup_share,
        "optim": plan.train.optimizer,
        "bf16": plan.base.compute_dtype == "bfloat16",
        "max_length": None,  # what is too long is an error, not cut off
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


def to_conversation_dataset(rows: Rows, plan: TrainingPlan) -> Dataset:
    return Dataset.from_list(
        [
            {
                "prompt": chat_format.prompt_messages(row, plan.system_prompt),
                "completion": chat_format.assistant_messages(row),
            }
            for row in rows
        ]
    )


class CompletionSFTTrainer(SFTTrainer):
    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean negative log-likelihood of the answer's tokens (nats); see transformers.Trainer.compute_loss.

        On a CPU trl scores the vocabulary at every position, the dearest layer on the part that is mostly prompt:
        scoring only the columns that hold an answer more than doubles the speed. On CUDA trl does as much itself.
        """
        if inputs["input_ids"].device.type != "cpu":
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        answers = inputs["labels"][:, 1:]
        columns = (answers != -100).any(dim=0).nonzero().squeeze(1)
        logits = model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            logits_to_keep=columns,
            use_cache=False,
        ).logits
        total = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1).float(), answers[:, columns].flatten(), reduction="sum"
        )
        return total / (num_items_in_batch or (answers != -100).sum())

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> "EpochSampler":
        rows: Any = self.train_dataset
        return EpochSampler(self.args.train_batch_size, [len(ids) for ids in rows["input_ids"]], self.args.seed)

    def heldout_loss(self) -> float:
        """Nats a token over the answers of the held-out rows."""
        total = tokens = 0.0
        model: Any = self.model
        model.eval()
        with torch.inference_mode():
            for batch in self.get_eval_dataloader():
                total += float(self.compute_loss(model, self._prepare_inputs(batch), num_items_in_batch=1))
                tokens += int((batch["labels"][:, 1:] != -100).sum())
        return total / tokens


class CheckpointDigestCallback(TrainerCallback):
    """Notes the bytes of a complete checkpoint: one without its seal, or unlike it, was torn."""

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        write_text(folder.with_suffix(".sha256"), digest(folder))


class StepTimerCallback(TrainerCallback):
    """How long the steps of a short training take."""

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.at = [(time.monotonic(), 0)]

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.at.append((time.monotonic(), int(state.num_input_tokens_seen)))

    @property
    def first_seconds(self) -> float:
        return self.at[1][0] - self.at[0][0]

    def after_first(self) -> tuple[int, float]:
        """Tokens and seconds of the steps after the first, which warms up."""
        (began, before), (ended, after) = self.at[1], self.at[-1]
        return after - before, ended - began


class EpochSampler(LengthGroupedSampler):
    """Rows of like length share a batch, as padding is work for nothing; the batches come in random order.

    An epoch's order depends on the seed and its number alone: a training that starts again in the middle of an epoch
    finds it (transformers draws it from a generator that has moved on by then), and long rows, which are of one kind,
    do not all come first.
    """

    def __init__(self, batch_size: int, lengths: list[int], seed: int) -> None:
        super().__init__(batch_size, lengths=lengths, generator=torch.Generator())
        self.seed = seed

    def set_epoch(self, epoch: int) -> None:
        self.generator.manual_seed(self.seed + epoch)

    def __iter__(self) -> Iterator[int]:
        rows = list(super().__iter__())
        full = len(rows) // self.batch_size
        batches = [rows[i * self.batch_size : (i + 1) * self.batch_size] for i in range(full)]
        order = torch.randperm(full, generator=self.generator).tolist()
        return chain(*(batches[place] for place in order), rows[full * self.batch_size :])
