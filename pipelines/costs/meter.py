"""Measures what a stage uses and costs, and writes it into the database, however the stage ends."""

import logging
import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from pipelines.core.artifacts import Export
from pipelines.core.errors import WeaverError
from pipelines.core.params import load_cost_rates
from pipelines.core.plan import TrainingPlan
from pipelines.costs import log_costs
from pipelines.costs.cost_store import HEARTBEAT_SECONDS, StageExecution, identify_process, save_row
from pipelines.costs.energy import GpuMeter, load_machine

log = logging.getLogger(__name__)


@contextmanager
def measure_costs(plan: TrainingPlan, stage: str, run: str = "") -> Iterator["CostMeter"]:
    """Measure the block as an execution of a stage, however it ends. A database that cannot be written stops nothing.

    Args:
        run: the Airflow run that it belongs to.
    """
    meter = CostMeter(plan, stage, run)
    try:
        with meter.heartbeat():
            yield meter
    except BaseException:
        meter.end("failed")
        raise
    meter.end("done")


class CostMeter:
    """What an execution has used since the meter was made."""

    def __init__(self, plan: TrainingPlan, stage: str, run: str) -> None:
        self.started, self.cpu_before, self.gpus = time.monotonic(), read_cpu_seconds(), GpuMeter()
        self.execution = StageExecution(
            template=plan.template,
            stage=stage,
            process=identify_process(),
            run=run,
            plan=plan.digest(),
            model=plan.base.model,
        )

    def attach_mlflow_run(self, *artifacts: Any) -> None:
        """Take the MLflow run of the training from the first artifact that has one."""
        for artifact in artifacts:
            source = artifact.adapter if isinstance(artifact, Export) else artifact
            if run_id := getattr(source, "run_id", ""):
                self.execution.mlflow_run = run_id
                return

    def end(self, state: Literal["done", "failed"]) -> None:
        """Write the execution for the last time, and log what it cost."""
        self.write(state)
        if state == "done" and self.execution.mlflow_run:
            log_costs.log_run_costs(self.execution)
        log.info("%s", describe_execution(self.execution))

    def write(self, state: str, started: bool = True) -> None:
        """Write what was used until now."""
        try:
            for name, value in (self.measure() if started else {}).items():
                setattr(self.execution, name, value)
            self.execution.state = state
            save_row(self.execution)
        except WeaverError as error:
            log.warning("the costs of %s are not stored: %s", self.execution.stage, error)

    def measure(self) -> dict[str, float]:
        """The columns of `StageExecution` that grow while it runs."""
        seconds, cpu = time.monotonic() - self.started, read_cpu_seconds() - self.cpu_before
        gpu, rate = seconds * count_gpus_in_use(), load_cost_rates()
        machine = load_machine(seconds)
        energy = machine.energy_kwh(seconds, cpu, self.gpus.read_kwh(seconds))
        return {
            "seconds": seconds,
            "cpu_seconds": cpu,
            "gpu_seconds": gpu,
            "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "energy_kwh_estimated": energy,
            "co2_kg_estimated": energy * machine.co2_kg_per_kwh,
            "cost": (seconds * rate.machine_hour + gpu * rate.gpu_hour) / 3600 + energy * rate.kwh,
        }

    @contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Write now, and every minute from another thread."""
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(HEARTBEAT_SECONDS):
                self.write("running")

        thread = threading.Thread(target=beat, name="costs", daemon=True)
        self.write("running", started=False)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def read_cpu_seconds() -> float:
    """CPU seconds of this process, and of its children as far as they have ended and were waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def count_gpus_in_use() -> int:
    """GPUs that this process may use, once it has initialised CUDA."""
    torch = sys.modules.get("torch")  # a stage that has not loaded it uses none
    return torch.cuda.device_count() if torch and torch.cuda.is_initialized() else 0


def describe_execution(execution: StageExecution) -> str:
    """A line for the log."""
    return (
        f"{execution.stage} {execution.state}: {execution.seconds:.1f} s, {execution.cpu_seconds:.1f} CPU s, "
        f"cost {execution.cost:.6f}"
    )
