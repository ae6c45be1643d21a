"""The estimate of a training beside the training itself, each time in a home and a process of its own."""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

from pipelines.core.artifacts import DatasetVersion
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, write_text
from pipelines.core.make_plan import make_plan
from pipelines.costs.cost_store import TrainingForecast, TrainingTiming, read_rows, save_row
from pipelines.training.estimate import BENCHMARK, calibrate, count_parameters, estimate
from tests.bench.train import ROUNDS, TEMPLATE, environment, laid_out, speeds, watched


def run(steps: int = 16, write: bool = False) -> dict[str, Any]:
    """Calibrate, estimate, then train, on rows of the Service Advisor.

    Args:
        write: keep what first estimates scale where they find it.

    Returns:
        errors: of each round's estimate, after a calibration (0.1: a tenth too long), and `spread`, the largest as a
        factor; tokens_per_second: on processors that do nothing else, by the processor time of the rounds' median
        (without padding); fixed_seconds: what is not steps, of the faster round; memory_mib: the highest; and model,
        parameters and cpus that these are of.
    """
    with tempfile.TemporaryDirectory(prefix="weaver-bench-") as scratch:
        options = laid_out(steps, Path(scratch, "data"))
        rounds = [apart(options, Path(scratch)) for _ in range(ROUNDS)]
        plan, cpus = make_plan(TEMPLATE), psutil.cpu_count() or 1
        figures = {
            "model": plan.base.model,
            "parameters": count_parameters(Path(options["base"])),
            "cpus": cpus,
            "tokens_per_second": cpus * statistics.median(speed for _, speed in rounds),
            "fixed_seconds": min(one.seconds - one.step_seconds for one, _ in rounds),
            "memory_mib": max(one.peak_rss_mib for one, _ in rounds),
            "spread": max(max(ratio, 1 / ratio) for ratio in (1 + (one.error or 0) for one, _ in rounds)),
        }
    if write:
        write_text(BENCHMARK, json.dumps(figures, indent=1) + "\n")
    return figures | {"errors": [one.error for one, _ in rounds], "steps": steps}


def apart(options: dict[str, Any], scratch: Path) -> tuple[TrainingTiming, float]:
    """A round in a process of its own: its training, and the tokens per second of processor time."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.estimate", json.dumps(options)],
            env=environment(folder),
            cwd=folder,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise WeaverError(f"bench: the training failed:\n{done.stderr[-2000:]}")
        figures_read = json.loads(Path(folder, "figures.json").read_text())
        return TrainingTiming(**figures_read["training"]), figures_read["tokens_per_cpu_s"]


def main(options: dict[str, Any]) -> None:
    from pipelines.training.fine_tune import fine_tune

    plan = make_plan(TEMPLATE, {"train.max_steps": options["steps"], "base.model": options["base"]})
    data = Path(options["data"])
    dataset = DatasetVersion(name="bench", version=1, uri=str(data), digest=digest(data), rows={})
    calibrate(dataset, plan)
    save_row(
        TrainingForecast(
            template=TEMPLATE, plan=plan.digest(), seconds=estimate(dataset, plan).training_seconds, basis=""
        )
    )
    steps = watched()
    fine_tune(dataset, plan, Path("work").resolve())
    write_text(Path("figures.json"), json.dumps(speeds(steps) | {"training": read_rows(TrainingTiming)[-1].to_dict()}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
