"""The state of each server: from supervisord's view of its process, and its own health page."""

import time
from contextlib import suppress
from datetime import date, datetime

import httpx
import psutil

from pipelines.clients import supervisor
from pipelines.core.settings import TRITON_KEY, settings
from pipelines.stack import servers

FAILED = {"BACKOFF", "EXITED", "FATAL", "UNKNOWN"}
STOPPED = {"STOPPED", "STOPPING"}


def server_states() -> dict[str, str]:
    """Server → stopped, starting, healthy or failed."""
    programs = supervisor.program_states()
    beats = read_heartbeats() if programs else {}
    states = {}
    for name in servers.server_names():
        program = programs.get(name, {"statename": "STOPPED"})
        if program["statename"] in FAILED - {"EXITED"}:  # a server that exited is restarted at once
            states[name] = "failed"
        elif program["statename"] in STOPPED:
            states[name] = "stopped"
        else:  # an older heartbeat is of an earlier process; no server has one in its first second
            states[name] = "healthy" if beats.get(name, 0) > program["start"] + 1 else "starting"
    return states


def deployment_states() -> dict[str, str]:
    """Process of a deployed version → state; one that runs has loaded its model, or is about to."""
    names = {"STARTING": "starting", "RUNNING": "healthy"} | dict.fromkeys(FAILED, "failed")
    programs = {name: program["statename"] for name, program in supervisor.program_states().items()}
    return {name: names.get(state, "stopped") for name, state in programs.items() if name not in servers.server_names()}


def read_heartbeats() -> dict[str, float]:
    """Server → its last sign of health (epoch seconds); servers without one are left out."""
    beats = {}
    with httpx.Client(timeout=2, trust_env=False) as client:
        with suppress(httpx.HTTPError):
            client.get(f"http://{servers.HOST}:{settings().mlflow_port}/health").raise_for_status()
            beats["mlflow"] = time.time()
        with suppress(httpx.HTTPError):
            header = {TRITON_KEY: settings().secret("triton")}
            client.get(f"{settings().triton_url}/v2/health/ready", headers=header).raise_for_status()
            beats["triton"] = time.time()
        with suppress(httpx.HTTPError):
            client.get(f"{settings().gateway_url}/healthz").raise_for_status()
            beats["gateway"] = time.time()
        with suppress(httpx.HTTPError):
            # Airflow builds its task API (4 s of CPU) at the first request: better now than in the first task.
            version = {"Airflow-API-Version": date.today().isoformat()}  # answered with the latest up to this date
            client.get(f"{settings().airflow_url}/execution/health", headers=version).raise_for_status()
            health = client.get(f"{settings().airflow_url}/api/v2/monitor/health").raise_for_status().json()
            beats["api-server"] = time.time()
            for name in ("scheduler", "dag-processor", "triggerer"):
                key = name.replace("-", "_")
                if health[key]["status"] == "healthy":
                    beats[name] = datetime.fromisoformat(health[key][f"latest_{key}_heartbeat"]).timestamp()
    return beats


def measure_memory(pid: int) -> int:
    """MB of a process and its descendants, shared memory counted once; 0 if it does not exist."""
    size = 0
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                size += process.memory_full_info().pss
    return size >> 20
