"""What a training leaves in MLflow: one run, however often the training had to start again."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from mlflow.exceptions import MlflowException  # noqa: TID253 (imported only to train)
from transformers import TrainerCallback, TrainerControl, TrainerState  # noqa: TID253

from pipelines import progress
from pipelines.artifacts import DatasetVersion
from pipelines.files import write_text
from pipelines.plan import TrainingPlan
from pipelines.tracking import git_commit, lost, reached, tracking

STEP_METRICS = ("loss", "learning_rate", "grad_norm", "num_input_tokens_seen", "tokens_per_second", "rss_mib")


@contextmanager
def held_run(plan: TrainingPlan, memory: Path, **told: Any) -> Iterator[tuple[Any, str, bool]]:
    """Hold an MLflow run open: the one that the file `memory` names, or a new one, in the run that is open already.

    Args:
        told: further arguments of mlflow.start_run.

    Yields:
        The mlflow library, the run's id, and whether it is an earlier one.

    Raises:
        Unavailable: the server was lost, after MLflow's own retries.
    """
    mlflow = tracking()
    with reached(f"{plan.template} was trained"):
        mlflow.set_experiment(plan.template)
        remembered = memory.read_text() if memory.exists() and alive(mlflow, memory.read_text()) else None
        with mlflow.start_run(run_id=remembered, nested=True, **told) as run:
            write_text(memory, run.info.run_id)
            yield mlflow, run.info.run_id, bool(remembered)


@contextmanager
def journal(
    dataset: DatasetVersion, splits: dict[str, Any], plan: TrainingPlan, memory: Path, trial: str = ""
) -> Iterator["Journal"]:
    """Hold the MLflow run of a training open; see held_run.

    Args:
        trial: what the run is called where it is one of a tuning.
    """
    with held_run(
        plan,
        memory,
        run_name=trial or dataset.tag,
        description=f"{plan.base.model} ({plan.base.quantisation}) under LoRA of rank {plan.train.lora_rank}, "
        f"trained on {len(splits['train'])} rows of {dataset.tag}, held against {len(splits['heldout'])}.",
        log_system_metrics=True,
    ) as (mlflow, run_id, remembered):
        mlflow.log_params(plan.flat())
        mlflow.log_dict(plan.model_dump(), "plan.json")
        mlflow.set_tags(run_tags(dataset, plan))
        if not remembered:
            log_inputs(mlflow, dataset, splits)
            if dataset.report and Path(dataset.report).exists():
                mlflow.log_artifacts(dataset.report, "data")
        yield Journal(mlflow, run_id, plan, trial or "fine_tune")


def run_tags(dataset: DatasetVersion, plan: TrainingPlan) -> dict[str, str]:
    return {
        "template": plan.template,
        "dataset": dataset.tag,
        "dataset_digest": dataset.digest,
        "plan_digest": plan.digest(),
        "base_model": plan.base.model,
        "git_commit": git_commit(),
    }


def alive(mlflow: Any, run_id: str) -> bool:
    """Whether this server has the run, and nobody has deleted it."""
    try:
        return mlflow.get_run(run_id).info.lifecycle_stage == "active"
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False


def log_inputs(mlflow: Any, dataset: DatasetVersion, splits: dict[str, Any]) -> None:
    import pandas as pd

    for split, rows in splits.items():
        table = pd.DataFrame(rows)[["instruction", "input", "output"]]
        source = str(Path(dataset.uri) / f"{split}.jsonl")
        data = mlflow.data.from_pandas(
            table, source=source, targets="output", name=f"{dataset.tag}/{split}", digest=dataset.digest[:32]
        )
        mlflow.log_input(data, context=split)


class Journal(TrainerCallback):
    """Every optimiser step to MLflow and to whoever is watching; a lost server stops training at a checkpoint."""

    def __init__(self, mlflow: Any, run_id: str, plan: TrainingPlan, stage: str) -> None:
        self.mlflow, self.run_id, self.plan, self.stage = mlflow, run_id, plan, stage
        self.logged = max((m.step for m in mlflow.MlflowClient().get_metric_history(run_id, "loss")), default=0)
        self.process = psutil.Process()
        self.lost: Exception | None = None

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.clock, self.tokens = time.monotonic(), state.num_input_tokens_seen

    def on_log(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        step = state.log_history[-1]
        if "loss" not in step:  # the summary after the last step
            return
        now, tokens = time.monotonic(), state.num_input_tokens_seen
        speed = (tokens - self.tokens) / (now - self.clock)
        minutes = (state.max_steps - state.global_step) * (now - self.clock) / 60
        self.clock, self.tokens = now, tokens
        step |= {"tokens_per_second": speed, "rss_mib": self.process.memory_info().rss / 2**20}
        note = f"loss {step['loss']:.3f}, {speed:.0f} tokens/s, about {minutes:.0f} min left"
        progress.report(self.plan.template, self.stage, state.global_step, state.max_steps, note)
        try:
            # Not this step alone: those that an earlier start did, and could not log, are in the history too.
            for entry in state.log_history:
                if "loss" in entry and entry["step"] > self.logged:
                    self.mlflow.log_metrics({key: entry[key] for key in STEP_METRICS}, step=entry["step"])
                    self.logged = entry["step"]
        except Exception as error:
            if not lost(error):
                raise
            self.lost = error
            control.should_save = control.should_training_stop = True

    def close(self, history: list[dict[str, Any]], figures: dict[str, float]) -> None:
        """Log what is known at the end: figures, and the curve of the loss."""
        self.mlflow.log_metrics(figures)
        self.mlflow.log_figure(curve([entry for entry in history if "loss" in entry]), "training.png")


def curve(steps: list[dict[str, Any]]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    loss = figure.subplots()
    rate = loss.twinx()
    numbers = [entry["step"] for entry in steps]
    loss.plot(numbers, [entry["loss"] for entry in steps], color="#1f6feb")
    rate.plot(numbers, [entry["learning_rate"] for entry in steps], color="#b0b7c3", zorder=0)
    loss.set(xlabel="optimiser step", ylabel="loss (nats an answer token)", ylim=(0, None))
    rate.set(ylabel="learning rate", ylim=(0, None))
    return figure
