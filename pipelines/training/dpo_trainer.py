"""trl's DPO trainer on an adapter that is trained already: the reference is that adapter as it was.

Imported only to train: these libraries take seconds.
"""

import logging
from pathlib import Path
from typing import Any

import torch  # noqa: TID253
from datasets import Dataset  # noqa: TID253
from transformers import PrinterCallback, TrainerCallback  # noqa: TID253
from trl import DPOConfig, DPOTrainer  # noqa: TID253

from pipelines.core.errors import WeaverError
from pipelines.core.plan import TrainingPlan
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
    """A trainer of the adapter on pairs; `splits` and `pairs` have rows of train and heldout. Pairs that are too long
    for the plan are left out, and counted.

    Raises:
        WeaverError: no pair is short enough.
    """
    answers = make_sft_trainer(base, splits, plan, checkpoints, TrainerCallback(), adapter)
    model: Any = answers.model
    tokenizer: Any = answers.processing_class
    model.set_adapter("default")  # trained from here on
    wanted = plan.preference
    trainer = AdapterDPOTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=to_preference_dataset(pairs["train"]),
        eval_dataset=to_preference_dataset(pairs["heldout"]),
        callbacks=[callback, CheckpointDigestCallback()],
        args=DPOConfig(
            beta=wanted.beta,
            learning_rate=wanted.learning_rate,
            num_train_epochs=wanted.epochs,
            per_device_train_batch_size=wanted.batch_size,
            per_device_eval_batch_size=wanted.batch_size,
            activation_checkpointing=plan.train.gradient_checkpointing,
            **common_training_arguments(plan, checkpoints),
        ),
    )
    trainer.answers = answers
    trainer.remove_callback(PrinterCallback)
    # trl has made the adapter bfloat16, after it copied it to be the reference: take the exact weights back.
    for name, parameter in model.named_parameters():
        if ".default." in name:
            parameter.data = model.get_parameter(name.replace(".default.", ".ref.")).data.clone()
    trainer.train_dataset, trainer.eval_dataset = (
        drop_long_pairs(split, dataset, wanted.max_length)
        for split, dataset in (("train", trainer.train_dataset), ("heldout", trainer.eval_dataset))
    )
    return trainer


def to_preference_dataset(rows: Rows) -> Dataset:
    said = {"chosen": "chosen", "rejected": "rejected"}
    return Dataset.from_list(
        [{"prompt": row["prompt"]} | {k: [{"role": "assistant", "content": row[k]}] for k in said} for row in rows]
    )


def count_pair_tokens(row: dict[str, Any]) -> int:
    """Tokens of a pair's question and its longer answer."""
    return len(row["prompt_ids"]) + max(len(row["chosen_ids"]), len(row["rejected_ids"]))


def drop_long_pairs(split: str, dataset: Any, most: int) -> Dataset:
    kept: Dataset = dataset.filter(lambda row: count_pair_tokens(row) <= most)
    if len(kept) < len(dataset):
        log.warning("%s: %d of %d pairs are longer than %d tokens", split, len(dataset) - len(kept), len(dataset), most)
    if not len(kept):
        raise WeaverError(f"no {split} pair has {most} tokens or fewer", "Raise preference.max_length.")
    return kept


class AdapterDPOTrainer(DPOTrainer):
    answers: CompletionSFTTrainer  # of the same model: for the loss on the dataset's held-out answers

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> EpochSampler:
        rows: Any = self.train_dataset
        return EpochSampler(self.args.train_batch_size, [count_pair_tokens(row) for row in rows], self.args.seed)

    def heldout(self) -> dict[str, float]:
        """Over the held-out pairs: the loss, the margin and accuracy of the rewards, which say how far the model has
        moved from its reference, and the share of pairs whose better answer it finds the likelier one."""
        found = self.evaluate()
        return {f"heldout_{name}": found[f"eval_{name}"] for name in HELDOUT_METRICS} | {
            "heldout_preferred": self.preferred()
        }

    def preferred(self) -> float:
        """Share of the held-out pairs whose chosen answer is likelier than the rejected one."""
        right: list[bool] = []
        model: Any = self.model
        model.eval()
        with torch.inference_mode():
            for batch in self.get_eval_dataloader():
                inputs = self._prepare_inputs(batch)
                labels = inputs["input_ids"].masked_fill(inputs["completion_mask"] == 0, -100)
                asked = {key: inputs[key] for key in ("input_ids", "attention_mask")}
                said = model(**asked, labels=labels, fused_lm_head=True, use_cache=False).log_probs.sum(dim=1)
                chosen, rejected = said.chunk(2)
                right += (chosen > rejected).tolist()
        return sum(right) / len(right)

    def heldout_loss(self) -> float:
        """Nats a token over the answers of the dataset's held-out rows: what preferring has cost."""
        return self.answers.heldout_loss()
