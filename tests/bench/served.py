"""A GGUF file that answers, for the benches of what an answer costs: llama.cpp's own server, one question at a time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil

from pipelines.clients.local_model import llama_server
from pipelines.core.plan import TrainingPlan
from pipelines.text import chat_format


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
    with llama_server(gguf, "bench", deployment.context, deployment.threads) as (socket, pid):
        transport = httpx.HTTPTransport(uds=str(socket))
        with httpx.Client(transport=transport, base_url="http://localhost", timeout=120) as client:
            yield Server(client, psutil.Process(pid))


def ask(server: Server, row: dict[str, Any], plan: TrainingPlan) -> Answer:
    payload = {
        "messages": chat_format.prompt_messages(row, plan.system_prompt),
        "temperature": 0,
        "max_tokens": plan.evaluate.max_new_tokens,
    }
    began, busy = time.perf_counter(), processor_seconds(server)
    completion = server.client.post("/v1/chat/completions", json=payload).raise_for_status().json()
    seconds, busy = time.perf_counter() - began, processor_seconds(server) - busy
    used, text = completion["usage"], completion["choices"][0]["message"]["content"].strip()
    return Answer(text, seconds, busy, used["prompt_tokens"], used["completion_tokens"])


def processor_seconds(server: Server) -> float:
    times = server.process.cpu_times()
    return times.user + times.system
