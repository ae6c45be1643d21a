"""`weaver up`, `down` and `status`: what they promise, whoever else is at work on this machine."""

import json
import os
import socket
import subprocess
import time
from contextlib import closing
from datetime import datetime
from importlib.metadata import version
from typing import NamedTuple

import httpx
import psutil
from rich.console import Console

from pipelines.errors import WeaverError
from pipelines.files import only_one, write_text
from pipelines.settings import settings
from pipelines.stack import keys, servers, supervision

PATIENCE = 300  # seconds until everything must be healthy; two free cores need 20
TROUBLE = {"BACKOFF", "EXITED", "FATAL", "UNKNOWN"}


class Server(NamedTuple):
    name: str
    state: str  # stopped, starting, healthy or failed
    pid: int
    url: str  # empty for a server that nobody talks to
    memory_mb: int  # of its whole process tree; what processes share is counted once


def up(wait: bool = True) -> None:
    """Start whatever does not run; with everything up it does nothing.

    Args:
        wait: show the way and return when every server is healthy, or else return at once.

    Raises:
        WeaverError: a port is taken, the servers run with other settings, or one of them died or did not get healthy.
    """
    with change():
        launched = start()
    if wait:
        try:
            watch()
        except WeaverError:
            if launched:
                down()
            raise
        make_pool()


def down() -> None:
    """Stop every server and whatever a server started; nothing stays behind."""
    with change():
        supervision.end()


def status() -> list[Server]:
    """One line a server, in the order in which they start."""
    programs, beats = supervision.programs(), heartbeats()
    urls = {"mlflow": settings().mlflow_url, "api-server": settings().airflow_url}
    lines = []
    for name in servers.COMMANDS:
        program = programs.get(name, {"statename": "STOPPED", "pid": 0})
        if program["statename"] in TROUBLE:
            state = "failed"
        elif program["statename"] == "STOPPED":
            state = "stopped"
        else:  # what was said before this process began was said by another
            state = "healthy" if beats.get(name, 0) >= program["start"] else "starting"
        lines.append(Server(name, state, program["pid"], urls.get(name, ""), memory(program["pid"])))
    return lines


def change() -> ...:
    return only_one(settings().home / "stack" / "lock", "starting or stopping the servers")


def start() -> bool:
    """Whether supervisord had to be launched. One at a time."""
    file = settings().home / "stack" / "environment.json"
    wanted = servers.environment()
    running = supervision.alive()
    if running:
        found = json.loads(file.read_text())
        if other := sorted(name for name in wanted if wanted[name] != found.get(name)):
            raise WeaverError(f"the servers run with other settings: {', '.join(other)}", "Run `weaver down` first.")
    else:
        supervision.end()  # what a killed supervisord left behind
        claim(settings().airflow_port, "WEAVER_AIRFLOW_PORT")
        claim(settings().mlflow_port, "WEAVER_MLFLOW_PORT")
        keys.make()
        write_text(file, json.dumps(wanted, indent=1))
        supervision.launch()
    supervision.start("mlflow")  # while the database is made
    migrate()
    supervision.start(*servers.AIRFLOW)
    return not running
