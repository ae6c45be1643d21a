"""`weaver up`, `down` and `status`: idempotent, and safe to interrupt or to run twice at the same time."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import NamedTuple

import psutil

from pipelines.clients import supervisor
from pipelines.core.errors import WeaverError
from pipelines.core.files import file_lock, read_json, write_text
from pipelines.core.settings import settings
from pipelines.stack import credentials, health, provision, servers, supervision
from pipelines.stack.wait_display import WaitDisplay
from pipelines.text.terminal import styled

START_TIMEOUT = 300  # seconds until every server must be healthy; two free cores need 25


class Server(NamedTuple):
    """One line of `weaver status`."""

    name: str
    state: str  # stopped, starting, healthy or failed
    pid: int  # 0 if it is not running
    url: str  # empty for a server without a page or API of its own
    memory_mb: int  # of its whole process tree; shared memory is counted once


def up(wait: bool = True) -> None:
    """Start the servers that are not running; if all are, it changes nothing.

    Args:
        wait: return when every server is healthy, showing progress; else at once.

    Raises:
        WeaverError: a port is in use, the servers are running with other settings, or one failed or did not become
            healthy in time.
    """
    with WaitDisplay("checking the servers") as display:
        with stack_lock():
            is_new = not supervisor.is_running()
            with stop_all_on_error(is_new):
                start_missing(is_new, display)
        if wait:
            with stop_all_on_error(is_new):
                wait_until_healthy(display)
            display.update("creating accounts and the training pool")
            provision.create_missing_resources()


def down() -> None:
    """Stop every server, and every process that the servers started."""
    with WaitDisplay("stopping the servers"), stack_lock():
        supervision.stop_all()


def status() -> list[Server]:
    """One line per server, in the order of their start; then the processes of deployed versions."""
    here = settings()
    pids = {name: program["pid"] for name, program in supervisor.program_states().items()}
    urls = {"mlflow": here.mlflow_url, "api-server": here.airflow_url, "gateway": here.gateway_url}
    urls["triton"] = here.triton_url
    return [
        Server(name, state, pids.get(name, 0), urls.get(name, ""), health.measure_memory(pids.get(name, 0)))
        for name, state in (health.server_states() | health.deployment_states()).items()
    ]


def stack_lock() -> AbstractContextManager[None]:
    """One process at a time starts or stops servers."""
    return file_lock(settings().home / "stack.lock", "starting or stopping the servers")


@contextmanager
def stop_all_on_error(is_new: bool) -> Iterator[None]:
    """Stop all servers if the block fails and none was running before; servers that were running stay up."""
    try:
        yield
    except WeaverError:
        if is_new:
            supervision.stop_all()
        raise


def start_missing(is_new: bool, display: WaitDisplay) -> None:
    """Start the servers that are not running; `is_new` if none is."""
    record = settings().home / "stack" / "settings.json"
    expected = servers.environment() | servers.versions()
    if is_new:
        supervision.stop_all()  # processes that a killed supervisord left behind
        for name in servers.PORTS:
            check_port_is_free(getattr(settings(), name), f"WEAVER_{name.upper()}")
        credentials.create_missing()
        write_text(record, json.dumps(expected, indent=1))
        supervision.start_supervisord()
    stored = read_json(record, "Run `weaver down`, then `weaver up`.")
    if different := [name for name in expected if expected[name] != stored.get(name)]:
        raise WeaverError(
            f"the servers are running with other settings of {', '.join(different)}",
            "Run `weaver down`, then `weaver up`.",
        )
    supervision.start_programs({"mlflow", *servers.SERVING})  # they do not need Airflow's database
    display.update("migrating Airflow's database")
    provision.migrate_airflow_database()
    if is_new:
        provision.drop_missed_slots()
    supervision.start_programs(servers.AIRFLOW)


def check_port_is_free(port: int, variable: str) -> None:
    """Raise if a port is in use, naming the process and the setting that chooses another port."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((servers.HOST, port))
        except OSError as error:
            raise WeaverError(
                f"port {port} cannot be used: {error.strerror} ({describe_listener(port)})",
                f"Stop that program, or choose another port: {variable}={port + 1}.",
            ) from error


def describe_listener(port: int) -> str:
    """The process that listens on a port, as far as the kernel shows it to this user."""
    for connection in psutil.net_connections("tcp"):
        if connection.status != psutil.CONN_LISTEN or not connection.pid or not connection.laddr:
            continue
        if connection.laddr.port == port:
            return f"process {connection.pid}: {' '.join(psutil.Process(connection.pid).cmdline())[:120]}"
    return "held by another user's process"


def wait_until_healthy(display: WaitDisplay) -> None:
    """Wait until every server is healthy, and print when each has become so.

    Raises:
        WeaverError: one failed or took longer than START_TIMEOUT; with the last lines of its log.
    """
    healthy_before: set[str] | None = None  # servers that are healthy at the first look are not news
    while True:
        states = health.server_states()
        healthy = {name for name, state in states.items() if state == "healthy"}
        for name in sorted(healthy - (healthy if healthy_before is None else healthy_before)):
            display.print(styled(("✓", "green"), f" {name} is healthy after {display.elapsed():.0f} s"))
        if len(healthy) == len(states):
            return
        for name, state in states.items():
            if state in {"failed", "stopped"}:
                raise server_error(name, state)
        waiting = [name for name in states if name not in healthy]
        if display.elapsed() > START_TIMEOUT:
            raise server_error(waiting[0], f"was not healthy after {START_TIMEOUT} s")
        healthy_before = healthy
        display.update(f"waiting for {', '.join(waiting)}")
        time.sleep(0.5)


def server_error(server: str, problem: str) -> WeaverError:
    """An error with the last lines of a server's log."""
    lines = [f"{server} {problem}; the last lines of its log:", *supervisor.read_last_lines(server)]
    return WeaverError("\n".join(lines), f"The complete log is {supervisor.log_file(server)}.")
