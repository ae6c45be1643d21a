"""Supervisor (supervisord.org) keeps the servers running: its configuration, start and stop."""

import os
import subprocess
import sysconfig
import time
from collections.abc import Iterable
from configparser import RawConfigParser
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from xmlrpc.client import Fault

import psutil

from pipelines.clients import supervisor
from pipelines.clients.supervisor import escape
from pipelines.core.errors import WeaverError
from pipelines.core.files import atomic_write
from pipelines.core.settings import settings
from pipelines.stack import servers, triton_server

DEPLOYMENTS_FOLDER = "serving/llama_cpp"  # in home: the configuration of programs that deployments add, one file each


def configuration() -> RawConfigParser:
    """One section per server, given up after five exits within 20 s of its start; and the files of deployments."""
    config = RawConfigParser()
    config["supervisord"] = {"pidfile": "stack/supervisord.pid", "logfile": "logs/supervisord.log"}
    config["unix_http_server"] = {"file": escape(supervisor.socket_file("supervisor")), "chmod": "0600"}
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    config["include"] = {"files": f"../{DEPLOYMENTS_FOLDER}/*.conf"}
    for server in servers.server_names():
        config[f"program:{server}"] = supervisor.program_section(
            server,
            servers.server_command(server),
            directory=str(servers.server_folder(server).relative_to(settings().home)),
            environment=",".join(
                f'{name}="{escape(value)}"' for name, value in servers.own_environment(server).items()
            ),
            autostart="false",
            startsecs="20",
            startretries="5",
            stopwaitsecs="45" if server == "gateway" else "5",  # it finishes the requests in flight
            stopasgroup="true",
            killasgroup="true",
        )
    return config


def start_supervisord() -> None:
    """Start supervisord; it starts no server by itself.

    Raises:
        WeaverError: it did not start; with its output.
    """
    file = settings().home / "stack" / "supervisord.conf"
    folders = map(servers.server_folder, servers.server_names())
    sockets, logs = supervisor.socket_file("supervisor").parent, supervisor.log_file("").parent
    for folder in (file.parent, sockets, logs, settings().home / DEPLOYMENTS_FOLDER, *folders):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    triton_server.prepare_folders()
    with atomic_write(file) as temporary:
        temporary.touch(mode=0o600)  # Triton takes its keys on its command line
        with temporary.open("w") as stream:
            configuration().write(stream)
    program = Path(sysconfig.get_path("scripts"), "supervisord")
    result = subprocess.run(
        [program, "-c", file],
        env=servers.full_environment(),
        cwd=settings().home,
        umask=0o077,
        capture_output=True,
        text=True,
        check=False,
    )
    for _ in range(0 if result.returncode else 100):
        if supervisor.is_running():
            return
        time.sleep(0.1)
    raise WeaverError(
        f"supervisord did not start: {result.stdout}{result.stderr}", f"Read {supervisor.log_file('supervisord')}."
    )


def start_programs(names: Iterable[str]) -> None:
    """Start those of these programs that are not running."""
    with supervisor.supervisor_rpc() as rpc:
        for program in rpc.getAllProcessInfo():
            if program["name"] in names and program["statename"] in supervisor.NOT_RUNNING:
                rpc.startProcess(program["name"], False)


def find_processes() -> list[psutil.Process]:
    """Every process of this home's stack, also orphans: all have HOME_VARIABLE in their environment."""
    processes = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(servers.HOME_VARIABLE) == str(settings().home) and process.pid != os.getpid():
                processes.append(process)
    return processes


def stop_all() -> None:
    """Stop every process of the stack, running tasks too: Airflow restarts those after the next `up`."""
    with suppress(OSError, HTTPException, Fault), supervisor.supervisor_rpc() as rpc:
        rpc.stopAllProcesses()
        rpc.shutdown()
    while remaining := find_processes():
        rest = psutil.wait_procs(remaining, timeout=2)[1]  # tasks have a process group of their own
        for process in rest:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        # The kernel frees a dying process's environment, and with it HOME_VARIABLE, before its ports: on a busy machine
        # `up` would find a port in use by a process that is no longer found.
        psutil.wait_procs(rest, timeout=10)
    for socket in (
        *supervisor.socket_file("supervisor").parent.glob("*.sock"),
        *supervisor.short_folder().glob("*.sock"),
    ):
        socket.unlink(missing_ok=True)  # of killed programs
    triton_server.remove_shared_memory()
    with suppress(OSError):
        supervisor.short_folder().rmdir()
