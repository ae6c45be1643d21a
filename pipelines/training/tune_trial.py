"""One trial of a tuning: a training that is evaluated on the way, pruned if it falls behind, and not kept.

Imported only to tune: these libraries take seconds to import.
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
    """Train on the training rows, and return the loss on the held-out rows of `dataset`, in nats per answer token.

    Called again with the same checkpoints after a kill, it resumes in the same MLflow run.

    Raises:
        TrialPruned: the loss was worse than the median of earlier trials, or is not finite.
    """
    splits = {split: read_jsonl(Path(dataset.uri) / f"{split}.jsonl") for split in ("train", "heldout")}
    with open_training_run(dataset, splits, plan, checkpoints / "run_id", name) as callback:
        trainer = make_sft_trainer(base, splits, plan, checkpoints, callback)
        pruning = PruningCallback(trial, trainer, callback)
        trainer.add_callback(pruning)
        trainer.train(resume_from_checkpoint=find_last_checkpoint(checkpoints))
        if callback.lost:
            raise callback.lost
        loss = pruning.loss if pruning.pruned else pruning.measure_loss(trainer.state.global_step)
        pruned = pruning.pruned or not math.isfinite(loss)
        callback.log_summary(trainer.state.log_history, {"peak_rss_mib": peak_rss_mib()})
        callback.mlflow.set_tag("state", "pruned" if pruned else "complete")
    del trainer, pruning
    gc.collect()  # they refer to each other, and would keep the model in memory during the next trial
    if pruned:
        raise optuna.TrialPruned
    return loss


class PruningCallback(TrainerCallback):
    """Reports the validation loss to the study during training, and stops a training that the study prunes."""

    def __init__(self, trial: optuna.Trial, trainer: CompletionSFTTrainer, callback: MLflowCallback) -> None:
        self.trial, self.trainer, self.callback = trial, trainer, callback
        self.loss, self.pruned = math.inf, False

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        previous, check = ((state.global_step - ago) * PRUNING_CHECKS // state.max_steps for ago in (1, 0))
        if check == previous or state.global_step == state.max_steps:
            return
        self.trial.report(self.measure_loss(state.global_step), check)
        if self.trial.should_prune():
            self.pruned = control.should_training_stop = True

    def measure_loss(self, step: int) -> float:
        """Measure and log the validation loss, in nats per token."""
        self.loss = self.trainer.heldout_loss()
        self.callback.mlflow.log_metric("validation_loss", self.loss, step=step)
        return self.loss


@contextmanager
def open_tuning_run(dataset: DatasetVersion, plan: TrainingPlan, run_id_file: Path) -> Iterator[tuple[Any, str]]:
    """Open the parent run of the trials' MLflow runs.

    Yields:
        The mlflow library and the run's id.
    """
    with open_run(
        plan,
        run_id_file,
        run_name=f"tune {dataset.tag}",
        description=f"Hyper-parameter tuning around the current values of {plan.template}, on the training rows of "
        f"{dataset.tag} only: some of them are held back for validation.",
    ) as (mlflow, run_id, _):
        mlflow.log_params(plan.flat())
        mlflow.set_tags(run_tags(dataset, plan))
        yield mlflow, run_id


def log_study(mlflow: Any, study: optuna.Study, tuning: Artifact) -> None:
    """Log the state of the study to the open run: best and current values, every trial, and Optuna's plots."""
    import matplotlib.pyplot as plt
    from optuna.visualization import matplotlib as plots

    mlflow.log_dict(tuning.model_dump(), "best.json")
    plt.switch_backend("agg")
    logging.getLogger("matplotlib.category").setLevel(
        logging.WARNING
    )  # it warns about categories that look like numbers
    plotters: dict[str, Any] = {
        "history": plots.plot_optimization_history,
        "importances": plots.plot_param_importances,
        "slice": plots.plot_slice,
    }
    for name, plot in plotters.items():
        with plt.style.context("default"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the plots are experimental, and of few trials
            plot(study, target_name="validation loss")
            mlflow.log_figure(plt.gcf(), f"{name}.png", save_kwargs={"bbox_inches": "tight"})
            plt.close()
