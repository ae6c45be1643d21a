"""MLflow logging of a training: one run, however often the training is resumed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from mlflow.exceptions import MlflowException  # noqa: TID253 (imported only to train)
from transformers import TrainerCallback, TrainerControl, TrainerState  # noqa: TID253

from pipelines.clients.mlflow import connect_mlflow, git_commit, is_connection_lost, translate_mlflow_error
from pipelines.core import progress
from pipelines.core.artifacts import Adapter, DataReport, DatasetVersion, PreferenceDataset
from pipelines.core.files import canonical_json, read_jsonl, write_text
from pipelines.core.plan import TrainingPlan
from pipelines.text.counts import format_count

REWARD_METRICS = ("rewards/margins", "rewards/accuracies", "rewards/chosen", "rewards/rejected")  # DPO only
STEP_METRICS = (
    *("loss", "learning_rate", "grad_norm", "num_input_tokens_seen", "tokens_per_second", "rss_mib"),
    *REWARD_METRICS,
)
LOG_BATCH_LIMIT = 1_000  # metrics per request that MLflow accepts
DPO_PREFIX = "dpo/"  # of the metrics of a DPO training, which are logged beside those of the training before it


@contextmanager
def open_run(plan: TrainingPlan, run_id_file: Path, **arguments: Any) -> Iterator[tuple[Any, str, bool]]:
    """Open an MLflow run: the one named in `run_id_file`, or a new one; nested in the run that is open already, if any.

    Args:
        plan: its template names the experiment.
        run_id_file: where the run's id is kept, so that a resumed training continues its run.
        arguments: passed on to mlflow.start_run.

    Yields:
        The mlflow library, the run's id, and whether the run was resumed.

    Raises:
        Unavailable: the connection to the server was lost, after MLflow's own retries.
    """
    mlflow = connect_mlflow()
    with translate_mlflow_error(f"{plan.template} was trained"):
        mlflow.set_experiment(plan.template)
        resumed = run_id_file.read_text() if run_id_file.exists() else ""
        if resumed and not is_active_run(mlflow, resumed):
            resumed = ""
        with mlflow.start_run(run_id=resumed or None, nested=True, **arguments) as run:
            write_text(run_id_file, run.info.run_id)
            yield mlflow, run.info.run_id, bool(resumed)


@contextmanager
def open_training_run(
    dataset: DatasetVersion,
    splits: dict[str, Any],
    plan: TrainingPlan,
    run_id_file: Path,
    run_name: str = "",
    report: DataReport | None = None,
) -> Iterator["MLflowCallback"]:
    """Open the MLflow run of a training, with its parameters, tags and datasets logged; see open_run.

    Args:
        splits: the rows of train and heldout.
        run_name: of a tuning trial or a DPO training; the dataset's tag if not given.
        report: how the dataset was made; logged under `data/` if it describes this dataset.

    Yields:
        The callback that logs the training's steps.
    """
    with open_run(
        plan,
        run_id_file,
        run_name=run_name or dataset.tag,
        description=f"{plan.base.model} ({plan.base.quantisation}) with LoRA of rank {plan.train.lora_rank}, "
        f"trained on {format_count(len(splits['train']), 'row')} of {dataset.tag}; "
        f"{format_count(len(splits['heldout']), 'more row')} held out.",
        log_system_metrics=True,
    ) as (mlflow, run_id, resumed):
        mlflow.log_params(plan.flat())
        mlflow.log_dict(plan.model_dump(), "plan.json")
        mlflow.set_tags(run_tags(dataset, plan))
        if not resumed:
            log_splits(mlflow, dataset, splits)
            if report and report.describes(dataset) and Path(report.uri).exists():
                mlflow.log_artifacts(report.uri, "data")
        yield MLflowCallback(mlflow, run_id, plan, run_name or "fine_tune")


@contextmanager
def open_dpo_run(
    adapter: Adapter,
    dataset: DatasetVersion,
    splits: dict[str, Any],
    preferences: PreferenceDataset,
    plan: TrainingPlan,
    run_id_file: Path,
    report: DataReport | None = None,
) -> Iterator["MLflowCallback"]:
    """Open the MLflow run of a DPO training, as a child of the run that trained `adapter`.

    The parent's metrics are copied: a version that is registered from the run shows both trainings.

    Yields:
        The callback that logs the training's steps, under the prefix dpo/.
    """
    pairs = preferences.tag
    with open_training_run(dataset, splits, plan, run_id_file, f"{dataset.tag} and {pairs}", report) as callback:
        mlflow, client = callback.mlflow, callback.mlflow.MlflowClient()
        if "preference_dataset" not in client.get_run(callback.run_id).data.tags:
            if is_active_run(mlflow, adapter.run_id):
                copy_run_metrics(client, adapter.run_id, callback.run_id)
                mlflow.set_tag("mlflow.parentRunId", adapter.run_id)
            file = Path(preferences.uri) / "preferences.jsonl"
            rows = [row | {"prompt": canonical_json(row["prompt"])} for row in read_jsonl(file)]
            log_rows_as_input(
                mlflow, rows, ["prompt", "rejected", "chosen"], file, pairs, preferences.digest, "preference"
            )
            tags = {"preference_dataset": pairs, "preference_dataset_digest": preferences.digest}
            mlflow.set_tags(tags)  # last: they mark the copy as complete
        answer_pairs = format_count(preferences.rows, "answer pair")
        note = f"The adapter of {dataset.tag}, trained further by DPO on {answer_pairs} of {pairs}."
        mlflow.set_tag("mlflow.note.content", note)
        yield MLflowCallback(mlflow, callback.run_id, plan, "train_dpo", DPO_PREFIX)


def copy_run_metrics(client: Any, source_run_id: str, run_id: str) -> None:
    """Copy the metrics of a finished run, step by step, and its loss curve into another run."""
    metrics = client.get_run(source_run_id).data.metrics
    names = [name for name in metrics if not name.startswith("system/")]
    history = [metric for name in names for metric in client.get_metric_history(source_run_id, name)]
    for begin in range(0, len(history), LOG_BATCH_LIMIT):
        client.log_batch(run_id, metrics=history[begin : begin + LOG_BATCH_LIMIT])
    client.log_metric(run_id, f"{DPO_PREFIX}heldout_loss_before", metrics["heldout_loss"])
    with TemporaryDirectory() as folder:
        client.log_artifact(run_id, client.download_artifacts(source_run_id, "training.png", folder))


def run_tags(dataset: DatasetVersion, plan: TrainingPlan) -> dict[str, str]:
    """The tags by which a training run is found: template, dataset, plan, base model and commit."""
    return {
        "template": plan.template,
        "dataset": dataset.tag,
        "dataset_digest": dataset.digest,
        "plan_digest": plan.digest(),
        "base_model": plan.base.model,
        "git_commit": git_commit(),
    }


def is_active_run(mlflow: Any, run_id: str) -> bool:
    """Whether this MLflow server has the run and it is not deleted."""
    try:
        return bool(mlflow.get_run(run_id).info.lifecycle_stage == "active")
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False


def log_splits(mlflow: Any, dataset: DatasetVersion, splits: dict[str, Any]) -> None:
    """Log the splits of a dataset as inputs of the open run."""
    for split, rows in splits.items():
        file, columns = Path(dataset.uri) / f"{split}.jsonl", ["instruction", "input", "output"]
        log_rows_as_input(mlflow, rows, columns, file, f"{dataset.tag}/{split}", dataset.digest, split)


def log_rows_as_input(
    mlflow: Any, rows: list[dict[str, Any]], columns: list[str], file: Path, name: str, digest: str, context: str
) -> None:
    """Log rows as a dataset input of the open run.

    Args:
        columns: of the rows; the last one is the target.
        file: where the rows come from.
        context: train, heldout or preference.
    """
    import pandas as pd

    table = pd.DataFrame(rows)[columns]
    data = mlflow.data.from_pandas(table, source=str(file), targets=columns[-1], name=name, digest=digest[:32])
    mlflow.log_input(data, context=context)


class MLflowCallback(TrainerCallback):
    """Logs every optimiser step to MLflow and to the progress display.

    If the connection to MLflow is lost, it saves a checkpoint and stops training; the error is then in `lost`.

    Args:
        stage: the name shown in the progress display.
        prefix: put before the metrics' names.
    """

    def __init__(self, mlflow: Any, run_id: str, plan: TrainingPlan, stage: str, prefix: str = "") -> None:
        self.mlflow, self.run_id, self.plan, self.stage, self.prefix = mlflow, run_id, plan, stage, prefix
        history = mlflow.MlflowClient().get_metric_history(run_id, f"{prefix}loss")
        self.logged = max((metric.step for metric in history), default=0)
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
        progress.report_progress(self.plan.template, self.stage, state.global_step, state.max_steps, note)
        try:
            # Not this step alone: the history also has steps that were trained before a kill and not logged.
            for entry in state.log_history:
                if "loss" in entry and entry["step"] > self.logged:
                    metrics = {f"{self.prefix}{key}": entry[key] for key in entry if key in STEP_METRICS}
                    self.mlflow.log_metrics(metrics, step=entry["step"])
                    self.logged = entry["step"]
        except Exception as error:
            if not is_connection_lost(error):
                raise
            self.lost = error
            control.should_save = control.should_training_stop = True

    def log_summary(self, history: list[dict[str, Any]], metrics: dict[str, float]) -> None:
        """Log the metrics of the whole training, and the loss curve.

        Args:
            history: the trainer's log history.
        """
        self.mlflow.log_metrics(metrics)
        steps = [entry for entry in history if "loss" in entry]
        self.mlflow.log_figure(plot_loss_curve(steps), f"{self.prefix.strip('/') or 'training'}.png")


def plot_loss_curve(steps: list[dict[str, Any]]) -> Any:
    """A matplotlib figure of loss and learning rate over optimiser steps.

    Args:
        steps: log entries with step, loss and learning_rate.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    loss = figure.subplots()
    rate = loss.twinx()
    numbers = [entry["step"] for entry in steps]
    loss.plot(numbers, [entry["loss"] for entry in steps], color="#1f6feb")
    rate.plot(numbers, [entry["learning_rate"] for entry in steps], color="#b0b7c3", zorder=0)
    loss.set(xlabel="optimiser step", ylabel="loss (nats per answer token)", ylim=(0, None))
    rate.set(ylabel="learning rate", ylim=(0, None))
    return figure
