# ruff: noqa: TID253
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback

from pipelines.core.artifacts import DatasetVersion
from pipelines.core.errors import WeaverError
from pipelines.core.files import read_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.training import fit_machine as fitting
from pipelines.training.checkpoints import resume_training
from pipelines.training.estimate import estimate, training_kind
from pipelines.training.fit_machine import find_settings, fit_machine
from pipelines.training.gpu_settings import GpuSettings, choose
from pipelines.training.sft_trainer import make_sft_trainer

MODEL_GIB = {False: 4.0, True: 14.0}
ROW_GIB = {0: 2.6, 2: 1.4, 1: 0.25}  # a row of a micro-batch, by which layers are computed again


class Card:
    """A GPU of so much memory, by the figures of a 7B model."""

    def __init__(self, gib: float, varlen: bool = True) -> None:
        self.gib, self.varlen, self.trials = gib, varlen, list[GpuSettings]()

    def measure(self, candidate: GpuSettings) -> GpuSettings | None:
        self.trials.append(candidate)
        optimizer = 0.1 if candidate.optimizer == "paged_adamw_8bit" else 0.5
        memory = (
            MODEL_GIB[candidate.dequantised] + optimizer + ROW_GIB[candidate.checkpoint_every] * candidate.micro_batch
        )
        if memory > self.gib or (candidate.attention == "varlen" and not self.varlen):
            return None
        seconds = 0.1 * candidate.accumulation + {0: 0.4, 2: 0.5, 1: 0.6}[candidate.checkpoint_every]
        seconds += 0.05 * (optimizer < 0.5) - 0.02 * candidate.dequantised
        return candidate.model_copy(update={"tokens_per_second": 5000 / seconds, "memory_gib": memory})


@pytest.mark.parametrize(
    ("gib", "micro_batch", "checkpoint_every", "dequantised"),
    [(80, 16, 0, True), (48, 16, 0, False), (24, 16, 1, True), (9, 16, 1, False), (6, 4, 1, False)],
)
def test_the_fastest_that_fits_is_chosen(
    gib: float, micro_batch: int, checkpoint_every: int, dequantised: bool
) -> None:
    card = Card(gib)
    best = choose(16, card.measure, quantised=True)
    assert best
    assert best.memory_gib <= gib
    assert (best.micro_batch, best.checkpoint_every, best.dequantised) == (micro_batch, checkpoint_every, dequantised)
    fits = [fit for trial in list(card.trials) if (fit := card.measure(trial))]
    assert best.tokens_per_second == max(fit.tokens_per_second for fit in fits)
    assert len(set(map(str, card.trials))) <= 24


@pytest.mark.parametrize("step_rows", [1, 6, 16, 7])
def test_accumulation_keeps_the_rows_of_a_step(step_rows: int) -> None:
    for gib in (5, 6, 9, 80):
        card = Card(gib)
        choose(step_rows, card.measure, quantised=True)
        assert {trial.micro_batch * trial.accumulation for trial in card.trials} == {step_rows}


def test_paged_states_only_where_memory_asks_for_them() -> None:
    roomy, tight = choose(1, Card(80).measure, quantised=False), choose(1, Card(4.4).measure, quantised=False)
    assert roomy and roomy.optimizer == "adamw_torch_fused"
    assert tight and tight.optimizer == "paged_adamw_8bit"
    assert choose(16, Card(4).measure, quantised=True) is None


def test_a_card_without_the_kernel_trains_with_padding() -> None:
    best = choose(16, Card(80, varlen=False).measure, quantised=True)
    assert best and best.attention == "sdpa"


@pytest.fixture
def splits(dataset: DatasetVersion) -> dict[str, list[dict[str, Any]]]:
    return {split: read_jsonl(Path(dataset.uri) / f"{split}.jsonl") for split in ("train", "heldout")}


@pytest.fixture
def plan(small_base: Path) -> TrainingPlan:
    train = {"batch_size": 2, "gradient_accumulation": 2, "max_steps": 4, "checkpoint_steps": 2, "learning_rate": 1e-2}
    changes = {f"train.{name}": value for name, value in train.items()}
    return make_plan("service_advisor", changes | {"base.model": str(small_base)})


def settings_of(**changes: Any) -> GpuSettings:
    usual = {"micro_batch": 4, "accumulation": 1, "checkpoint_every": 0, "attention": "varlen", "dequantised": False}
    return GpuSettings.model_validate(usual | {"optimizer": "adamw_torch_fused"} | changes)


def test_trials_are_real_trainings(
    splits: dict[str, Any], plan: TrainingPlan, small_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    best = find_settings(small_base, splits["train"], plan, length=128)
    assert best.micro_batch == 4 and best.accumulation == 1 and best.checkpoint_every == 0
    assert best.tokens_per_second > 0

    run_trial, trials = fitting.run_trial, list[GpuSettings]()

    def out_of_memory(trainer: Any, candidate: GpuSettings, length: int) -> GpuSettings:
        before = [weight.clone() for weight in trainer.model.parameters() if weight.requires_grad]
        trials.append(candidate)
        measured = run_trial(trainer, candidate, length)
        after = [weight for weight in trainer.model.parameters() if weight.requires_grad]
        assert all(map(torch.equal, before, after))
        if candidate.micro_batch > 1 or not candidate.checkpoint_every:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return measured

    monkeypatch.setattr(fitting, "run_trial", out_of_memory)
    best = find_settings(small_base, splits["train"], plan, length=128)
    assert (best.micro_batch, best.accumulation, best.checkpoint_every) == (1, 4, 2)
    assert {trial.micro_batch for trial in trials} == {4, 2, 1}

    def full(*_: Any) -> GpuSettings:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(fitting, "run_trial", full)
    with pytest.raises(WeaverError, match=r"does not fit into 3\.0 GiB of GPU memory.* Tried to allocate"):
        limited = plan.train.model_copy(update={"memory_gib": 3})
        find_settings(small_base, splits["train"], plan.model_copy(update={"train": limited}), length=128)


def test_the_choice_is_kept_and_shown_in_the_estimate(
    dataset: DatasetVersion, plan: TrainingPlan, monkeypatch: pytest.MonkeyPatch, room: Path
) -> None:
    calls = []

    def find(*arguments: Any) -> GpuSettings:
        calls.append(arguments[-1])
        return settings_of(tokens_per_second=9840.0, memory_gib=45.8)

    monkeypatch.setattr(fitting, "find_settings", find)
    assert fit_machine(dataset, plan) is None, "without a GPU the plan's own settings hold"
    monkeypatch.setattr(fitting, "has_gpu", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Test GPU")
    first, second = fit_machine(dataset, plan), fit_machine(dataset, plan)
    assert first == second == settings_of(tokens_per_second=9840.0, memory_gib=45.8)
    assert len(calls) == 1 and calls[0] % 64 == 0
    (kept,) = (room / "home" / "fits").glob("*.json")
    assert json.loads(kept.read_text())["micro_batch"] == 4
    assert "9840 tokens/s, 45.8 GiB of GPU memory" in estimate(dataset, plan).basis
    assert training_kind(plan, first) != training_kind(plan)

    other_rank = plan.model_copy(update={"train": plan.train.model_copy(update={"lora_rank": 4})})
    fit_machine(dataset, other_rank)
    assert len(calls) == 2
    off = plan.model_copy(update={"train": plan.train.model_copy(update={"fit_gpu": False})})
    assert fit_machine(dataset, off) is None


def train(plan: TrainingPlan, splits: Any, base: Path, folder: Path, gpu: GpuSettings, resume: bool = False) -> Any:
    trainer = make_sft_trainer(base, splits, plan, folder, TrainerCallback(), gpu=gpu)
    resume_training(trainer, str(folder / "checkpoint-2") if resume else None)
    return trainer


def losses(trainer: Any) -> list[float]:
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def test_any_micro_batch_trains_the_same_rows_a_step(
    splits: dict[str, Any], plan: TrainingPlan, small_base: Path, tmp_path: Path
) -> None:
    whole = train(plan, splits, small_base, tmp_path / "whole", settings_of())
    parts = train(
        plan, splits, small_base, tmp_path / "parts", settings_of(micro_batch=1, accumulation=4, checkpoint_every=2)
    )
    expanded = train(plan, splits, small_base, tmp_path / "expanded", settings_of(dequantised=True))
    assert losses(parts) == pytest.approx(losses(whole), rel=1e-4)
    assert losses(expanded) == pytest.approx(losses(whole), rel=1e-4)
    assert parts.state.num_input_tokens_seen == whole.state.num_input_tokens_seen > 0
    assert whole.heldout_loss() == pytest.approx(parts.heldout_loss(), rel=1e-4)

    resumed = train(plan, splits, small_base, tmp_path / "whole", settings_of(), resume=True)
    assert losses(resumed) == losses(whole)


def test_rows_without_padding_have_the_loss_and_gradient_of_padded_ones(
    splits: dict[str, Any], plan: TrainingPlan, small_base: Path, tmp_path: Path
) -> None:
    def step(attention: str) -> tuple[float, dict[str, torch.Tensor]]:
        gpu = settings_of(attention=attention)
        trainer: Any = make_sft_trainer(small_base, splits, plan, tmp_path, TrainerCallback(), gpu=gpu)
        for name, weight in trainer.model.named_parameters():
            if "lora_B" in name:  # 0 at first: then the rest has no gradient
                weight.data = torch.linspace(-0.1, 0.1, weight.numel()).reshape(weight.shape)
        batch = trainer.data_collator([trainer.train_dataset[number] for number in range(4)])
        assert ("attention_mask" in batch) == (attention == "sdpa")
        loss = trainer.compute_loss(trainer.model, batch)
        loss.backward()
        return loss.item(), {name: w.grad for name, w in trainer.model.named_parameters() if w.requires_grad}

    (loss, gradients), (padded_loss, padded_gradients) = step("varlen"), step("sdpa")
    assert loss == pytest.approx(padded_loss, rel=1e-5)
    for name, gradient in padded_gradients.items():
        torch.testing.assert_close(gradients[name], gradient, rtol=1e-3, atol=1e-6)
