"""Supervisor (supervisord.org) keeps the servers running; here is its configuration, how it is started and ended."""

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

DEPLOYED = "serving/llama_cpp"  # the folder in home of the programs that deployments add, one file each


def configuration() -> RawConfigParser:
    """One section a server: given up after five ends within 20 s of its start; and what deployments add."""
    config = RawConfigParser()
    config["supervisord"] = {"pidfile": "stack/supervisord.pid", "logfile": "logs/supervisord.log"}
    config["unix_http_server"] = {"file": escape(supervisor.socket_file("supervisor")), "chmod": "0600"}
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    config["include"] = {"files": f"../{DEPLOYED}/*.conf"}
    for server in servers.names():
        config[f"program:{server}"] = supervisor.program_section(
            server,
            servers.command(server),
            directory=str(servers.folder(server).relative_to(settings().home)),
            environment=",".join(f'{name}="{escape(value)}"' for name, value in servers.exceptions(server).items()),
            autostart="false",
            startsecs="20",
            startretries="5",
            stopwaitsecs="45" if server == "gateway" else "5",  # it lets the requests in flight finish
            stopasgroup="true",
            killasgroup="true",
        )
    return config


def launch() -> None:
    """Bring supervisord up; it starts no server by itself.

    Raises:
        WeaverError: it did not come up; with its own words.
    """
    file = settings().home / "stack" / "supervisord.conf"
    own = map(servers.folder, servers.names())
    sockets, logs = supervisor.socket_file("supervisor").parent, supervisor.log_file("").parent
    for folder in (file.parent, sockets, logs, settings().home / DEPLOYED, *own):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    triton_server.furnish()
    with atomic_write(file) as temporary:
        temporary.touch(mode=0o600)  # Triton takes its keys on its command line
        with temporary.open("w") as stream:
            configuration().write(stream)
    program = Path(sysconfig.get_path("scripts"), "supervisord")
    done = subprocess.run(
        [program, "-c", file],
        env=servers.full_environment(),
        cwd=settings().home,
        umask=0o077,
        capture_output=True,
        text=True,
        check=False,
    )
    for _ in range(0 if done.returncode else 100):
        if supervisor.is_running():
            return
        time.sleep(0.1)
    raise WeaverError(
        f"supervisord did not start: {done.stdout}{done.stderr}", f"See {supervisor.log_file('supervisord')}."
    )


def start(names: Iterable[str]) -> None:
    """Start those of these servers that are at rest."""
    with supervisor.supervisor_rpc() as asked:
        for program in asked.getAllProcessInfo():
            if program["name"] in names and program["statename"] in supervisor.AT_REST:
                asked.startProcess(program["name"], False)


def processes() -> list[psutil.Process]:
    """Every process of this home's stack, also one that has lost its parent: they carry the mark."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(servers.MARK) == str(settings().home) and process.pid != os.getpid():
                found.append(process)
    return found


def end() -> None:
    """End every process of the stack, running tasks too: Airflow starts those again after the next `up`."""
    with suppress(OSError, HTTPException, Fault), supervisor.supervisor_rpc() as asked:
        asked.stopAllProcesses()
        asked.shutdown()
    while left := processes():
        rest = psutil.wait_procs(left, timeout=2)[1]  # tasks have a process group of their own
        for process in rest:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        # The kernel takes a dying process's environment, and with it the mark, before its ports: on a busy machine
        # `up` would find a port taken by a server that nobody sees any more.
        psutil.wait_procs(rest, timeout=10)
    for socket in (
        *supervisor.socket_file("supervisor").parent.glob("*.sock"),
        *supervisor.short_folder().glob("*.sock"),
    ):
        socket.unlink(missing_ok=True)  # of what was killed
    triton_server.sweep()
    with suppress(OSError):
        supervisor.short_folder().rmdir()
