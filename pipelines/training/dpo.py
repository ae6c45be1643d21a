"""The train_dpo stage: trains an adapter further on pairs of answers of which one is preferred (DPO)."""

import logging
from pathlib import Path
from typing import Any

from pipelines.core.artifacts import Adapter, DataReport, DatasetVersion, PreferenceDataset
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, read_jsonl
from pipelines.core.fingerprint import SourceCode
from pipelines.core.plan import TrainingPlan
from pipelines.kits.field_questions import digest_asked_fields
from pipelines.training.base_model import base_digest, measure_model_size, prepare_base
from pipelines.training.checkpoints import (
    find_last_checkpoint,
    memoize_training,
    peak_rss_mib,
    resume_training,
    save_adapter,
)
from pipelines.training.fine_tune import UNRELATED, read_splits
from pipelines.training.heldout_rows import HELDOUT_ROWS

CODE = SourceCode(__name__, without=UNRELATED)
log = logging.getLogger(__name__)

HELDOUT_EVERY = 10  # the pairs of every tenth question are held out

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
    """Train the adapter further on answer pairs, if the plan enables it and there are enough; else return it as it is.

    The result is signed and has an MLflow run of its own, a child of the first training's run with its metrics beside
    the new ones. The same inputs give the same bytes, even if training was killed on the way. The gate decides whether
    the result is better.

    Raises:
        WeaverError: a row is not a valid pair, or the base is not the one that the adapter was trained on.
        Unavailable: MLflow does not answer; run again when it does.
    """
    (work / "train_dpo").mkdir(parents=True, exist_ok=True)
    pairs, settings = preferences.rows if preferences else 0, plan.preference
    if not settings.enabled or preferences is None or pairs < settings.min_pairs:
        reason = (
            f"{pairs} of at least {settings.min_pairs} pairs" if settings.enabled else "preference.enabled is false"
        )
        log.info("%s: DPO training skipped: %s", plan.template, reason)
        return adapter
    base = prepare_base(plan.base)
    if base_digest(base) != adapter.base_digest:
        raise WeaverError(
            f"{base} is not the {adapter.base_model} that {adapter.uri} was trained on: their digests differ.",
            "Restore that base model, or train the adapter again.",
        )
    inputs = [
        adapter.digest,
        dataset.digest,
        preferences.digest,
        digest_asked_fields(plan.data.source),
        plan.digest("template", "base", "train", "preference"),
    ]

    def train_further(checkpoints: Path, folder: Path) -> str:
        return run_training(base, adapter, dataset, preferences, plan, checkpoints, folder, report)

    return memoize_training("train_dpo", inputs, CODE, base, plan, work, train_further)


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
    """Write the further trained adapter into `folder`; return the id of its MLflow run."""
    from pipelines.training.dpo_trainer import make_dpo_trainer
    from pipelines.training.mlflow_callback import DPO_PREFIX, open_dpo_run

    pairs, splits = read_preference_pairs(preferences), read_splits(dataset)
    with open_dpo_run(adapter, dataset, splits, preferences, plan, checkpoints / "run_id", report) as callback:
        trainer = make_dpo_trainer(base, Path(adapter.uri), splits, pairs, plan, checkpoints, callback)
        metrics = measure_model_size(trainer.model)
        resume_training(trainer, find_last_checkpoint(checkpoints))
        if callback.lost:
            raise callback.lost
        metrics |= {f"{DPO_PREFIX}{name}": value for name, value in trainer.evaluate_heldout().items()}
        metrics |= {"heldout_loss": trainer.heldout_loss(HELDOUT_ROWS), "peak_rss_mib": peak_rss_mib()}
        callback.log_summary(trainer.state.log_history, metrics)
        save_adapter(trainer.model, plan, folder)
    return callback.run_id


def read_preference_pairs(preferences: PreferenceDataset) -> dict[str, list[Row]]:
    """Read answer pairs and split them by question.

    Returns:
        The pairs of train and heldout.

    Raises:
        WeaverError: a row is not a pair of different answers to a conversation; names its line; or all pairs are about
            one question.
    """
    file = Path(preferences.uri) / "preferences.jsonl"
    rows = read_jsonl(file)
    for number, row in enumerate(rows, start=1):
        if error := find_pair_error(row):
            raise WeaverError(f"{file}, line {number}: {error}.", "Correct or remove this pair.")
    heldout = set(sorted({digest(row["prompt"]) for row in rows})[::HELDOUT_EVERY])
    pairs: dict[str, list[Row]] = {"train": [], "heldout": []}
    for row in rows:
        pairs["heldout" if digest(row["prompt"]) in heldout else "train"].append(row)
    if not pairs["train"]:
        raise WeaverError(f"{file}: all pairs are about one question.", "Collect pairs about other questions.")
    return pairs


def find_pair_error(row: Row) -> str:
    """Return what is wrong with a row of preferences.jsonl; an empty string if it is valid."""
    prompt = row.get("prompt")
    if not isinstance(prompt, list) or not prompt:
        return "prompt is not a list of messages"
    for message in prompt:
        if not isinstance(message, dict) or not all(isinstance(message.get(key), str) for key in ("role", "content")):
            return f"prompt has an entry that is not a message with role and content: {message}"
    for key in ("chosen", "rejected"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            return f"{key} is not a text: {row.get(key)}"
    return "chosen and rejected are the same" if row["chosen"] == row["rejected"] else ""
