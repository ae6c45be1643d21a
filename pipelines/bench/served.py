"""A GGUF file that answers, for the benches of what an answer costs: llama.cpp's own server, one question at a time."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil

from pipelines import chat
from pipelines.errors import WeaverError
from pipelines.plan import TrainingPlan
from pipelines.serving.backends.llama_cpp import SERVER
from pipelines.settings import SERVING

PATIENCE = 120.0  # seconds until it must answer


class Answer(NamedTuple):
    text: str
    seconds: float
    processor_seconds: float  # of the server: what other work on the machine disturbs less
    prompt_tokens: int
    completion_tokens: int


class Server(NamedTuple):
    client: httpx.Client
    process: psutil.Process


@contextmanager
def served(gguf: Path, plan: TrainingPlan) -> Iterator[Server]:
    """The file, served as the product serves it, on a socket that is gone afterwards."""
    deployment = plan.deployment
    with tempfile.TemporaryDirectory(prefix="weaver-") as folder:
        socket = Path(folder, "llama.sock")
        options = {"model": "bench", "context": deployment.context, "parallel": 1, "threads": deployment.threads}
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        process = subprocess.Popen(
            [SERVING / "bin" / "python", "-I", SERVER, gguf, socket, *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            transport = httpx.HTTPTransport(uds=str(socket))
            with httpx.Client(transport=transport, base_url="http://localhost", timeout=120) as client:
                wait(client, process)
                yield Server(client, psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait()


def wait(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            if client.get("/health").is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise WeaverError("llama.cpp did not come to answer", "See `weaver doctor`.")


def ask(server: Server, row: dict[str, Any], plan: TrainingPlan) -> Answer:
    asked = {
        "messages": chat.asked(row, plan.system_prompt),
        "temperature": 0,
        "max_tokens": plan.evaluate.max_new_tokens,
    }
    began, busy = time.perf_counter(), processor_seconds(server)
    told = server.client.post("/v1/chat/completions", json=asked).raise_for_status().json()
    seconds, busy = time.perf_counter() - began, processor_seconds(server) - busy
    used, text = told["usage"], told["choices"][0]["message"]["content"].strip()
    return Answer(text, seconds, busy, used["prompt_tokens"], used["completion_tokens"])


def processor_seconds(server: Server) -> float:
    times = server.process.cpu_times()
    return times.user + times.system
