"""What a training's run has cost until now, in its MLflow run: metrics, and a row a stage in costs.json."""

import logging
import sys
import time

from pipelines.clients.mlflow import connect_mlflow
from pipelines.core.errors import WeaverError
from pipelines.costs.cost_store import Execution, executions

log = logging.getLogger(__name__)

FIGURES = ("seconds", "cpu_seconds", "gpu_seconds", "energy_kwh_estimated", "co2_kg_estimated", "cost")
COLUMNS = ("stage", "state", *FIGURES, "peak_rss_mib", "at", "run", "model")


def publish(last: Execution) -> None:
    """Log what all stages of the run took. A stage that has not loaded MLflow leaves it to the next one that has:
    loading it takes seconds. A server that is away stops nothing, nor does a run that somebody deleted."""
    if "mlflow" not in sys.modules:
        return
    from mlflow.entities import Metric
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    try:
        together = belonging(last)
        client, now = connect_mlflow().MlflowClient(), round(time.time() * 1000)
        sums = [Metric(name, value, now, 0) for name, value in metrics(together).items()]
        client.log_batch(last.mlflow_run, metrics=sums)
        rows = [[one.model_dump()[column] for column in COLUMNS] for one in together]
        client.log_dict(last.mlflow_run, {"columns": COLUMNS, "data": rows}, "costs.json")
    except (MlflowException, RequestException, WeaverError) as error:
        log.warning("what %s costs is not in MLflow: %s", last.stage, error)


def belonging(last: Execution) -> list[Execution]:
    """The executions of the same run: of Airflow's, and those that are known to be of the same training."""
    found = executions(mlflow_run=last.mlflow_run)
    if last.run:
        known = {one.id for one in found}
        found += [one for one in executions(run=last.run, template=last.template) if one.id not in known]
    return sorted(found, key=lambda one: one.at)


def metrics(together: list[Execution]) -> dict[str, float]:
    """Sums over all, and the cost of each stage."""
    sums = {name: sum(getattr(one, name) for one in together) for name in FIGURES if name != "seconds"}
    for one in together:
        sums[f"cost.{one.stage}"] = sums.get(f"cost.{one.stage}", 0.0) + one.cost
    return sums
