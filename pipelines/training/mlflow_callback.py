"""What a training leaves in MLflow: one run, however often the training had to start again."""

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

REWARD_METRICS = ("rewards/margins", "rewards/accuracies", "rewards/chosen", "rewards/rejected")  # of pairs of answers
STEP_METRICS = (
    *("loss", "learning_rate", "grad_norm", "num_input_tokens_seen", "tokens_per_second", "rss_mib"),
    *REWARD_METRICS,
)
LOG_BATCH_LIMIT = 1_000  # MLflow takes no more
DPO_PREFIX = "preference/"  # before the names of a preference training's figures: they stand beside those before it


@contextmanager
def open_run(plan: TrainingPlan, memory: Path, **told: Any) -> Iterator[tuple[Any, str, bool]]:
    """Hold an MLflow run open: the one that the file `memory` names, or a new one, in the run that is open already.

    Args:
        told: further arguments of mlflow.start_run.

    Yields:
        The mlflow library, the run's id, and whether it is an earlier one.

    Raises:
        Unavailable: the server was lost, after MLflow's own retries.
    """
    mlflow = connect_mlflow()
    with translate_mlflow_error(f"{plan.template} was trained"):
        mlflow.set_experiment(plan.template)
        remembered = memory.read_text() if memory.exists() and is_active_run(mlflow, memory.read_text()) else None
        with mlflow.start_run(run_id=remembered, nested=True, **told) as run:
            write_text(memory, run.info.run_id)
            yield mlflow, run.info.run_id, bool(remembered)


@contextmanager
def open_training_run(
    dataset: DatasetVersion,
    splits: dict[str, Any],
    plan: TrainingPlan,
    memory: Path,
    trial: str = "",
    report: DataReport | None = None,
) -> Iterator["MLflowCallback"]:
    """Hold the MLflow run of a training open; see held_run.

    Args:
        trial: what the run is called where it is one of a tuning.
        report: how the dataset came about; logged to the run under `data/`, where it describes this dataset.
    """
    with open_run(
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
            log_splits(mlflow, dataset, splits)
            if report and report.describes(dataset) and Path(report.uri).exists():
                mlflow.log_artifacts(report.uri, "data")
        yield MLflowCallback(mlflow, run_id, plan, trial or "fine_tune")


@contextmanager
def open_dpo_run(
    adapter: Adapter,
    dataset: DatasetVersion,
    splits: dict[str, Any],
    preferences: PreferenceDataset,
    plan: TrainingPlan,
    memory: Path,
    report: DataReport | None = None,
) -> Iterator["MLflowCallback"]:
    """Hold the run of a preference training open, inside the run of the training that it goes on from.

    It takes that run's figures over: a version that is registered from it shows both trainings.
    """
    pairs = f"{preferences.name}@v{preferences.version}"
    with open_training_run(dataset, splits, plan, memory, f"{dataset.tag} and {pairs}", report) as diary:
        mlflow, client = diary.mlflow, diary.mlflow.MlflowClient()
        if "preferences" not in client.get_run(diary.run_id).data.tags:
            if is_active_run(mlflow, adapter.run_id):
                copy_run_metrics(client, adapter.run_id, diary.run_id)
                mlflow.set_tag("mlflow.parentRunId", adapter.run_id)
            file = Path(preferences.uri) / "preferences.jsonl"
            rows = [row | {"prompt": canonical_json(row["prompt"])} for row in read_jsonl(file)]
            log_rows_as_input(
                mlflow, rows, ["prompt", "rejected", "chosen"], file, pairs, preferences.digest, "preference"
            )
            mlflow.set_tags({"preferences": pairs, "preferences_digest": preferences.digest})  # last: it is complete
        note = f"The adapter of {dataset.tag}, trained on with {preferences.rows} pairs (DPO), of {pairs}."
        mlflow.set_tag("mlflow.note.content", note)
        yield MLflowCallback(mlflow, diary.run_id, plan, "train_dpo", DPO_PREFIX)


def copy_run_metrics(client: Any, before: str, run_id: str) -> None:
    """Copy a finished run's figures, step by step, and its picture."""
    figures = client.get_run(before).data.metrics
    trained = [name for name in figures if not name.startswith("system/")]
    history = [metric for name in trained for metric in client.get_metric_history(before, name)]
    for begin in range(0, len(history), LOG_BATCH_LIMIT):
        client.log_batch(run_id, metrics=history[begin : begin + LOG_BATCH_LIMIT])
    client.log_metric(run_id, f"{DPO_PREFIX}heldout_loss_before", figures["heldout_loss"])
    with TemporaryDirectory() as folder:
        client.log_artifact(run_id, client.download_artifacts(before, "training.png", folder))


def run_tags(dataset: DatasetVersion, plan: TrainingPlan) -> dict[str, str]:
    return {
        "template": plan.template,
        "dataset": dataset.tag,
        "dataset_digest": dataset.digest,
        "plan_digest": plan.digest(),
        "base_model": plan.base.model,
        "git_commit": git_commit(),
    }


def is_active_run(mlflow: Any, run_id: str) -> bool:
    """Whether this server has the run, and nobody has deleted it."""
    try:
        return mlflow.get_run(run_id).info.lifecycle_stage == "active"
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False


def log_splits(mlflow: Any, dataset: DatasetVersion, splits: dict[str, Any]) -> None:
    for split, rows in splits.items():
        file, columns = Path(dataset.uri) / f"{split}.jsonl", ["instruction", "input", "output"]
        log_rows_as_input(mlflow, rows, columns, file, f"{dataset.tag}/{split}", dataset.digest, split)


def log_rows_as_input(
    mlflow: Any, rows: list[dict[str, Any]], columns: list[str], file: Path, name: str, digest: str, context: str
) -> None:
    """Tell the open run which rows it is trained on or held against; the last of the columns is what is learnt."""
    import pandas as pd

    table = pd.DataFrame(rows)[columns]
    data = mlflow.data.from_pandas(table, source=str(file), targets=columns[-1], name=name, digest=digest[:32])
    mlflow.log_input(data, context=context)


class MLflowCallback(TrainerCallback):
    """Every optimiser step to MLflow and to whoever is watching; a lost server stops training at a checkpoint."""

    def __init__(self, mlflow: Any, run_id: str, plan: TrainingPlan, stage: str, prefix: str = "") -> None:
        self.mlflow, self.run_id, self.plan, self.stage, self.prefix = mlflow, run_id, plan, stage, prefix
        known = mlflow.MlflowClient().get_metric_history(run_id, f"{prefix}loss")
        self.logged = max((metric.step for metric in known), default=0)
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
            # Not this step alone: those that an earlier start did, and could not log, are in the history too.
            for entry in state.log_history:
                if "loss" in entry and entry["step"] > self.logged:
                    figures = {f"{self.prefix}{key}": entry[key] for key in entry if key in STEP_METRICS}
                    self.mlflow.log_metrics(figures, step=entry["step"])
                    self.logged = entry["step"]
        except Exception as error:
            if not is_connection_lost(error):
                raise
            self.lost = error
            control.should_save = control.should_training_stop = True

    def close(self, history: list[dict[str, Any]], figures: dict[str, float]) -> None:
        """Log what is known at the end: figures, and the curve of the loss."""
        self.mlflow.log_metrics(figures)
        steps = [entry for entry in history if "loss" in entry]
        self.mlflow.log_figure(plot_loss_curve(steps), f"{self.prefix.strip('/') or 'training'}.png")


def plot_loss_curve(steps: list[dict[str, Any]]) -> Any:
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
