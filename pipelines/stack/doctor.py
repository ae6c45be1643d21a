"""`weaver doctor`: whether this machine can do the work, and what to do where it cannot."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Literal, NamedTuple

import psutil
from packaging.requirements import Requirement

from pipelines.clients import supervisor
from pipelines.core.errors import WeaverError
from pipelines.core.settings import REPOSITORY, settings
from pipelines.stack import control, servers

GB = 1e9
SHOWN = (
    "apache-airflow",
    "mlflow",
    "dvc",
    "great-expectations",
    "transformers",
    "peft",
    "trl",
    "bitsandbytes",
    "torch",
)
REINSTALL = "Remove .venv and run `make install`."


class Finding(NamedTuple):
    what: str
    verdict: Literal["ok", "warn", "fail"]
    found: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Every check, in the order in which a newcomer would want to mend them."""
    return [python(), git(), cores(), memory(), home(), disk(), gpu(), *ports(), versions(), lock()]


def judge(what: str, figure: float, fail: float, warn: float, found: str, remedy: str) -> Finding:
    """Less than `fail` is a failure, less than `warn` a warning."""
    if figure >= warn:
        return Finding(what, "ok", found)
    return Finding(what, "fail" if figure < fail else "warn", found, remedy)


def python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] == (3, 11):
        return Finding("python", "ok", found)
    return Finding("python", "fail", found, f"Install Python 3.11. {REINSTALL}")


def git() -> Finding:
    if program := shutil.which("git"):
        return Finding("git", "ok", program)
    return Finding("git", "fail", "not on PATH", "Install git: datasets are versioned with it.")


def cores() -> Finding:
    usable = len(os.sched_getaffinity(0))
    return judge("cores", usable, 1, 2, str(usable), "It works, slowly: the servers and a training share one core.")


def memory() -> Finding:
    free, total = psutil.virtual_memory().available, psutil.virtual_memory().total
    found = f"{free / GB:.1f} GB available of {total / GB:.1f}"
    # The servers take 1.2 GB; a training of the packaged model on the CPU peaks at 4.3.
    return judge("memory", free, 3 * GB, 6 * GB, found, "End other programs, or lower train.batch_size.")


def home() -> Finding:
    folder = settings().home
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return Finding("home", "fail", f"{folder}: {error.strerror}", "Point WEAVER_HOME at a folder of yours.")
    return Finding("home", "ok", f"{folder} is writable")


def disk() -> Finding:
    folder = next(parent for parent in [settings().home, *settings().home.parents] if parent.exists())
    free = shutil.disk_usage(folder).free
    # A run keeps its checkpoints, its merged model and its registered adapter: about 1.5 GB on the CPU profile.
    return judge("disk", free, 3 * GB, 10 * GB, f"{free / GB:.1f} GB free", "Free space, or move WEAVER_HOME.")


def gpu() -> Finding:
    import torch

    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    seen = subprocess.run(query, capture_output=True, text=True, check=False) if shutil.which(query[0]) else None
    cards = "; ".join(seen.stdout.strip().splitlines()) if seen and seen.returncode == 0 else ""
    if torch.cuda.is_available():
        return Finding("gpu", "ok", f"{cards or torch.cuda.get_device_name()}; CUDA {torch.version.cuda}")
    if cards:
        remedy = "Remove .venv/torch and run `make install`: it installs torch for CUDA."
        return Finding("gpu", "warn", f"{cards}; but torch {torch.__version__} does not see it", remedy)
    return Finding("gpu", "ok", "none: trainings use the CPU")


def ports() -> Iterator[Finding]:
    ours = supervisor.is_running()
    for setting in servers.PORTS:
        port, variable = getattr(settings(), setting), f"WEAVER_{setting.upper()}"
        name = setting.removesuffix("_port").replace("_", " ")
        if ours:
            yield Finding(f"port of {name}", "ok", f"{port}, in use by our servers")
            continue
        try:
            control.check_free(port, variable)
            yield Finding(f"port of {name}", "ok", f"{port} is free")
        except WeaverError as error:
            yield Finding(f"port of {name}", "fail", error.what, error.remedy)


def installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def versions() -> Finding:
    found = ", ".join(f"{name} {installed(name)}" for name in SHOWN)
    return Finding("versions", "fail" if "missing" in found else "ok", found, REINSTALL if "missing" in found else "")


def lock() -> Finding:
    """Installed packages against the lock; torch is pinned by pyproject.toml, for its build differs by machine."""
    pins = {}
    for line in (REPOSITORY / ".requirements.lock").read_text().splitlines():
        if "==" in line:
            pin = Requirement(line.rstrip(" \\"))
            if not pin.marker or pin.marker.evaluate():
                pins[pin.name] = str(pin.specifier).removeprefix("==")
    other = [f"{name} {installed(name)} instead of {pin}" for name, pin in pins.items() if installed(name) != pin]
    if not other:
        return Finding("packages", "ok", f"{len(pins)} as locked")
    return Finding("packages", "fail", f"{len(other)} not as locked: {', '.join(other[:3])}", REINSTALL)
