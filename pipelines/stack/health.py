"""Whether each server does its work: what supervisord says of its process, and what it says of itself."""

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


def states() -> dict[str, str]:
    """Server → stopped, starting, healthy or failed."""
    known = supervisor.program_states()
    beats = heartbeats() if known else {}
    found = {}
    for name in servers.names():
        program = known.get(name, {"statename": "STOPPED"})
        if program["statename"] in FAILED - {"EXITED"}:  # a server that ran and ended is started again at once
            found[name] = "failed"
        elif program["statename"] in STOPPED:
            found[name] = "stopped"
        else:  # a beat from before this process began was another's; no server beats in its first second
            found[name] = "healthy" if beats.get(name, 0) > program["start"] + 1 else "starting"
    return found


def deployed() -> dict[str, str]:
    """The same of what deployments have added; supervisord knows when one ends, and it listens once it is loaded."""
    names = {"STARTING": "starting", "RUNNING": "healthy"} | dict.fromkeys(FAILED, "failed")
    known = {name: program["statename"] for name, program in supervisor.program_states().items()}
    return {name: names.get(state, "stopped") for name, state in known.items() if name not in servers.names()}


def heartbeats() -> dict[str, float]:
    """Server → when it last said that it is well (epoch seconds); one that does not say so is left out."""
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
            # Airflow builds its task interface (4 s of CPU) when somebody first asks: let it be us, not the first task.
            ask = {"Airflow-API-Version": date.today().isoformat()}  # answered with the latest up to this date
            client.get(f"{settings().airflow_url}/execution/health", headers=ask).raise_for_status()
            health = client.get(f"{settings().airflow_url}/api/v2/monitor/health").raise_for_status().json()
            beats["api-server"] = time.time()
            for name in ("scheduler", "dag-processor", "triggerer"):
                key = name.replace("-", "_")
                if health[key]["status"] == "healthy":
                    beats[name] = datetime.fromisoformat(health[key][f"latest_{key}_heartbeat"]).timestamp()
    return beats


def memory(pid: int) -> int:
    """MB of a process and all below it, counting once what they share; 0 if it is gone."""
    size = 0
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                size += process.memory_full_info().pss
    return size >> 20
