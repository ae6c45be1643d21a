"""`weaver doctor`: checks of this machine, each with what to do if it fails."""

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
from pipelines.core.template_check import find_broken_templates
from pipelines.core.templates import find_template_files
from pipelines.stack import control, servers

GB = 1e9
MAIN_PACKAGES = (
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
    """The result of one check."""

    what: str
    verdict: Literal["ok", "warn", "fail"]
    result: str
    remedy: str = ""


def run_checks() -> list[Finding]:
    """Run every check, in the order in which failures should be fixed."""
    return [
        check_python(),
        check_git(),
        check_cores(),
        check_memory(),
        check_home(),
        check_disk(),
        check_gpu(),
        *check_ports(),
        check_versions(),
        check_lock(),
        check_templates(),
    ]


def compare(what: str, value: float, fail: float, warn: float, result: str, remedy: str) -> Finding:
    """A value below `fail` is a failure, below `warn` a warning."""
    if value >= warn:
        return Finding(what, "ok", result)
    return Finding(what, "fail" if value < fail else "warn", result, remedy)


def check_python() -> Finding:
    """Python's version."""
    result = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] == (3, 11):
        return Finding("python", "ok", result)
    return Finding("python", "fail", result, f"Install Python 3.11. {REINSTALL}")


def check_git() -> Finding:
    """Whether git is installed."""
    if program := shutil.which("git"):
        return Finding("git", "ok", program)
    return Finding("git", "fail", "not on PATH", "Install git; datasets are versioned with it.")


def check_cores() -> Finding:
    """CPU cores that this process may use."""
    usable = len(os.sched_getaffinity(0))
    return compare("cores", usable, 1, 2, str(usable), "One core works, but slowly: servers and training share it.")


def check_memory() -> Finding:
    """Available memory."""
    free, total = psutil.virtual_memory().available, psutil.virtual_memory().total
    result = f"{free / GB:.1f} GB available of {total / GB:.1f}"
    # The servers use 1.2 GB; training the packaged model on the CPU peaks at 4.3 GB.
    return compare("memory", free, 3 * GB, 6 * GB, result, "Close other programs, or reduce train.batch_size.")


def check_home() -> Finding:
    """Whether WEAVER_HOME is writable."""
    folder = settings().home
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return Finding(
            "home", "fail", f"{folder}: {error.strerror}", "Set WEAVER_HOME to a folder that you can write to."
        )
    return Finding("home", "ok", f"{folder} is writable")


def check_disk() -> Finding:
    """Free disk space."""
    folder = next(parent for parent in [settings().home, *settings().home.parents] if parent.exists())
    free = shutil.disk_usage(folder).free
    # A run stores its checkpoints, merged model and registered adapter: about 1.5 GB on the CPU profile.
    return compare(
        "disk",
        free,
        3 * GB,
        10 * GB,
        f"{free / GB:.1f} GB free",
        "Free disk space, or set WEAVER_HOME to a larger disk.",
    )


def check_gpu() -> Finding:
    """Whether torch sees the GPU, if there is one."""
    import torch

    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    process = subprocess.run(query, capture_output=True, text=True, check=False) if shutil.which(query[0]) else None
    cards = "; ".join(process.stdout.strip().splitlines()) if process and process.returncode == 0 else ""
    if torch.cuda.is_available():
        return Finding("gpu", "ok", f"{cards or torch.cuda.get_device_name()}; CUDA {torch.version.cuda}")
    if cards:
        remedy = "Remove .venv/torch and run `make install`: it installs torch for CUDA."
        return Finding("gpu", "warn", f"{cards}; but torch {torch.__version__} does not see it", remedy)
    return Finding("gpu", "ok", "none; training uses the CPU")


def check_ports() -> Iterator[Finding]:
    """Whether the servers' ports are free, or in use by these servers."""
    is_running = supervisor.is_running()
    for setting in servers.PORTS:
        port, variable = getattr(settings(), setting), f"WEAVER_{setting.upper()}"
        name = setting.removesuffix("_port").replace("_", " ")
        if is_running:
            yield Finding(f"port of {name}", "ok", f"{port}, in use by these servers")
            continue
        try:
            control.check_port_is_free(port, variable)
            yield Finding(f"port of {name}", "ok", f"{port} is free")
        except WeaverError as error:
            yield Finding(f"port of {name}", "fail", error.what, error.remedy)


def check_templates() -> Finding:
    """Whether every template can be used; one that cannot has no DAG."""
    broken = find_broken_templates()
    if not broken:
        return Finding("templates", "ok", f"{len(find_template_files())} can be used")
    result = "\n".join(f"{file}: {error.what}" for file, error in broken.items())
    return Finding("templates", "fail", result, "Correct them: weaver template validate " + min(broken).stem)


def installed_version(name: str) -> str:
    """A package's version; "missing" if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def check_versions() -> Finding:
    """The versions of the main packages."""
    result = ", ".join(f"{name} {installed_version(name)}" for name in MAIN_PACKAGES)
    return Finding(
        "versions", "fail" if "missing" in result else "ok", result, REINSTALL if "missing" in result else ""
    )


def check_lock() -> Finding:
    """Installed packages against the lock file; torch is pinned in pyproject.toml, as its build differs by machine."""
    pins = {}
    for line in (REPOSITORY / ".requirements.lock").read_text().splitlines():
        if "==" in line:
            pin = Requirement(line.rstrip(" \\"))
            if not pin.marker or pin.marker.evaluate():
                pins[pin.name] = str(pin.specifier).removeprefix("==")
    mismatches = [
        f"{name} {installed_version(name)} instead of {pin}"
        for name, pin in pins.items()
        if installed_version(name) != pin
    ]
    if not mismatches:
        return Finding("packages", "ok", f"{len(pins)} packages match the lock file")
    return Finding(
        "packages", "fail", f"{len(mismatches)} do not match the lock file: {', '.join(mismatches[:3])}", REINSTALL
    )
