"""trl's DPO trainer on an adapter that is already trained: the reference model is that adapter as it was.

Imported only to train: these libraries take seconds to import.
"""

import logging
from pathlib import Path
from typing import Any

import torch  # noqa: TID253
from datasets import Dataset  # noqa: TID253
from transformers import PrinterCallback, TrainerCallback  # noqa: TID253
from trl.trainer.dpo_config import DPOConfig  # noqa: TID253
from trl.trainer.dpo_trainer import DPOTrainer  # noqa: TID253

from pipelines.core.errors import WeaverError
from pipelines.core.plan import TrainingPlan
from pipelines.text import chat_format
from pipelines.training.sft_trainer import (
    CheckpointDigestCallback,
    CompletionSFTTrainer,
    EpochSampler,
    Rows,
    common_training_arguments,
    make_sft_trainer,
)

log = logging.getLogger(__name__)

HELDOUT_METRICS = ("loss", "rewards/margins", "rewards/accuracies")


def make_dpo_trainer(
    base: Path,
    adapter: Path,
    splits: dict[str, Rows],
    pairs: dict[str, Rows],
    plan: TrainingPlan,
    checkpoints: Path,
    callback: TrainerCallback,
) -> "AdapterDPOTrainer":
    """Make a DPO trainer of the adapter. Pairs longer than preference.max_length are left out, with a warning.

    Args:
        base: the base model's folder.
        adapter: the trained adapter's folder.
        splits: the dataset's rows of train and heldout.
        pairs: the answer pairs of train and heldout.
        checkpoints: the folder that checkpoints are saved in.
        callback: logs the steps.

    Raises:
        WeaverError: no pair of a split is short enough.
    """
    sft_trainer = make_sft_trainer(base, splits, plan, checkpoints, TrainerCallback(), adapter)
    model: Any = sft_trainer.model
    tokenizer: Any = sft_trainer.processing_class
    model.set_adapter("default")  # trained from here on
    settings = plan.preference
    trainer = AdapterDPOTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=to_preference_dataset(pairs["train"], tokenizer),
        eval_dataset=to_preference_dataset(pairs["heldout"], tokenizer),
        callbacks=[callback, CheckpointDigestCallback()],
        args=DPOConfig(
            beta=settings.beta,
            learning_rate=settings.learning_rate,
            num_train_epochs=settings.epochs,
            per_device_train_batch_size=settings.batch_size,
            per_device_eval_batch_size=settings.batch_size,
            activation_checkpointing=plan.train.gradient_checkpointing,
            **common_training_arguments(plan, checkpoints),
        ),
    )
    trainer.sft_trainer = sft_trainer
    trainer.remove_callback(PrinterCallback)
    # trl made the adapter bfloat16 after copying it as the reference: restore the exact weights.
    for name, parameter in model.named_parameters():
        if ".default." in name:
            parameter.data = model.get_parameter(name.replace(".default.", ".ref.")).data.clone()
    trainer.train_dataset, trainer.eval_dataset = (
        drop_long_pairs(split, dataset, settings.max_length)
        for split, dataset in (("train", trainer.train_dataset), ("heldout", trainer.eval_dataset))
    )
    return trainer


def to_preference_dataset(rows: Rows, tokenizer: Any) -> Dataset:
    """Answer pairs as trl's conversational preference dataset: prompt, chosen and rejected, each a list of messages.

    Control tokens in their texts are neutralised.
    """

    def plain(messages: list[chat_format.Message]) -> list[chat_format.Message]:
        return chat_format.neutralise_messages(messages, tokenizer)

    return Dataset.from_list(
        [
            {"prompt": plain(row["prompt"])}
            | {key: plain([{"role": "assistant", "content": row[key]}]) for key in ("chosen", "rejected")}
            for row in rows
        ]
    )


def count_pair_tokens(row: dict[str, Any]) -> int:
    """Number of tokens of a pair's question and its longer answer."""
    return len(row["prompt_ids"]) + max(len(row["chosen_ids"]), len(row["rejected_ids"]))


def drop_long_pairs(split: str, dataset: Any, max_length: int) -> Dataset:
    """Return the pairs of at most `max_length` tokens.

    Raises:
        WeaverError: there is none.
    """
    kept: Dataset = dataset.filter(lambda row: count_pair_tokens(row) <= max_length)
    if len(kept) < len(dataset):
        dropped = len(dataset) - len(kept)
        log.warning("%s: %d of %d pairs have more than %d tokens", split, dropped, len(dataset), max_length)
    if not len(kept):
        raise WeaverError(f"No {split} pair has {max_length} tokens or fewer.", "Raise preference.max_length.")
    return kept


class AdapterDPOTrainer(DPOTrainer):
    """DPO of an adapter, in the reproducible order of EpochSampler, with metrics on held-out pairs and answers."""

    sft_trainer: CompletionSFTTrainer  # of the same model, for the loss on the dataset's held-out answers

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> EpochSampler:
        rows: Any = self.train_dataset
        return EpochSampler(self.args.train_batch_size, [count_pair_tokens(row) for row in rows], self.args.seed)

    def evaluate_heldout(self) -> dict[str, float]:
        """Metrics on the held-out pairs: the loss, the rewards' margin and accuracy, which say how far the model has
        moved from its reference, and the preference accuracy."""
        evaluated = self.evaluate()
        return {f"heldout_{name}": evaluated[f"eval_{name}"] for name in HELDOUT_METRICS} | {
            "heldout_preference_accuracy": self.measure_preference_accuracy()
        }

    def measure_preference_accuracy(self) -> float:
        """Share of the held-out pairs (0 to 1) whose chosen answer is likelier than the rejected one."""
        correct: list[bool] = []
        model: Any = self.model
        model.eval()
        with torch.inference_mode():
            for batch in self.get_eval_dataloader():
                inputs = self._prepare_inputs(batch)
                labels = inputs["input_ids"].masked_fill(inputs["completion_mask"] == 0, -100)
                arguments = {key: inputs[key] for key in ("input_ids", "attention_mask")}
                log_probs = model(**arguments, labels=labels, fused_lm_head=True, use_cache=False).log_probs.sum(dim=1)
                chosen, rejected = log_probs.chunk(2)
                correct += (chosen > rejected).tolist()
        return sum(correct) / len(correct)

    def heldout_loss(self, most: int = 0) -> float:
        """Mean loss over the answers of the dataset's held-out rows, in nats per token: what DPO has cost.

        Args:
            most: as for `CompletionSFTTrainer.heldout_loss`.
        """
        return self.sft_trainer.heldout_loss(most)
