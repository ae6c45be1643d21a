"""The meter: what runs in here is written into the ledger of costs, however it ends."""

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
from pipelines.costs.cost_store import Execution, keep, this_process
from pipelines.costs.energy import Gpus, machine

BEAT = 60.0  # seconds between two entries of a stage that runs: what is missing of one that is killed
log = logging.getLogger(__name__)


@contextmanager
def metered(plan: TrainingPlan, stage: str, run: str = "") -> Iterator["Meter"]:
    """Count what is done in here as an execution of a stage. A ledger that cannot be written stops nothing.

    Args:
        run: the Airflow run that it belongs to.
    """
    meter = Meter(plan, stage, run)
    try:
        with meter.beating():
            yield meter
    except BaseException:
        meter.end("failed")
        raise
    meter.end("done")


class Meter:
    def __init__(self, plan: TrainingPlan, stage: str, run: str) -> None:
        self.clock, self.processor, self.gpus = time.monotonic(), processor_seconds(), Gpus()
        self.execution = Execution(
            template=plan.template,
            stage=stage,
            process=this_process(),
            run=run,
            plan=plan.digest(),
            model=plan.base.model,
        )

    def belongs_to(self, *artifacts: Any) -> None:
        """Learn the MLflow run of the training from artifacts that know it; an incumbent knows that of another one."""
        for artifact in artifacts:
            told = artifact.adapter if isinstance(artifact, Export) else artifact
            if run_id := getattr(told, "run_id", ""):
                self.execution = self.execution.model_copy(update={"mlflow_run": run_id})
                return

    def end(self, state: Literal["done", "failed"]) -> None:
        self.write(state)
        if state == "done" and self.execution.mlflow_run:
            log_costs.publish(self.execution)
        log.info("%s", told(self.execution))

    def write(self, state: str, begun: bool = True) -> None:
        """Enter what was used until now."""
        try:
            used = self.used() if begun else {}
            self.execution = self.execution.model_copy(update=used | {"state": state})
            keep(self.execution)
        except WeaverError as error:
            log.warning("what %s costs is not kept: %s", self.execution.stage, error)

    def used(self) -> dict[str, float]:
        seconds, cpu = time.monotonic() - self.clock, processor_seconds() - self.processor
        gpu, rate = seconds * gpus_in_use(), load_cost_rates()
        here = machine(seconds)
        energy = here.energy(seconds, cpu, self.gpus.kwh(seconds))
        return {
            "seconds": seconds,
            "cpu_seconds": cpu,
            "gpu_seconds": gpu,
            "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "energy_kwh_estimated": energy,
            "co2_kg_estimated": energy * here.kg_a_kwh,
            "cost": (seconds * rate.machine_hour + gpu * rate.gpu_hour) / 3600 + energy * rate.kwh,
        }

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Write now, and every minute from a thread of its own."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(BEAT):
                self.write("running")

        thread = threading.Thread(target=beat, name="costs", daemon=True)
        self.write("running", begun=False)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def processor_seconds() -> float:
    """Of this process, and of its children as far as they have ended and were waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def gpus_in_use() -> int:
    torch = sys.modules.get("torch")  # a stage that has not loaded it uses none
    return torch.cuda.device_count() if torch and torch.cuda.is_initialized() else 0


def told(execution: Execution) -> str:
    return (
        f"{execution.stage} {execution.state}: {execution.seconds:.1f} s, {execution.cpu_seconds:.1f} processor s, "
        f"cost {execution.cost:.6f}"
    )
