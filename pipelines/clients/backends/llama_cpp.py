"""llama.cpp: a process for each version, on a unix socket of its own, kept running by supervisord.

What is deployed is what has a file in `serving/llama_cpp`: supervisord reads them all when it starts, so versions come
back by themselves after `weaver down` and `weaver up`, and one that dies is started again.
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
from pipelines.clients.backends import Chunk, Model
from pipelines.clients.backends.openai_http import OpenAIServer
from pipelines.core import signing
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.files import atomic_write, file_lock
from pipelines.core.plan import Deployment
from pipelines.core.routes import Endpoint
from pipelines.core.settings import SERVING, settings

SERVER = Path(__file__).with_name("llama_server.py")
PREFIX = "llama_cpp-"
PATIENCE = 300.0  # seconds until a version must answer; 100 MB take one
STOP = 30  # seconds that the requests in flight may still take


class LlamaCpp:
    def __init__(self) -> None:
        self.servers = OpenAIServer()

    def deploy(self, model: Model, plan: Deployment) -> Endpoint:
        signing.verify(model.folder)
        if not supervisor.is_running():
            raise Unavailable("llama.cpp cannot be started: the local servers do not run", "Run `weaver up`.")
        with changing():
            if read(conf_file(model.id)) != configuration(model, plan):
                remove(model.id)  # it runs with another plan's settings, or not at all
                write(conf_file(model.id), configuration(model, plan))
            start(model.id)
            try:
                wait(model.id)
            except WeaverError:
                remove(model.id)
                raise
        return Endpoint(
            backend="llama_cpp", address=f"unix:{supervisor.socket_file(PREFIX + model.id)}", model=model.id
        )

    def status(self) -> dict[str, str]:
        return {
            name.removeprefix(PREFIX): verdict(name.removeprefix(PREFIX), program["statename"])
            for name, program in supervisor.program_states().items()
            if name.startswith(PREFIX)
        }

    def stream(self, endpoint: Endpoint, request: dict[str, Any], timeout: float) -> AsyncIterator[Chunk]:
        return self.servers.stream(endpoint.address, request | {"model": endpoint.model}, timeout)

    def unload(self, model: str) -> None:
        with changing():
            remove(model)

    async def close(self) -> None:
        await self.servers.close()


def changing() -> AbstractContextManager[None]:
    return file_lock(folder() / "lock", "loading or unloading a version in llama.cpp")


def folder() -> Path:
    return settings().home / "serving" / "llama_cpp"


def conf_file(model: str) -> Path:
    return folder() / f"{model}.conf"


def configuration(model: Model, plan: Deployment) -> dict[str, str]:
    """What supervisord is told of a version; in isolation (-I), nothing of this environment reaches its Python."""
    name = PREFIX + model.id
    command = [SERVING / "bin" / "python", "-I", SERVER, model.folder / "model.gguf", supervisor.socket_file(name)]
    options = ["--model", model.id, "--context", plan.context, "--parallel", plan.parallel, "--threads", plan.threads]
    return supervisor.program_section(
        name,
        [str(word) for word in (*command, *options)],
        startsecs="10",  # one that ends sooner has not loaded; after four such ends it is given up
        startretries="3",
        stopwaitsecs=str(STOP),
    )


def read(file: Path) -> dict[str, str]:
    found = RawConfigParser()
    found.read(file)
    return dict(found[f"program:{PREFIX}{file.stem}"]) if found.sections() else {}


def write(file: Path, section: dict[str, str]) -> None:
    config = RawConfigParser()
    config[f"program:{PREFIX}{file.stem}"] = section
    with atomic_write(file) as temporary, temporary.open("w") as stream:
        config.write(stream)


def start(model: str) -> None:
    """Have it run, whether supervisord knows it or not, or has given it up."""
    name = PREFIX + model
    supervisor.socket_file(name).parent.mkdir(mode=0o700, exist_ok=True)
    known = supervisor.program_states()
    with supervisor.supervisor_rpc() as asked:
        if name not in known:
            asked.reloadConfig()
            asked.addProcessGroup(name)
        elif known[name]["statename"] in supervisor.AT_REST:
            asked.startProcess(name, False)


def remove(model: str) -> None:
    """The file first: what is half removed does not come back. The process ends when its last request is answered."""
    name = PREFIX + model
    conf_file(model).unlink(missing_ok=True)
    if name in supervisor.program_states():
        with supervisor.supervisor_rpc() as asked:
            asked.stopProcessGroup(name)
            asked.removeProcessGroup(name)


def wait(model: str) -> None:
    """Until it answers.

    Raises:
        WeaverError: it ended, with the last lines of its log, or patience did.
    """
    end = time.monotonic() + PATIENCE
    while not answers(model):
        name = PREFIX + model
        state = supervisor.program_states()[name]["statename"]
        if state not in {"STARTING", "RUNNING"} or time.monotonic() > end:
            words = "\n".join(supervisor.last_lines(name))
            raise WeaverError(
                f"llama.cpp does not load {model}:\n{words}", f"The whole log is {supervisor.log_file(name)}."
            )
        time.sleep(0.05)


def answers(model: str) -> bool:
    """Whether it is loaded, as it says itself: it listens before."""
    with closing(socket.socket(socket.AF_UNIX)) as probe, closing(HTTPConnection("localhost")) as connection:
        probe.settimeout(5)
        connection.sock = probe
        try:
            probe.connect(str(supervisor.socket_file(PREFIX + model)))
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False


def verdict(model: str, state: str) -> str:
    if state in {"STARTING", "RUNNING"}:
        return "ready" if answers(model) else "loading"
    return "loading" if state == "BACKOFF" else "failed"  # BACKOFF: it is tried again


BACKEND = LlamaCpp
