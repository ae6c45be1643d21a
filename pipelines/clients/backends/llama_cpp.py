"""llama.cpp: one process per version, on its own unix socket, kept running by supervisord.

A version is deployed while it has a file in `serving/llama_cpp`: supervisord reads these when it starts, so versions
are loaded again after `weaver down` and `weaver up`, and a process that dies is restarted.
"""

import socket
import time
from collections.abc import AsyncIterator
from configparser import RawConfigParser
from contextlib import AbstractContextManager, closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from pipelines.clients import supervisor
from pipelines.clients.backends import Backend, Chunk, Model
from pipelines.clients.backends.openai_http import OpenAIServer
from pipelines.core import signing
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.files import atomic_write, file_lock
from pipelines.core.plan import Deployment
from pipelines.core.routes import Endpoint
from pipelines.core.settings import SERVING, settings

SERVER = Path(__file__).with_name("llama_server.py")
PREFIX = "llama_cpp-"
LOAD_TIMEOUT = 300.0  # seconds; 100 MB load in one
STOP_TIMEOUT = 30  # seconds for requests in flight


class LlamaCpp(Backend):
    """The backend; see `Backend`."""

    def __init__(self) -> None:
        self.servers = OpenAIServer()

    def deploy(self, model: Model, plan: Deployment) -> Endpoint:
        signing.verify(model.folder)
        if not supervisor.is_running():
            raise Unavailable("llama.cpp cannot be started: the local servers are not running", "Run `weaver up`.")
        with deployment_lock():
            if read_section(conf_file(model.id)) != configuration(model, plan):
                remove_program(model.id)  # it is running with other settings, or not at all
                write_section(conf_file(model.id), configuration(model, plan))
            start_program(model.id)
            try:
                wait_until_loaded(model.id)
            except WeaverError:
                remove_program(model.id)
                raise
        return Endpoint(
            backend="llama_cpp", address=f"unix:{supervisor.socket_file(PREFIX + model.id)}", model=model.id
        )

    def status(self) -> dict[str, str]:
        return {
            name.removeprefix(PREFIX): model_state(name.removeprefix(PREFIX), program["statename"])
            for name, program in supervisor.program_states().items()
            if name.startswith(PREFIX)
        }

    def stream(self, endpoint: Endpoint, request: dict[str, Any], timeout: float) -> AsyncIterator[Chunk]:
        return self.servers.stream(endpoint.address, request | {"model": endpoint.model}, timeout)

    def unload(self, model: str) -> None:
        with deployment_lock():
            remove_program(model)

    async def close(self) -> None:
        await self.servers.close()


def deployment_lock() -> AbstractContextManager[None]:
    """One process at a time loads or unloads versions."""
    return file_lock(folder() / "lock", "loading or unloading a version in llama.cpp")


def folder() -> Path:
    """The configuration files of deployed versions."""
    return settings().home / "serving" / "llama_cpp"


def conf_file(model: str) -> Path:
    """A version's configuration file."""
    return folder() / f"{model}.conf"


def configuration(model: Model, plan: Deployment) -> dict[str, str]:
    """A version's section in supervisord's configuration; -I isolates its Python from this environment."""
    name = PREFIX + model.id
    command = [SERVING / "bin" / "python", "-I", SERVER, model.folder / "model.gguf", supervisor.socket_file(name)]
    options = ["--model", model.id, "--context", plan.context, "--parallel", plan.parallel, "--threads", plan.threads]
    return supervisor.program_section(
        name,
        [str(word) for word in (*command, *options)],
        startsecs="10",  # one that exits sooner has not loaded; after four such exits it is given up
        startretries="3",
        stopwaitsecs=str(STOP_TIMEOUT),
    )


def read_section(file: Path) -> dict[str, str]:
    """A version's section as it was written; empty if there is none."""
    config = RawConfigParser()
    config.read(file)
    return dict(config[f"program:{PREFIX}{file.stem}"]) if config.sections() else {}


def write_section(file: Path, section: dict[str, str]) -> None:
    """Write a version's section."""
    config = RawConfigParser()
    config[f"program:{PREFIX}{file.stem}"] = section
    with atomic_write(file) as temporary, temporary.open("w") as stream:
        config.write(stream)


def start_program(model: str) -> None:
    """Start a version's process, whether supervisord has its section yet or not, or has given it up."""
    name = PREFIX + model
    supervisor.socket_file(name).parent.mkdir(mode=0o700, exist_ok=True)
    states = supervisor.program_states()
    with supervisor.supervisor_rpc() as rpc:
        if name not in states:
            rpc.reloadConfig()
            rpc.addProcessGroup(name)
        elif states[name]["statename"] in supervisor.NOT_RUNNING:
            rpc.startProcess(name, False)


def remove_program(model: str) -> None:
    """Remove a version: its file first, so that a half removed one is not restarted. Requests in flight finish."""
    name = PREFIX + model
    conf_file(model).unlink(missing_ok=True)
    if name in supervisor.program_states():
        with supervisor.supervisor_rpc() as rpc:
            rpc.stopProcessGroup(name)
            rpc.removeProcessGroup(name)


def wait_until_loaded(model: str) -> None:
    """Wait until a version answers.

    Raises:
        WeaverError: it exited, or did not answer within LOAD_TIMEOUT; with the last lines of its log.
    """
    end = time.monotonic() + LOAD_TIMEOUT
    while not is_healthy(model):
        name = PREFIX + model
        state = supervisor.program_states()[name]["statename"]
        if state not in {"STARTING", "RUNNING"} or time.monotonic() > end:
            lines = "\n".join(supervisor.read_last_lines(name))
            raise WeaverError(
                f"llama.cpp cannot load {model}:\n{lines}", f"The complete log is {supervisor.log_file(name)}."
            )
        time.sleep(0.05)


def is_healthy(model: str) -> bool:
    """Whether a version is loaded, by its health page: it listens before it has loaded."""
    with closing(socket.socket(socket.AF_UNIX)) as probe, closing(HTTPConnection("localhost")) as connection:
        probe.settimeout(5)
        connection.sock = probe
        try:
            probe.connect(str(supervisor.socket_file(PREFIX + model)))
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False


def model_state(model: str, state: str) -> str:
    """ready, loading or failed, from the state of the version's process."""
    if state in {"STARTING", "RUNNING"}:
        return "ready" if is_healthy(model) else "loading"
    return "loading" if state == "BACKOFF" else "failed"  # BACKOFF: it will be restarted


BACKEND = LlamaCpp
