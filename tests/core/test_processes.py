"""Worker processes, started by programs that cannot be imported again."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os
from pipelines.core.processes import process_pool

if __name__ != "__main__":
    raise RuntimeError("imported again, as a task of Airflow must not be")
with process_pool(2) as pool:
    results = [pool.submit(os.getppid) for _ in range(4)]
    print({result.result() for result in results} == {os.getpid()})
"""


def test_a_program_that_cannot_be_imported_again_has_workers(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "True\n", done.stderr
