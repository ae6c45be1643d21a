"""Supervisor (supervisord.org) keeps the servers running; here is its configuration, how to reach it, how to end it."""

import os
import subprocess
import sysconfig
import time
from collections.abc import Iterable, Iterator
from configparser import RawConfigParser
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

import psutil
from supervisor.xmlrpc import SupervisorTransport

from pipelines.errors import WeaverError
from pipelines.files import digest, whole
from pipelines.settings import settings
from pipelines.stack import servers

LONGEST = 99  # bytes of a socket's path: the kernel takes 107, and supervisord appends its process id while it binds
AT_REST = {"STOPPED", "EXITED", "FATAL"}  # where supervisord leaves a server alone


def log_file(server: str) -> Path:
    return settings().home / "logs" / f"{server}.log"


def socket_file() -> Path:
    """Where supervisord listens: in home, or in /tmp when home's path is too long for a socket.

    Raises:
        WeaverError: the folder in /tmp is somebody else's.
    """
    path = settings().home / "stack" / "supervisor.sock"
    if len(os.fsencode(path)) <= LONGEST:
        return path
    short = Path(f"/tmp/weaver-{os.getuid()}-{digest(str(settings().home))[:12]}")
    if short.is_symlink() or (short.exists() and short.stat().st_uid != os.getuid()):
        raise WeaverError(f"{short} belongs to somebody else", "Point WEAVER_HOME at a path of at most 76 characters.")
    return short / "supervisor.sock"


def configuration() -> RawConfigParser:
    """One section a server: started again whenever it ends, given up after five ends within 20 s of its start.

    Paths are relative to home, where supervisord runs: it stumbles over a % in them.
    """
    config = RawConfigParser()
    config["supervisord"] = {"pidfile": "stack/supervisord.pid", "logfile": "logs/supervisord.log"}
    config["unix_http_server"] = {"file": escape(socket_file()), "chmod": "0600"}
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    for server, command in servers.commands().items():
        config[f"program:{server}"] = {
            "command": command,
            "directory": servers.folder(server).name,
            "environment": ",".join(f'{name}="{escape(value)}"' for name, value in servers.exceptions(server).items()),
            "umask": "077",
            "autostart": "false",
            "autorestart": "true",
            "startsecs": "20",
            "startretries": "5",
            "stopwaitsecs": "5",
            "stopasgroup": "true",
            "killasgroup": "true",
            "stdout_logfile": f"logs/{server}.log",
            "stdout_logfile_maxbytes": "5MB",
            "stdout_logfile_backups": "2",
            "redirect_stderr": "true",
        }
    return config


def escape(text: object) -> str:
    return str(text).replace("%", "%%")


def launch() -> None:
    """Bring supervisord up; it starts no server by itself.

    Raises:
        WeaverError: it did not come up; with its own words.
    """
    file = settings().home / "stack" / "supervisord.conf"
    for folder in (file.parent, socket_file().parent, log_file("").parent, *map(servers.folder, servers.commands())):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with whole(file) as temporary, temporary.open("w") as stream:
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
        if alive():
            return
        time.sleep(0.1)
    raise WeaverError(f"supervisord did not start: {done.stdout}{done.stderr}", f"See {log_file('supervisord')}.")


@contextmanager
def supervisor() -> Iterator[Any]:
    """What supervisord can be asked: http://supervisord.org/api.html."""
    with ServerProxy("http://localhost", SupervisorTransport(None, None, f"unix://{socket_file()}")) as proxy:
        yield proxy.supervisor


def alive() -> bool:
    try:
        with supervisor() as asked:
            return asked.getState()["statename"] == "RUNNING"
    except (OSError, HTTPException):
        return False


def programs() -> dict[str, dict[str, Any]]:
    """What supervisord knows of each server: statename, pid, start (epoch seconds); nothing if it does not run."""
    try:
        with supervisor() as asked:
            return {program["name"]: program for program in asked.getAllProcessInfo()}
    except (OSError, HTTPException, Fault):
        return {}


def start(names: Iterable[str]) -> None:
    """Start those of these servers that are at rest."""
    with supervisor() as asked:
        for program in asked.getAllProcessInfo():
            if program["name"] in names and program["statename"] in AT_REST:
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
    with suppress(OSError, HTTPException, Fault), supervisor() as asked:
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
    with suppress(OSError):
        socket_file().parent.rmdir()  # the one in /tmp; the one in home holds more than a socket
