"""What a training run has cost until now, in its MLflow run: metrics, and a row per stage in costs.json."""

import logging
import sys
import time

from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.errors import WeaverError
from pipelines.costs.cost_store import StageExecution, read_executions

log = logging.getLogger(__name__)

METRICS = ("seconds", "cpu_seconds", "gpu_seconds", "energy_kwh_estimated", "co2_kg_estimated", "cost")
COLUMNS = ("stage", "state", *METRICS, "peak_rss_mib", "at", "run", "model")


def log_run_costs(last: StageExecution) -> None:
    """Log what all stages of the run cost. A stage that has not loaded MLflow leaves it to the next one that has:
    loading it takes seconds. It fails neither where MLflow does not answer nor where the run was deleted."""
    if "mlflow" not in sys.modules:
        return
    from mlflow.entities import Metric
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    try:
        executions = find_related_executions(last)
        client, now = connect_mlflow().MlflowClient(), round(time.time() * 1000)
        metrics = [Metric(name, value, now, 0) for name, value in sum_metrics(executions).items()]
        client.log_batch(last.mlflow_run, metrics=metrics)
        rows = [[getattr(execution, column) for column in COLUMNS] for execution in executions]
        client.log_dict(last.mlflow_run, {"columns": COLUMNS, "data": rows}, "costs.json")
    except (MlflowException, RequestException, WeaverError) as error:
        log.warning("the costs of %s are not in MLflow: %s", last.stage, error)


def find_related_executions(last: StageExecution) -> list[StageExecution]:
    """The executions of the same run: those of the same training, and those of the same Airflow run."""
    executions = {row.id: row for row in read_executions(mlflow_run=last.mlflow_run)}
    if last.run:
        executions |= {row.id: row for row in read_executions(run=last.run, template=last.template)}
    return sorted(executions.values(), key=lambda row: row.at)


def sum_metrics(executions: list[StageExecution]) -> dict[str, float]:
    """Sums over all, and the cost of each stage."""
    sums = {name: sum(getattr(row, name) for row in executions) for name in METRICS if name != "seconds"}
    for row in executions:
        sums[f"cost.{row.stage}"] = sums.get(f"cost.{row.stage}", 0.0) + row.cost
    return sums
