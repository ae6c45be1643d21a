"""Hyper-parameter tuning: trial trainings around a plan's present values, judged on rows that none of them learns.

The held-out rows take no part: they are for the gate, which a plan that was chosen on them would fool.
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
from pipelines.training.base_model import base_digest, prepare_base
from pipelines.training.tune_study import current_parameters, next_trial, open_study, search_space, to_train_settings

if TYPE_CHECKING:
    import optuna

FOLDS = 5  # one fold of the training rows validates, the others train


class Trial(Artifact):
    number: int  # in the order of their start; trial 0 has the plan's present values
    state: Literal["complete", "pruned"]
    loss: float | None  # nats an answer token on the validation rows; of a pruned one as last seen, none if it diverged
    seconds: float
    settings: dict[str, int | float]  # of the plan's section train


class Tuning(Artifact):
    """What was tried, and what came of it: `uri` is the folder of the Optuna study, `run_id` the parent MLflow run."""

    uri: str
    run_id: str
    trials: list[Trial]
    current: Trial | None  # the plan's current values; none if they diverged
    best: Trial
    stop_reason: str = ""  # why there are fewer trials than requested
    applied: str = ""  # the template's file that has the best values now


def tune(dataset: DatasetVersion, plan: TrainingPlan, trials: int, hours: float, apply: bool = False) -> Tuning:
    """Search the plan's section `train` until `trials` trials are complete or pruned, counted over all calls.

    A call that was killed is carried on: finished trials stay, the unfinished one goes on from its last checkpoint.

    Args:
        hours: what this call may take: no trial is started that would end later if it took as long as the longest
            before it. A study's first, the present values, is always trained.
        apply: write the best values into the template's file, which must be a dealership's own.

    Raises:
        WeaverError: a number that cannot be, too few rows, a packaged template to apply to, or another process is
            tuning the same.
        Unavailable: MLflow does not answer; run again when it does.
    """
    from pipelines.costs.meter import measure_costs

    quiet_libraries()
    if trials < 1:
        raise WeaverError(f"trials: {trials} is none", "Ask for at least one.")
    if not hours > 0:
        raise WeaverError(f"hours: {hours:g} is no time to train in", "Give more than 0.")
    if apply:
        find_own_template(plan.template)  # a packaged one is refused now, not after hours
    base = prepare_base(plan.base)
    asked = plan.digest("template", "system_prompt", "base", "train")
    searched = {name: str(values) for name, values in search_space(plan.train).items()}
    fingerprint = digest([dataset.digest, base_digest(base), asked, searched])[:16]
    folder = settings().home / "tune" / f"{plan.template}-{fingerprint}"
    with file_lock(folder / ".lock", f"tuning {plan.template}", timeout=0), measure_costs(plan, "tune"):
        rows = memoize_dir(folder / "rows", lambda new: split_validation_rows(dataset, plan.train.seed, new))
        carved = dataset.model_copy(update={"uri": str(rows), "digest": digest(rows)})
        tuning = run_trials(folder, base, carved, plan, trials, hours)
    if apply and tuning.best != tuning.current:
        tuning = tuning.model_copy(
            update={"applied": str(update_template(plan.template, "train", tuning.best.settings))}
        )
    return tuning


def split_validation_rows(dataset: DatasetVersion, seed: int, folder: Path) -> None:
    """Write train.jsonl and heldout.jsonl from the training rows alone: whole groups on a side, topics evenly.

    Raises:
        WeaverError: there are too few groups for two sides.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    rows = read_jsonl(Path(dataset.uri) / "train.jsonl")
    topics, groups = [row["topic"] for row in rows], [row["group"] for row in rows]
    if min(len(set(groups)), max(Counter(topics).values(), default=0)) < FOLDS:
        raise WeaverError(
            f"{dataset.tag} has {len(rows)} training rows in {len(set(groups))} groups; to hold some back for "
            f"validation takes {FOLDS} groups, and {FOLDS} rows on a topic",
            "Add rows about other vehicles or codes, or lower refine.heldout_share.",
        )
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    train, validation = next(folds.split(rows, topics, groups))
    for split, numbers in (("train", train), ("heldout", validation)):
        write_jsonl(folder / f"{split}.jsonl", (rows[number] for number in numbers))


def run_trials(
    folder: Path, base: Path, dataset: DatasetVersion, plan: TrainingPlan, trials: int, hours: float
) -> Tuning:
    """Train trials, each an MLflow run inside the tuning's own, until there are enough or the time is over."""
    from optuna import TrialPruned
    from optuna.trial import TrialState

    from pipelines.training.tune_trial import log_study, open_tuning_run, run_trial

    study, end = open_study(folder, plan), time.monotonic() + hours * 3600
    with open_tuning_run(dataset, plan, folder / "run_id") as (mlflow, run_id):
        while True:
            done = list_finished_trials(study)
            tuning = summarise_trials(done, plan, folder, run_id)
            if tuning:
                log_study(mlflow, study, tuning)
            longest = max((trial.seconds for trial in done), default=0)
            late = bool(done) and time.monotonic() + longest > end
            if late or len(done) >= trials:
                break
            progress.report_progress(
                plan.template, "tune", len(done), trials, f"best {tuning.best.loss:.4f}" if tuning else ""
            )
            trial = next_trial(study, plan, len(done))
            chosen = Train.model_validate(plan.train.model_dump() | to_train_settings(trial.params))
            tried = plan.model_copy(update={"train": chosen})
            checkpoints = folder / "checkpoints" / digest(trial.params)[:16]
            try:
                study.tell(trial, run_trial(trial, f"trial {len(done)}", base, dataset, tried, checkpoints))
            except TrialPruned:
                study.tell(trial, state=TrialState.PRUNED)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    if not tuning:
        raise WeaverError(
            f"{plan.template}: the loss was no number any more in any of {len(done)} trials",
            "Lower train.learning_rate (--set), and look whether the rows are what they should be.",
        )
    if len(done) < trials:
        why = f"{len(done)} of {trials}: {hours:g} hours leave no time for another trial of {longest / 60:.1f} minutes"
        return tuning.model_copy(update={"stop_reason": why})
    return tuning


def list_finished_trials(study: "optuna.Study") -> list[Trial]:
    """The complete and pruned trials; what failed was tried again, or given up."""
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


def summarise_trials(done: list[Trial], plan: TrainingPlan, folder: Path, run_id: str) -> Tuning | None:
    """The best trial beside that of the present values; none as long as every trial diverged."""
    complete = [trial for trial in done if trial.state == "complete"]
    if not complete:
        return None
    now = to_train_settings(current_parameters(plan.train))
    return Tuning(
        uri=str(folder),
        run_id=run_id,
        trials=done,
        current=next((trial for trial in complete if trial.settings == now), None),
        best=min(complete, key=attrgetter("loss")),  # the earlier of two that are alike
    )
