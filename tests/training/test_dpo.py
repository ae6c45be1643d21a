"""Preference training of 0.1 M parameters: where it starts, what it learns, and that a kill costs nothing."""

import json
import logging
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from pipelines.clients.mlflow import connect_mlflow
from pipelines.core import signing
from pipelines.core.artifacts import Adapter, DatasetVersion, PreferenceDataset
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, write_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings
from pipelines.registry.evidence import summarise_training
from pipelines.training.dpo import read_preference_pairs, train_dpo
from pipelines.training.fine_tune import fine_tune, read_splits

STAGE = """
import sys
from pathlib import Path
from pipelines.core.artifacts import Adapter, DatasetVersion, PreferenceDataset
from pipelines.core.plan import TrainingPlan
from pipelines.training.dpo import train_dpo
kinds = (Adapter, DatasetVersion, PreferenceDataset)
adapter, dataset, preferences = (kind.model_validate_json(text) for kind, text in zip(kinds, sys.argv[1:4]))
plan = TrainingPlan.model_validate_json(sys.argv[4])
print(train_dpo(adapter, dataset, preferences, plan=plan, work=Path(sys.argv[5])).model_dump_json())
"""


def pair(number: int) -> dict[str, Any]:
    asked = f"Where is order {100 + number}?"
    prompt = [{"role": "system", "content": "You know the yard."}, {"role": "user", "content": asked}]
    right, wrong = f"It stands in bay {number % 7 + 1}.", f"It is lost, order {number}."
    return {"prompt": prompt, "chosen": right, "rejected": wrong, "source": "people"}


@pytest.fixture(scope="module")
def preferences(tmp_path_factory: pytest.TempPathFactory) -> PreferenceDataset:
    folder = tmp_path_factory.mktemp("preferences")
    write_jsonl(folder / "preferences.jsonl", map(pair, range(20)))
    return PreferenceDataset(name="orders", version=3, uri=str(folder), digest=digest(folder), rows=20)


@pytest.fixture
def plan(small_base: Path) -> TrainingPlan:
    train = {"train.batch_size": 4, "train.max_steps": 2, "train.checkpoint_steps": 2}
    learn = {"enabled": True, "min_pairs": 10, "learning_rate": 5e-3, "epochs": 2, "batch_size": 6}
    learn = {f"preference.{key}": value for key, value in learn.items()}
    return make_plan("service_advisor", {"base.model": str(small_base), **train, **learn})


@pytest.fixture
def adapter(room: Path, dataset: DatasetVersion, plan: TrainingPlan) -> Adapter:
    return fine_tune(dataset, plan, room / "prefer_work")


@pytest.fixture
def preferred(
    room: Path, adapter: Adapter, dataset: DatasetVersion, preferences: PreferenceDataset, plan: TrainingPlan
) -> Adapter:
    """Of an undisturbed training: trained by the first test that asks for it, found by the others."""
    return train_dpo(adapter, dataset, preferences, plan=plan, work=room / "prefer_work")


def history(run_id: str, name: str) -> list[float]:
    return [metric.value for metric in connect_mlflow().MlflowClient().get_metric_history(run_id, name)]


def test_it_starts_at_ln_2_because_its_reference_is_the_adapter_not_the_base(
    adapter: Adapter,
    dataset: DatasetVersion,
    preferences: PreferenceDataset,
    plan: TrainingPlan,
    small_base: Path,
    tmp_path: Path,
) -> None:
    import torch
    from transformers import TrainerCallback

    from pipelines.training.dpo_trainer import make_dpo_trainer

    nothing = TrainerCallback()
    pairs, splits = read_preference_pairs(preferences), read_splits(dataset)
    trainer = make_dpo_trainer(small_base, Path(adapter.uri), splits, pairs, plan, tmp_path, nothing)
    figures = trainer.evaluate_heldout()
    assert figures["heldout_loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert figures["heldout_rewards/margins"] == pytest.approx(0, abs=1e-6)
    batch = trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))
    trainer.model.eval()
    with torch.no_grad():
        assert trainer.compute_loss(trainer.model, batch).item() == pytest.approx(math.log(2), abs=1e-6)
        trainer.model.delete_adapter("ref")  # trl now takes the base for the reference
        assert abs(trainer.compute_loss(trainer.model, batch).item() - math.log(2)) > 1e-4
    trained = load_file(Path(adapter.uri) / "adapter_model.safetensors")
    for name, weight in trained.items():
        there = trainer.model.get_parameter(name.replace(".weight", ".default.weight"))
        assert torch.equal(there, weight) and there.requires_grad, "not one bit is lost on the way"


def test_it_learns_what_was_preferred_and_its_run_shows_both_trainings(
    preferred: Adapter, adapter: Adapter, plan: TrainingPlan
) -> None:
    assert preferred.digest != adapter.digest and preferred.base_digest == adapter.base_digest
    folder = Path(preferred.uri)
    assert {file.name for file in folder.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}
    signing.verify(folder)
    assert set(load_file(folder / "adapter_model.safetensors")) == set(
        load_file(Path(adapter.uri) / "adapter_model.safetensors")
    )

    client = connect_mlflow().MlflowClient()
    run, before = client.get_run(preferred.run_id), client.get_run(adapter.run_id)
    known = run.data.metrics
    margins = history(preferred.run_id, "dpo/rewards/margins")
    assert len(margins) == 6, "two epochs of 18 pairs, six at a time"
    assert margins[0] == pytest.approx(0, abs=1e-6)
    assert margins[-1] > 0.05 and known["dpo/heldout_rewards/margins"] > 0.05
    assert known["dpo/heldout_rewards/accuracies"] == known["dpo/heldout_preference_accuracy"] == 1
    assert history(preferred.run_id, "dpo/loss")[-1] < math.log(2)
    assert history(preferred.run_id, "loss") == history(adapter.run_id, "loss")
    assert known["dpo/heldout_loss_before"] == before.data.metrics["heldout_loss"]
    assert known["heldout_loss"] != known["dpo/heldout_loss_before"]
    assert run.info.status == "FINISHED"
    assert run.data.params["preference.beta"] == str(plan.preference.beta)
    assert run.data.tags["preference_dataset"] == "orders@v3" and run.data.tags["dataset"] == "orders@v1"
    assert run.data.tags["mlflow.parentRunId"] == adapter.run_id
    assert {entry.tags[0].value for entry in run.inputs.dataset_inputs} == {"train", "heldout", "preference"}
    told = summarise_training(preferred.run_id)["figures"]  # what the model card shows
    assert told["trained on with preferred answers"] == "orders@v3" and told["steps"] == "2"
    files = {artifact.path for artifact in client.list_artifacts(preferred.run_id)}
    assert {"plan.json", "training.png", "dpo.png"} <= files


def test_run_again_it_finds_its_work_done(
    preferred: Adapter,
    adapter: Adapter,
    dataset: DatasetVersion,
    preferences: PreferenceDataset,
    plan: TrainingPlan,
    room: Path,
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (room / "prefer_work").rglob("*")}
    assert train_dpo(adapter, dataset, preferences, plan=plan, work=room / "prefer_work") == preferred
    assert before == {path: path.stat().st_mtime_ns for path in (room / "prefer_work").rglob("*")}


@pytest.mark.slow
def test_killed_in_its_second_epoch_it_goes_on_to_the_same_bytes(
    preferred: Adapter,
    adapter: Adapter,
    dataset: DatasetVersion,
    preferences: PreferenceDataset,
    plan: TrainingPlan,
    tmp_path: Path,
) -> None:
    artifacts = [artifact.model_dump_json() for artifact in (adapter, dataset, preferences, plan)]

    def apart() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", STAGE, *artifacts, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )

    process, checkpoints = apart(), settings().home / "checkpoints"
    while not (seals := list(checkpoints.glob("*/checkpoint-4.sha256"))):
        assert process.poll() is None, "training ended before it came so far"
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    interrupted = (seals[0].parent / "run_id").read_text()

    printed, _ = apart().communicate(timeout=300)
    resumed = Adapter.model_validate_json(printed.splitlines()[-1])
    assert resumed.run_id == interrupted != preferred.run_id
    assert resumed.digest == preferred.digest
    for name in ("dpo/loss", "dpo/rewards/margins", "loss"):
        assert history(resumed.run_id, name) == history(preferred.run_id, name)


@pytest.mark.parametrize(
    ("changes", "rows", "why"),
    [
        ({"enabled": False}, 20, "preference.enabled is false"),
        ({"min_pairs": 21}, 20, "20 of at least 21 pairs"),
        ({}, 0, "0 of at least 10 pairs"),
    ],
)
def test_where_it_is_not_wanted_or_there_is_too_little_the_adapter_stays(
    changes: dict, rows: int, why: str, adapter: Adapter, dataset: DatasetVersion, preferences: PreferenceDataset,
    plan: TrainingPlan, tmp_path: Path, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO)
    plan = plan.model_copy(update={"preference": plan.preference.model_copy(update=changes)})
    given = preferences if rows else None
    assert train_dpo(adapter, dataset, given, plan=plan, work=tmp_path) == adapter
    assert f"DPO training skipped: {why}" in caplog.text


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ({"prompt": "Where?"}, "prompt is not a list of messages"),
        ({"prompt": [{"role": "user"}]}, "an entry that is not a message with role and content"),
        ({"rejected": " "}, "rejected is not a text"),
        ({"rejected": "It stands in bay 2."}, "chosen and rejected are the same"),
    ],
)
def test_a_row_that_is_no_pair_is_named(
    wrong: dict, fault: str, preferences: PreferenceDataset, tmp_path: Path
) -> None:
    write_jsonl(tmp_path / "preferences.jsonl", [pair(0), pair(1) | wrong])
    with pytest.raises(WeaverError, match=rf"preferences\.jsonl, line 2: .*{fault}"):
        read_preference_pairs(preferences.model_copy(update={"uri": str(tmp_path)}))


def test_pairs_on_one_question_are_never_parted(preferences: PreferenceDataset, tmp_path: Path) -> None:
    rows = [pair(number % 20) | {"rejected": f"Who knows, {number}?"} for number in range(60)]
    write_jsonl(tmp_path / "preferences.jsonl", rows)
    pairs = read_preference_pairs(preferences.model_copy(update={"uri": str(tmp_path)}))
    asked = {split: {json.dumps(row["prompt"]) for row in rows} for split, rows in pairs.items()}
    assert not asked["train"] & asked["heldout"]
    assert len(asked["heldout"]) == 2 and len(pairs["heldout"]) == 6 and len(pairs["train"]) == 54

    write_jsonl(tmp_path / "preferences.jsonl", rows[::20])
    with pytest.raises(WeaverError, match="all pairs are about one question"):
        read_preference_pairs(preferences.model_copy(update={"uri": str(tmp_path)}))


def test_what_is_too_long_is_left_out_and_said(
    adapter: Adapter, dataset: DatasetVersion, plan: TrainingPlan, small_base: Path, tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    from transformers import TrainerCallback

    from pipelines.training.dpo_trainer import make_dpo_trainer

    rows = [pair(number) for number in range(8)]
    rows[3]["chosen"] *= 40
    trainer = make_dpo_trainer(
        small_base,
        Path(adapter.uri),
        read_splits(dataset),
        {"train": rows, "heldout": rows[4:]},
        plan,
        tmp_path,
        TrainerCallback(),
    )
    assert len(trainer.train_dataset) == 7
    assert "train: 1 of 8 pairs have more than 384 tokens" in caplog.text
    assert json.dumps(rows[2]["prompt"]) in map(json.dumps, trainer.train_dataset["prompt"])
