"""The client of supervisord, which keeps programs running on this machine: their states, sockets and logs."""

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

MAX_SOCKET_PATH = 99  # bytes; the kernel allows 107, and supervisord appends its pid while it binds
NOT_RUNNING = {"STOPPED", "EXITED", "FATAL"}  # states in which supervisord does not restart a program


def log_file(program: str) -> Path:
    """A program's log."""
    return settings().home / "logs" / f"{program}.log"


def read_last_lines(program: str, count: int = 15) -> list[str]:
    """The last lines of a program's log; none if it has no log."""
    file = log_file(program)
    return file.read_text(errors="replace").splitlines()[-count:] if file.exists() else []


def socket_file(program: str) -> Path:
    """The socket that a program listens on: in home, or in /tmp when home's path is too long for a socket.

    Raises:
        WeaverError: the folder in /tmp belongs to another user.
    """
    path = settings().home / "stack" / f"{program}.sock"
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        path = short_folder() / path.name
        if path.parent.is_symlink() or (path.parent.exists() and path.parent.stat().st_uid != os.getuid()):
            remedy = f"Set WEAVER_HOME to a path of at most {MAX_SOCKET_PATH - len(f'/stack/{path.name}')} characters."
            raise WeaverError(f"{path.parent} belongs to another user", remedy)
    return path


def short_folder() -> Path:
    """The folder of sockets in /tmp."""
    return Path(f"/tmp/weaver-{os.getuid()}-{digest(str(settings().home))[:12]}")


def program_section(program: str, command: Sequence[str], **overrides: str) -> dict[str, str]:
    """A program's section in supervisord's configuration: restarted whenever it exits, unless `overrides` differ.

    Paths are relative to home, where supervisord runs: it cannot handle a % in them.
    """
    return {
        "command": escape(shlex.join(command)),
        "umask": "077",
        "autorestart": "true",
        "stdout_logfile": f"logs/{program}.log",
        "stdout_logfile_maxbytes": "5MB",
        "stdout_logfile_backups": "2",
        "redirect_stderr": "true",
    } | overrides


def escape(text: object) -> str:
    """Escape a text for supervisord's configuration."""
    return str(text).replace("%", "%%")


@contextmanager
def supervisor_rpc() -> Iterator[Any]:
    """supervisord's XML-RPC API: http://supervisord.org/api.html."""
    transport = SupervisorTransport(None, None, f"unix://{socket_file('supervisor')}")
    with ServerProxy("http://localhost", transport) as proxy:
        yield proxy.supervisor


def is_running() -> bool:
    """Whether supervisord is running."""
    try:
        with supervisor_rpc() as rpc:
            return bool(rpc.getState()["statename"] == "RUNNING")
    except (OSError, HTTPException):
        return False


def program_states() -> dict[str, dict[str, Any]]:
    """Program → statename, pid, start (epoch seconds), … as supervisord has them; empty if it is not running."""
    try:
        with supervisor_rpc() as rpc:
            return {program["name"]: program for program in rpc.getAllProcessInfo()}
    except (OSError, HTTPException, Fault):
        return {}
