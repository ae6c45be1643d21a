"""One trial of a tuning: a training that is looked at on the way, ended early where it falls behind, and not kept.

Imported only to tune: these libraries take seconds.
"""

import gc
import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from transformers import TrainerCallback, TrainerControl, TrainerState  # noqa: TID253

from pipelines.core.artifacts import Artifact, DatasetVersion
from pipelines.core.files import read_jsonl
from pipelines.core.plan import TrainingPlan
from pipelines.training.checkpoints import find_last_checkpoint, peak_rss_mib
from pipelines.training.mlflow_callback import MLflowCallback, open_run, open_training_run, run_tags
from pipelines.training.sft_trainer import CompletionSFTTrainer, make_sft_trainer

PRUNING_CHECKS = (
    4  # looks at the validation loss: trials of any length are compared at the same share of their training
)


def run_trial(
    trial: optuna.Trial, name: str, base: Path, dataset: DatasetVersion, plan: TrainingPlan, checkpoints: Path
) -> float:
    """The loss on `dataset`'s held-out rows (nats an answer token) after training on the others.

    Killed, and called again with the same checkpoints, it goes on in the same MLflow run.

    Raises:
        TrialPruned: the loss was behind the median of earlier trials, or is no number any more.
    """
    splits = {split: read_jsonl(Path(dataset.uri) / f"{split}.jsonl") for split in ("train", "heldout")}
    with open_training_run(dataset, splits, plan, checkpoints / "run_id", name) as diary:
        trainer = make_sft_trainer(base, splits, plan, checkpoints, diary)
        checks = PruningCallback(trial, trainer, diary)
        trainer.add_callback(checks)
        trainer.train(resume_from_checkpoint=find_last_checkpoint(checkpoints))
        if diary.lost:
            raise diary.lost
        loss = checks.loss if checks.pruned else checks.look(trainer.state.global_step)
        pruned = checks.pruned or not math.isfinite(loss)
        diary.close(trainer.state.log_history, {"peak_rss_mib": peak_rss_mib()})
        diary.mlflow.set_tag("state", "pruned" if pruned else "complete")
    del trainer, checks
    gc.collect()  # they refer to each other, and would hold a model beside that of the next trial
    if pruned:
        raise optuna.TrialPruned
    return loss


class PruningCallback(TrainerCallback):
    """Tells the study the validation loss on the way, and ends a training that the study gives up."""

    def __init__(self, trial: optuna.Trial, trainer: CompletionSFTTrainer, diary: MLflowCallback) -> None:
        self.trial, self.trainer, self.diary = trial, trainer, diary
        self.loss, self.pruned = math.inf, False

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        before, check = ((state.global_step - ago) * PRUNING_CHECKS // state.max_steps for ago in (1, 0))
        if check == before or state.global_step == state.max_steps:
            return
        self.trial.report(self.look(state.global_step), check)
        if self.trial.should_prune():
            self.pruned = control.should_training_stop = True

    def look(self, step: int) -> float:
        self.loss = self.trainer.heldout_loss()
        self.diary.mlflow.log_metric("validation_loss", self.loss, step=step)
        return self.loss


@contextmanager
def open_tuning_run(dataset: DatasetVersion, plan: TrainingPlan, memory: Path) -> Iterator[tuple[Any, str]]:
    """Hold the MLflow run open that the trials' runs lie in; yields the mlflow library and the run's id."""
    with open_run(
        plan,
        memory,
        run_name=f"tune {dataset.tag}",
        description=f"Trial trainings around the present values of {plan.template}, on training rows of {dataset.tag} "
        "alone: a part of them is not trained on, and judges.",
    ) as (mlflow, run_id, _):
        mlflow.log_params(plan.flat())
        mlflow.set_tags(run_tags(dataset, plan))
        yield mlflow, run_id


def log_study(mlflow: Any, study: optuna.Study, tuning: Artifact) -> None:
    """Log to the open run what is known so far: the best beside the present values, every trial, Optuna's figures."""
    import matplotlib.pyplot as plt
    from optuna.visualization import matplotlib as drawn

    mlflow.log_dict(tuning.model_dump(), "best.json")
    plt.switch_backend("agg")
    logging.getLogger("matplotlib.category").setLevel(logging.WARNING)  # that numbers may be categories
    figures: dict[str, Any] = {
        "history": drawn.plot_optimization_history,
        "importances": drawn.plot_param_importances,
        "slice": drawn.plot_slice,
    }
    for name, draw in figures.items():
        with plt.style.context("default"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the figures are experimental, and of few trials
            draw(study, target_name="validation loss")
            mlflow.log_figure(plt.gcf(), f"{name}.png", save_kwargs={"bbox_inches": "tight"})
            plt.close()
