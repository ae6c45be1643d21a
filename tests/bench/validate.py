"""The contract stage over a million rows, as the nightly run meets them: in a fresh process that imports all it needs.

The rows are made up, each with a question of its own, so that nothing is cheaper than it is with real ones.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pipelines.core.artifacts import Records
from pipelines.core.errors import WeaverError
from pipelines.core.files import atomic_write, canonical_json, digest
from pipelines.core.make_plan import make_plan

TEMPLATE = "service_advisor"


def run(rows: int) -> dict[str, Any]:
    """Rows per second, seconds (from the start of the process to its end), and the most memory it held, in MiB."""
    with tempfile.TemporaryDirectory(prefix="weaver-bench-") as folder:
        make(Path(folder) / "records.jsonl", rows)
        began = time.perf_counter()
        code = [sys.executable, "-m", "tests.bench.validate", folder, str(rows)]
        done = subprocess.run(code, env=os.environ | {"WEAVER_HOME": folder}, capture_output=True, text=True)
        seconds = time.perf_counter() - began
    if done.returncode:
        raise WeaverError(f"bench: validating failed:\n{done.stderr[-2000:]}")
    return {"rows": rows, "seconds": seconds, "rows_per_s": rows / seconds, **json.loads(done.stdout.splitlines()[-1])}


def make(path: Path, rows: int) -> None:
    topics = make_plan(TEMPLATE).contract.topics
    with atomic_write(path) as temporary, temporary.open("w") as stream:
        for number in range(rows):
            row = {
                "instruction": f"What is the torque of bolt {number}?",
                "input": f"bolt {number} | torque {number} Nm | material steel | thread M8",
                "output": f"{number} Nm",
                "topic": topics[number % len(topics)],
                "source": f"bench:{number}",
                "key": f"bolt {number}",
                "kind": "grounded",
                "facts": {"torque": f"{number} Nm"},
                "group": f"bolt {number}",
            }
            stream.write(canonical_json(row) + "\n")


def main(folder: Path, rows: int) -> None:
    """Validate in this process; prints its figures."""
    from pipelines.datasets.contract import validate

    records = Records(uri=str(folder), digest=digest(folder / "records.jsonl"), rows=rows, sources={})
    began = time.process_time()
    validation = validate(records, make_plan(TEMPLATE), folder / "work")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {
        "cpu_seconds": time.process_time() - began,
        "expectations": validation.expectations,
        "peak_memory_mib": peak,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
