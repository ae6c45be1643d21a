"""The programs that supervisord keeps running on this machine: how it is reached, their sockets and their logs."""

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from pipelines.core.errors import WeaverError
from pipelines.core.files import digest
from pipelines.core.settings import settings

LONGEST = 99  # bytes of a socket's path: the kernel takes 107, and supervisord appends its process id while it binds
AT_REST = {"STOPPED", "EXITED", "FATAL"}  # where supervisord leaves a program alone


def log_file(program: str) -> Path:
    return settings().home / "logs" / f"{program}.log"


def last_lines(program: str, count: int = 15) -> list[str]:
    """The end of its log; nothing where it has said nothing."""
    file = log_file(program)
    return file.read_text(errors="replace").splitlines()[-count:] if file.exists() else []


def socket_file(program: str) -> Path:
    """Where a program listens: in home, or in /tmp when home's path is too long for a socket.

    Raises:
        WeaverError: the folder in /tmp is somebody else's.
    """
    path = settings().home / "stack" / f"{program}.sock"
    if len(os.fsencode(path)) > LONGEST:
        path = short_folder() / path.name
        if path.parent.is_symlink() or (path.parent.exists() and path.parent.stat().st_uid != os.getuid()):
            remedy = f"Point WEAVER_HOME at a path of at most {LONGEST - len(f'/stack/{path.name}')} characters."
            raise WeaverError(f"{path.parent} belongs to somebody else", remedy)
    return path


def short_folder() -> Path:
    return Path(f"/tmp/weaver-{os.getuid()}-{digest(str(settings().home))[:12]}")


def program_section(program: str, command: Sequence[str], **own: str) -> dict[str, str]:
    """A program as supervisord's configuration has it: started again whenever it ends; `own` says what differs.

    Paths are relative to home, where supervisord runs: it stumbles over a % in them.
    """
    return {
        "command": escape(shlex.join(command)),
        "umask": "077",
        "autorestart": "true",
        "stdout_logfile": f"logs/{program}.log",
        "stdout_logfile_maxbytes": "5MB",
        "stdout_logfile_backups": "2",
        "redirect_stderr": "true",
    } | own


def escape(text: object) -> str:
    return str(text).replace("%", "%%")


@contextmanager
def supervisor_rpc() -> Iterator[Any]:
    """What supervisord can be asked: http://supervisord.org/api.html."""
    transport = SupervisorTransport(None, None, f"unix://{socket_file('supervisor')}")
    with ServerProxy("http://localhost", transport) as proxy:
        yield proxy.supervisor


def is_running() -> bool:
    try:
        with supervisor_rpc() as asked:
            return asked.getState()["statename"] == "RUNNING"
    except (OSError, HTTPException):
        return False


def program_states() -> dict[str, dict[str, Any]]:
    """What supervisord knows of each program: statename, pid, start (epoch seconds); nothing if it does not run."""
    try:
        with supervisor_rpc() as asked:
            return {program["name"]: program for program in asked.getAllProcessInfo()}
    except (OSError, HTTPException, Fault):
        return {}
