"""`weaver up`, `down` and `status`: what they promise, whatever else goes on on this machine."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import NamedTuple

import psutil
from rich.console import Console
from rich.status import Status

from pipelines.clients import supervisor
from pipelines.core.errors import WeaverError
from pipelines.core.files import file_lock, write_text
from pipelines.core.settings import settings
from pipelines.stack import credentials, health, provision, servers, supervision

PATIENCE = 300  # seconds until every server must be healthy; two free cores need 25


class Server(NamedTuple):
    name: str
    state: str  # stopped, starting, healthy or failed
    pid: int  # 0 if it does not run
    url: str  # empty for a server that nobody talks to
    memory_mb: int  # of its whole process tree; what processes share is counted once


def up(wait: bool = True) -> None:
    """Start whatever does not run; with everything up it does nothing.

    Args:
        wait: return when every server is healthy, showing how far they are; else at once.

    Raises:
        WeaverError: a port is taken, the servers run with other settings, or one of them died or did not get healthy.
    """
    began = time.monotonic()
    with Console(stderr=True).status("looking at the servers") as spinner:
        with changing():
            fresh = not supervisor.is_running()
            with undone(fresh):
                start(fresh)
        if wait:
            with undone(fresh):
                watch(began, spinner)
            provision.furnish()


def down() -> None:
    """Stop every server and whatever the servers started; nothing stays behind."""
    with changing():
        supervision.end()


def status() -> list[Server]:
    """One line a server, in the order of their start; then what deployments have added."""
    here = settings()
    pids = {name: program["pid"] for name, program in supervisor.program_states().items()}
    urls = {"mlflow": here.mlflow_url, "api-server": here.airflow_url, "gateway": here.gateway_url}
    urls["triton"] = here.triton_url
    return [
        Server(name, state, pids.get(name, 0), urls.get(name, ""), health.memory(pids.get(name, 0)))
        for name, state in (health.states() | health.deployed()).items()
    ]


def changing() -> AbstractContextManager[None]:
    return file_lock(settings().home / "stack.lock", "starting or stopping the servers")


@contextmanager
def undone(fresh: bool) -> Iterator[None]:
    """What was started from nothing becomes nothing again when it fails; what ran before goes on."""
    try:
        yield
    except WeaverError:
        if fresh:
            supervision.end()
        raise


def start(fresh: bool) -> None:
    """Start what does not run; `fresh` says that nothing does."""
    record = settings().home / "stack" / "settings.json"
    wanted = servers.environment() | servers.versions()
    if fresh:
        supervision.end()  # what a killed supervisord left behind
        for name in servers.PORTS:
            check_free(getattr(settings(), name), f"WEAVER_{name.upper()}")
        credentials.make()
        write_text(record, json.dumps(wanted, indent=1))
        supervision.launch()
    found = json.loads(record.read_text())
    if other := [name for name in wanted if wanted[name] != found.get(name)]:
        raise WeaverError(f"the servers run with other settings: {', '.join(other)}", "Run `weaver down` first.")
    supervision.start({"mlflow", *servers.SERVING})  # they do not need Airflow's database
    provision.migrate()
    supervision.start(servers.AIRFLOW)


def check_free(port: int, variable: str) -> None:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((servers.HOST, port))
        except OSError as error:
            raise WeaverError(
                f"port {port} cannot be used: {error.strerror} ({listener(port)})",
                f"Stop that program, or choose another port: {variable}={port + 1}.",
            ) from error


def listener(port: int) -> str:
    """Who listens on a port, as far as the kernel tells this user."""
    for found in psutil.net_connections("tcp"):
        if found.status == psutil.CONN_LISTEN and found.pid and found.laddr and found.laddr.port == port:
            return f"process {found.pid}: {' '.join(psutil.Process(found.pid).cmdline())[:120]}"
    return "held by another user's process"


def watch(began: float, spinner: Status) -> None:
    """Wait until every server is healthy, and tell when each has become so.

    Raises:
        WeaverError: one of them ended, with the last lines of its log; or patience did.
    """
    told = None  # what is healthy at the first look is no news
    while True:
        seconds, states = time.monotonic() - began, health.states()
        healthy = {name for name, state in states.items() if state == "healthy"}
        for name in sorted(healthy - (healthy if told is None else told)):
            spinner.console.print(f"[green]✓[/] {name} is healthy after {seconds:.0f} s", highlight=False)
        if len(healthy) == len(states):
            return
        for name, state in states.items():
            if state in {"failed", "stopped"}:
                raise ended(name, state)
        waiting = [name for name in states if name not in healthy]
        if seconds > PATIENCE:
            raise ended(waiting[0], f"not healthy after {PATIENCE} s")
        told = healthy
        spinner.update(f"waiting for {', '.join(waiting)} ({seconds:.0f} s)")
        time.sleep(0.5)


def ended(server: str, how: str) -> WeaverError:
    told = [f"{server} {how}; the last lines of its log:", *supervisor.last_lines(server)]
    return WeaverError("\n".join(told), f"The whole log is {supervisor.log_file(server)}.")
