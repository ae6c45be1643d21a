"""The prefer stage: an adapter that has learnt its answers learns which of two is the better one (DPO)."""

import logging
from pathlib import Path
from typing import Any

from pipelines.core.artifacts import Adapter, DataReport, DatasetVersion, PreferenceDataset
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, read_jsonl
from pipelines.core.fingerprint import SourceCode
from pipelines.core.plan import TrainingPlan
from pipelines.training.base_model import base_digest, measure_model_size, prepare_base
from pipelines.training.checkpoints import (
    find_last_checkpoint,
    memoize_training,
    peak_rss_mib,
    resume_training,
    save_adapter,
)
from pipelines.training.fine_tune import UNRELATED, read_splits

CODE = SourceCode(__name__, without=UNRELATED)
log = logging.getLogger(__name__)

HELDOUT_EVERY = 10  # every so many questions, the pairs on it are not learnt: they say what was

Row = dict[str, Any]


def train_dpo(
    adapter: Adapter,
    dataset: DatasetVersion,
    preferences: PreferenceDataset | None = None,
    report: DataReport | None = None,
    *,
    plan: TrainingPlan,
    work: Path,
) -> Adapter:
    """Train the adapter on with pairs of answers, where the plan wants it and there are enough; else it is returned.

    The result is signed and has an MLflow run of its own, inside the run of the first training and with its figures
    beside the new ones. The same inputs give the same bytes, also when training was killed on the way. Whether the
    result is the better one is for the gate to say.

    Raises:
        WeaverError: a row is no pair, or the base is not the one that the adapter was trained over.
        Unavailable: MLflow does not answer; run again when it does.
    """
    (work / "train_dpo").mkdir(parents=True, exist_ok=True)
    found, wanted = preferences.rows if preferences else 0, plan.preference
    if not wanted.enabled or preferences is None or found < wanted.min_pairs:
        why = f"{found} pairs of {wanted.min_pairs}" if wanted.enabled else "preference.enabled is false"
        log.info("%s: no preference training: %s", plan.template, why)
        return adapter
    base = prepare_base(plan.base)
    if base_digest(base) != adapter.base_digest:
        raise WeaverError(
            f"{base} is not the {adapter.base_model} that {adapter.uri} was trained over: their digests differ",
            "Bring that base back, or train again.",
        )
    known = [adapter.digest, dataset.digest, preferences.digest, plan.digest("template", "base", "train", "preference")]

    def train_on(checkpoints: Path, folder: Path) -> str:
        return run_training(base, adapter, dataset, preferences, plan, checkpoints, folder, report)

    return memoize_training("train_dpo", known, CODE, base, plan, work, train_on)


def run_training(
    base: Path,
    adapter: Adapter,
    dataset: DatasetVersion,
    preferences: PreferenceDataset,
    plan: TrainingPlan,
    checkpoints: Path,
    folder: Path,
    report: DataReport | None,
) -> str:
    """Write the adapter that was trained on into `folder`; returns the id of its MLflow run."""
    from pipelines.training.dpo_trainer import make_dpo_trainer
    from pipelines.training.mlflow_callback import DPO_PREFIX, open_dpo_run

    pairs, splits = read_preference_pairs(preferences), read_splits(dataset)
    with open_dpo_run(adapter, dataset, splits, preferences, plan, checkpoints / "run_id", report) as diary:
        trainer = make_dpo_trainer(base, Path(adapter.uri), splits, pairs, plan, checkpoints, diary)
        figures = measure_model_size(trainer.model)
        resume_training(trainer, find_last_checkpoint(checkpoints))
        if diary.lost:
            raise diary.lost
        learnt = {f"{DPO_PREFIX}{name}": figure for name, figure in trainer.heldout().items()}
        figures |= learnt | {"heldout_loss": trainer.heldout_loss(), "peak_rss_mib": peak_rss_mib()}
        diary.close(trainer.state.log_history, figures)
        save_adapter(trainer.model, plan, folder)
    return diary.run_id


def read_preference_pairs(preferences: PreferenceDataset) -> dict[str, list[Row]]:
    """Pairs for training and held-out ones, by the question that they are on.

    Raises:
        WeaverError: a row is no pair of different answers to a conversation, named by its line; or there is only one
            question.
    """
    file = Path(preferences.uri) / "preferences.jsonl"
    rows = read_jsonl(file)
    for number, row in enumerate(rows, start=1):
        if fault := find_pair_error(row):
            raise WeaverError(f"{file}, line {number}: {fault}", "Correct or remove this pair.")
    held = set(sorted({digest(row["prompt"]) for row in rows})[::HELDOUT_EVERY])
    pairs: dict[str, list[Row]] = {"train": [], "heldout": []}
    for row in rows:
        pairs["heldout" if digest(row["prompt"]) in held else "train"].append(row)
    if not pairs["train"]:
        raise WeaverError(f"{file}: its pairs are all on one question", "Gather pairs on others.")
    return pairs


def find_pair_error(row: Row) -> str:
    """What is wrong with a row of preferences.jsonl; "" for nothing."""
    prompt = row.get("prompt")
    if not isinstance(prompt, list) or not prompt:
        return "prompt is not a list of messages"
    for message in prompt:
        if not isinstance(message, dict) or not all(isinstance(message.get(key), str) for key in ("role", "content")):
            return f"prompt: {message!r} is not a message with role and content"
    for key in ("chosen", "rejected"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            return f"{key} is not an answer: {row.get(key)!r}"
    return "chosen and rejected are the same" if row["chosen"] == row["rejected"] else ""
