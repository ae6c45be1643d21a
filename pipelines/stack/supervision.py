"""Supervisor (supervisord.org) keeps the servers running; here is its configuration, and how to reach and end it."""

import os
import subprocess
import sysconfig
import time
from configparser import RawConfigParser
from contextlib import contextmanager, suppress
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

import psutil
from supervisor.xmlrpc import SupervisorTransport

from pipelines.errors import WeaverError
from pipelines.files import digest, whole
from pipelines.settings import settings
from pipelines.stack import servers

LONGEST = 99  # bytes of a socket's path: the kernel takes 107, and supervisord appends its process id while it binds


def log_file(name: str) -> Path:
    return settings().home / "logs" / f"{name}.log"


def socket_file() -> Path:
    """Where supervisord listens: in home, or under /tmp where home's path is too long for a socket.

    Raises:
        WeaverError: somebody else has made the folder under /tmp.
    """
    path = settings().home / "stack" / "supervisor.sock"
    if len(os.fsencode(path)) <= LONGEST:
        return path
    short = Path(f"/tmp/weaver-{os.getuid()}-{digest(str(settings().home))[:12]}")
    short.mkdir(mode=0o700, exist_ok=True)
    if short.stat().st_uid != os.getuid() or short.stat().st_mode & 0o077:
        raise WeaverError(f"{short} is not yours alone", "Point WEAVER_HOME at a path of less than 75 characters.")
    return short / "supervisor.sock"


def configuration() -> RawConfigParser:
    """One section a server; restarted whenever it ends, given up after five ends within 20 s of their start."""
    config = RawConfigParser()
    config["unix_http_server"] = {"file": str(socket_file()), "chmod": "0600"}
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    config["supervisord"] = {
        "pidfile": "%(here)s/supervisord.pid",
        "logfile": str(log_file("supervisord")),
        "umask": "077",
    }
    for name, command in servers.COMMANDS.items():
        config[f"program:{name}"] = {
            "command": command,
            "directory": str(settings().home / command.split()[0]),  # not the repository: it has a folder mlflow/
            "autostart": "false",
            "autorestart": "true",
            "startsecs": "20",
            "startretries": "5",
            "stopasgroup": "true",
            "killasgroup": "true",
            "stdout_logfile": str(log_file(name)),
            "stdout_logfile_maxbytes": "5MB",
            "stdout_logfile_backups": "2",
            "redirect_stderr": "true",
        }
    return config


def launch() -> None:
    """Start supervisord, which starts nothing yet.

    Raises:
        WeaverError: it did not start, with its own words.
    """
    for folder in ("stack", "logs", *{command.split()[0] for command in servers.COMMANDS.values()}):
        (settings().home / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    file = settings().home / "stack" / "supervisord.conf"
    with whole(file) as temporary, temporary.open("w") as stream:
        configuration().write(stream)
    program = Path(sysconfig.get_path("scripts"), "supervisord")
    done = subprocess.run(
        [program, "-c", file], env=servers.full_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise WeaverError(f"supervisord does not start: {done.stdout}{done.stderr}", f"Read {log_file('supervisord')}.")
    while not alive():
        time.sleep(0.05)


def supervisor() -> Any:
    """What supervisord can be asked: http://supervisord.org/api.html."""
    transport = SupervisorTransport(None, None, f"unix://{socket_file()}")
    return ServerProxy("http://localhost", transport).supervisor


def alive() -> bool:
    try:
        return supervisor().getState()["statename"] == "RUNNING"
    except (OSError, HTTPException):
        return False


def programs() -> dict[str, dict[str, Any]]:
    """Supervisor's view by name: statename, pid, start (epoch seconds); empty if it does not run."""
    return {info["name"]: info for info in supervisor().getAllProcessInfo()} if alive() else {}


def ours() -> list[psutil.Process]:
    """Every process of this home's stack, also those whose parent is gone: they carry the mark."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(servers.MARK) == str(settings().home) and process.pid != os.getpid():
                found.append(process)
    return found


def end() -> None:
    """Stop every process of the stack: the scheduler first, so that its tasks can still say that they were stopped."""
    if alive():
        with suppress(Exception):
            supervisor().stopProcess("scheduler")
        supervisor().shutdown()
    while left := ours():
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        for process in psutil.wait_procs(left, timeout=10)[1]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
