"""Hyper-parameter tuning: trial trainings around a plan's current values, compared on validation rows.

The held-out rows take no part: a plan chosen on them would bias the gate.
"""

import shutil
import time
from collections import Counter
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipelines.core import progress
from pipelines.core.artifacts import Artifact, DatasetVersion
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, file_lock, memoize_dir, read_jsonl, write_jsonl
from pipelines.core.plan import Train, TrainingPlan
from pipelines.core.settings import quiet_libraries, settings
from pipelines.core.template_edit import find_own_template, update_template
from pipelines.text.counts import format_count
from pipelines.training.base_model import base_digest, prepare_base
from pipelines.training.tune_study import current_parameters, next_trial, open_study, search_space, to_train_settings

if TYPE_CHECKING:
    import optuna

FOLDS = 5  # one fold of the training rows is for validation


class Trial(Artifact):
    """One trial: its hyper-parameters, its validation loss, and what it took."""

    number: int  # in the order of their start; trial 0 has the plan's current values
    state: Literal["complete", "pruned"]
    loss: float | None  # nats per answer token on the validation rows; a pruned trial's last one; None if it diverged
    seconds: float
    settings: dict[str, int | float]  # of the plan's section train


class Tuning(Artifact):
    """The result of a tuning: `uri` is the folder of the Optuna study, `run_id` the parent MLflow run."""

    uri: str
    run_id: str
    trials: list[Trial]
    current: Trial | None  # the plan's current values; none if they diverged
    best: Trial
    stop_reason: str = ""  # why there are fewer trials than requested
    applied: str = ""  # the template file that the best values were written to


def tune(dataset: DatasetVersion, plan: TrainingPlan, trials: int, hours: float, apply: bool = False) -> Tuning:
    """Search the plan's section `train` until `trials` trials are complete or pruned, counted over all calls.

    A killed call is resumed by the next: finished trials stay, the unfinished one continues from its last checkpoint.

    Args:
        trials: 1 or more.
        hours: the time limit of this call: no trial is started that would exceed it if it took as long as the longest
            trial so far. A study's first trial, the current values, is always trained.
        apply: write the best values into the template's file, which must be a custom template.

    Raises:
        WeaverError: an argument is out of range, there are too few rows, `apply` is set for a packaged template, or
            another process is tuning the same plan.
        Unavailable: MLflow does not answer; run again when it does.
    """
    from pipelines.costs.meter import measure_costs

    quiet_libraries()
    if trials < 1:
        raise WeaverError(f"The number of trials is {trials}.", "Request at least 1.")
    if not hours > 0:
        raise WeaverError(f"The time limit is {hours:g} hours.", "Set more than 0.")
    if apply:
        find_own_template(plan.template)  # raises for a packaged template now, not after hours
    base = prepare_base(plan.base)
    settings_digest = plan.digest("template", "system_prompt", "base", "train")
    space = {name: str(values) for name, values in search_space(plan.train).items()}
    fingerprint = digest([dataset.digest, base_digest(base), settings_digest, space])[:16]
    folder = settings().home / "tune" / f"{plan.template}-{fingerprint}"
    with file_lock(folder / ".lock", f"tuning {plan.template}", timeout=0), measure_costs(plan, "tune"):
        rows = memoize_dir(folder / "rows", lambda new: split_validation_rows(dataset, plan.train.seed, new))
        validation = dataset.model_copy(update={"uri": str(rows), "digest": digest(rows)})
        tuning = run_trials(folder, base, validation, plan, trials, hours)
    if apply and tuning.best != tuning.current:
        tuning = tuning.model_copy(
            update={"applied": str(update_template(plan.template, "train", tuning.best.settings))}
        )
    return tuning


def split_validation_rows(dataset: DatasetVersion, seed: int, folder: Path) -> None:
    """Split the training rows into train.jsonl and heldout.jsonl (validation): whole groups, stratified by topic.

    Args:
        folder: that the two files are written into.

    Raises:
        WeaverError: there are too few groups, or too few rows of every topic.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    rows = read_jsonl(Path(dataset.uri) / "train.jsonl")
    topics, groups = [row["topic"] for row in rows], [row["group"] for row in rows]
    if min(len(set(groups)), max(Counter(topics).values(), default=0)) < FOLDS:
        size = f"{format_count(len(rows), 'training row')} in {format_count(len(set(groups)), 'group')}"
        raise WeaverError(
            f"{dataset.tag} has {size}; a validation split needs {FOLDS} groups, and {FOLDS} rows of one topic.",
            "Add rows about other vehicles or codes, or lower refine.heldout_share.",
        )
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    train, validation = next(folds.split(rows, topics, groups))
    for split, numbers in (("train", train), ("heldout", validation)):
        write_jsonl(folder / f"{split}.jsonl", (rows[number] for number in numbers))


def run_trials(
    folder: Path, base: Path, dataset: DatasetVersion, plan: TrainingPlan, trials: int, hours: float
) -> Tuning:
    """Run trials, each a child run of the tuning's MLflow run, until there are enough or the time is over.

    Raises:
        WeaverError: every trial diverged.
    """
    from optuna import TrialPruned
    from optuna.trial import TrialState

    from pipelines.training.tune_trial import log_study, open_tuning_run, run_trial

    study, end = open_study(folder, plan), time.monotonic() + hours * 3600
    with open_tuning_run(dataset, plan, folder / "run_id") as (mlflow, run_id):
        while True:
            finished = list_finished_trials(study)
            tuning = summarise_trials(finished, plan, folder, run_id)
            if tuning:
                log_study(mlflow, study, tuning)
            longest = max((trial.seconds for trial in finished), default=0)
            time_is_over = bool(finished) and time.monotonic() + longest > end
            if time_is_over or len(finished) >= trials:
                break
            progress.report_progress(
                plan.template, "tune", len(finished), trials, f"best {tuning.best.loss:.4f}" if tuning else ""
            )
            trial = next_trial(study, plan, len(finished))
            settings_of_trial = Train.model_validate(plan.train.model_dump() | to_train_settings(trial.params))
            trial_plan = plan.model_copy(update={"train": settings_of_trial})
            checkpoints = folder / "checkpoints" / digest(trial.params)[:16]
            try:
                study.tell(trial, run_trial(trial, f"trial {len(finished)}", base, dataset, trial_plan, checkpoints))
            except TrialPruned:
                study.tell(trial, state=TrialState.PRUNED)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    if not tuning:
        raise WeaverError(
            f"{plan.template}: the loss diverged in all {len(finished)} trials.",
            "Lower train.learning_rate (--set), and check the training rows.",
        )
    if len(finished) < trials:
        reason = (
            f"{len(finished)} of {trials} trials: {hours:g} hours leave no time for another trial of "
            f"{longest / 60:.1f} minutes"
        )
        return tuning.model_copy(update={"stop_reason": reason})
    return tuning


def list_finished_trials(study: "optuna.Study") -> list[Trial]:
    """The complete and pruned trials of a study; failed ones were enqueued again, or given up."""
    from optuna.trial import TrialState

    return [
        Trial(
            number=number,
            state="complete" if trial.state == TrialState.COMPLETE else "pruned",
            loss=trial.value,
            seconds=trial.duration.total_seconds() if trial.duration else 0,
            settings=to_train_settings(trial.params),
        )
        for number, trial in enumerate(study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED)))
    ]


def summarise_trials(finished: list[Trial], plan: TrainingPlan, folder: Path, run_id: str) -> Tuning | None:
    """The best trial and that of the current values; None as long as every trial diverged."""
    complete = [trial for trial in finished if trial.state == "complete"]
    if not complete:
        return None
    current = to_train_settings(current_parameters(plan.train))
    return Tuning(
        uri=str(folder),
        run_id=run_id,
        trials=finished,
        current=next((trial for trial in complete if trial.settings == current), None),
        best=min(complete, key=attrgetter("loss")),  # of equals, the earlier
    )
