# ruff: noqa: TID253
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from transformers import TrainerCallback
from trl import SFTTrainer

from pipelines.core.artifacts import DatasetVersion
from pipelines.core.errors import WeaverError
from pipelines.core.files import read_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.training.base_model import expand_on_cpu, load_base, measure_model_size, prepare_base
from pipelines.training.checkpoints import resume_training
from pipelines.training.heldout_rows import take_evenly
from pipelines.training.sft_trainer import CompletionSFTTrainer, EpochSampler, make_sft_trainer


@pytest.fixture
def splits(dataset: DatasetVersion) -> dict[str, list[dict[str, Any]]]:
    return {split: read_jsonl(Path(dataset.uri) / f"{split}.jsonl") for split in ("train", "heldout")}


@pytest.fixture
def trainer(splits: dict[str, Any], plan: TrainingPlan, tmp_path: Path) -> CompletionSFTTrainer:
    return make_sft_trainer(prepare_base(plan.base), splits, plan, tmp_path, TrainerCallback())


def test_the_loss_is_on_the_answer_alone(trainer: CompletionSFTTrainer, splits: dict[str, Any]) -> None:
    end = trainer.processing_class.eos_token
    for row, made in zip(splits["train"], trainer.train_dataset, strict=True):
        learnt = [token for token in made["labels"] if token != -100]
        assert trainer.processing_class.decode(learnt).rstrip("\n") == row["output"] + end

    batch = next(iter(trainer.get_train_dataloader()))
    logits = trainer.model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    answer = batch["labels"][:, 1:] != -100
    spoken = logits[:, :-1].log_softmax(-1).gather(-1, batch["input_ids"][:, 1:, None]).squeeze(-1)
    loss = trainer.compute_loss(trainer.model, dict(batch))
    assert loss.item() == pytest.approx(-spoken[answer].mean().item(), rel=1e-4)
    assert loss.item() != pytest.approx(-spoken.mean().item(), rel=0.05)


def test_loss_and_gradient_are_those_of_trl(trainer: CompletionSFTTrainer) -> None:
    batch = next(iter(trainer.get_train_dataloader()))
    (weight,) = (w for name, w in trainer.model.named_parameters() if "layers.29.self_attn.q_proj.lora_B" in name)

    def step(compute_loss: Any) -> tuple[float, Any]:
        trainer.model.zero_grad()
        loss = compute_loss(trainer, trainer.model, dict(batch))
        loss.backward()
        return loss.item(), weight.grad.clone()

    (ours, our_gradient), (theirs, their_gradient) = (
        step(CompletionSFTTrainer.compute_loss),
        step(SFTTrainer.compute_loss),
    )
    assert ours == pytest.approx(theirs, rel=1e-4)
    torch.testing.assert_close(our_gradient, their_gradient, rtol=1e-3, atol=1e-6)
    assert our_gradient.abs().max() > 0


@pytest.mark.parametrize("most", [0, 3])
def test_heldout_loss_weighs_every_token_the_same(trainer: CompletionSFTTrainer, most: int) -> None:
    total = tokens = 0.0
    for made in take_evenly(list(trainer.eval_dataset), most):
        ids, labels = torch.tensor([made["input_ids"]]), torch.tensor([made["labels"]])
        count = int((labels[:, 1:] != -100).sum())
        total += count * trainer.model(ids, labels=labels).loss.item()
        tokens += count
    assert trainer.heldout_loss(most) == pytest.approx(total / tokens, rel=1e-4)


@pytest.mark.parametrize("bf16", [False, True])
def test_weights_dequantised_once_train_the_same_adapter(bf16: bool, small_base: Path) -> None:
    plan = make_plan("service_advisor", {"base.model": str(small_base), "train.bf16": bf16})
    ids = torch.tensor([[5, 9, 33, 7, 21]])

    def train_step(model: Any) -> tuple[float, Any]:
        torch.manual_seed(0)
        adapted: Any = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights=False))
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = adapted(ids, labels=ids).loss
        loss.backward()
        return loss.item(), [weight.grad for weight in adapted.parameters() if weight.requires_grad]

    quantised = load_base(small_base, plan.base)[0]
    expanded = expand_on_cpu(load_base(small_base, plan.base)[0], plan)
    assert measure_model_size(expanded)["footprint_mib"] > measure_model_size(quantised)["footprint_mib"]
    if bf16:  # bitsandbytes' layers do not take part in mixed precision
        quantised = quantised.dequantize()
        quantised.set_attn_implementation("eager")
    (loss, gradients), (other_loss, other_gradients) = train_step(quantised), train_step(expanded)
    assert loss == other_loss
    assert gradients and all(map(torch.equal, gradients, other_gradients))


@pytest.mark.parametrize(("compute_dtype", "bf16"), [("float32", False), ("float32", True), ("bfloat16", True)])
def test_resumed_from_a_checkpoint_it_trains_the_same_adapter(
    compute_dtype: str, bf16: bool, splits: dict[str, Any], small_base: Path, tmp_path: Path
) -> None:
    train = {"max_steps": 4, "checkpoint_steps": 2, "batch_size": 4, "lora_dropout": 0.1, "learning_rate": 1e-2}
    overrides = {"base.model": str(small_base), "base.compute_dtype": compute_dtype, "train.bf16": bf16}
    plan = make_plan("service_advisor", overrides | {f"train.{key}": value for key, value in train.items()})

    def adapter_after(checkpoint: str) -> dict[str, torch.Tensor]:
        trainer = make_sft_trainer(small_base, splits, plan, tmp_path, TrainerCallback())
        resume_training(trainer, str(tmp_path / checkpoint) if checkpoint else None)
        return get_peft_model_state_dict(trainer.model)

    undisturbed = adapter_after("")
    assert {weight.dtype for weight in undisturbed.values()} == {torch.float32}
    for checkpoint in ("checkpoint-2", "checkpoint-4"):  # in the middle, and after the last step
        resumed = adapter_after(checkpoint)
        for name, weight in undisturbed.items():
            assert resumed[name].dtype == weight.dtype and torch.equal(resumed[name], weight), name


def test_a_row_too_long_is_named(splits: dict[str, Any], tmp_path: Path) -> None:
    plan = make_plan("service_advisor", {"train.max_length": 64})
    splits["train"][4]["input"] = "order 1 | bay 2 | " * 20
    with pytest.raises(WeaverError, match=r"train\.jsonl, row 5 has \d+ tokens; train\.max_length is 64"):
        make_sft_trainer(prepare_base(plan.base), splits, plan, tmp_path, TrainerCallback())


def test_an_epochs_order_depends_on_its_number_alone() -> None:
    lengths = [40 + number % 30 for number in range(107)]
    first = EpochSampler(8, lengths, seed=17)
    orders = []
    for epoch in range(3):
        first.set_epoch(epoch)
        orders.append(list(first))
    again = EpochSampler(8, lengths, seed=17)
    again.set_epoch(2)
    assert list(again) == orders[2] != orders[1]
    assert all(sorted(order) == list(range(107)) for order in orders)
    batches = [[lengths[i] for i in orders[0][start : start + 8]] for start in range(0, 107, 8)]
    padded = sum(max(batch) * len(batch) for batch in batches)
    assert padded < 1.1 * sum(lengths)
