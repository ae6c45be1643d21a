"""What the gateway is measured beside: llama.cpp's own server, and MLflow's AI gateway in front of it.

MLflow's gateway is part of its server, kept, and installed here anyway. It does what ours does, in part: keys, routes
with fallback, limits, guard rails. Its usage tracking, which would write a trace a request, is switched off; our
request log stays on.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from pipelines.bench.serve_home import free_port, wait_for
from pipelines.bench.serve_load import Door

LLAMA_CPP = """
import sys, threading, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, (params.hostnames, params.port) = sys.argv[1], (["127.0.0.1"], int(sys.argv[2]))
params.n_parallel, params.n_ctx = 4, 4 * 2048
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
threading.Event().wait()
"""


@contextmanager
def llama_cpp(gguf: Path) -> Iterator[Door]:
    """llama.cpp's OpenAI server on a port, with one thread and four requests at a time, as a template's plan has it."""
    port = free_port()
    python = Path(sys.prefix, "serving", "bin", "python")
    with running([python, "-c", LLAMA_CPP, gguf, port], f"http://127.0.0.1:{port}/health"):
        yield Door(f"http://127.0.0.1:{port}/v1/chat/completions", "base")


@contextmanager
def mlflow_gateway(behind: Door, folder: Path) -> Iterator[Door]:
    """MLflow's AI gateway, with an endpoint that passes requests on to another OpenAI server."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", 1]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", folder / "artifacts"]
    environment = {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_GATEWAY_API_BASE_ALLOWED_SCHEMES": "http",
        "MLFLOW_GATEWAY_API_BASE_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_UVICORN_OPTS": "--no-access-log",
    }
    with running([sys.executable, *command], f"{url}/health", environment, folder):
        with httpx.Client(base_url=f"{url}/api/3.0/mlflow/gateway/", timeout=30, trust_env=False) as api:

            def create(kind: str, **what: object) -> dict[str, str]:
                made = api.post(f"{kind}s/create", json=what).raise_for_status().json()
                return made[kind.replace("-", "_")]

            base = {"api_base": behind.url.removesuffix("/chat/completions")}
            secret = create(
                "secret", secret_name="none", secret_value={"api_key": "none"}, provider="openai", auth_config=base
            )
            model = create(
                "model-definition",
                name="base",
                secret_id=secret["secret_id"],
                provider="openai",
                model_name=behind.model,
            )
            only = {"model_definition_id": model["model_definition_id"], "linkage_type": "PRIMARY", "weight": 1.0}
            create("endpoint", name="base", model_configs=[only], usage_tracking=False)
        yield Door(f"{url}/gateway/mlflow/v1/chat/completions", "base")


@contextmanager
def running(
    command: list[object], health: str, environment: dict[str, str] | None = None, folder: Path | None = None
) -> Iterator[None]:
    """A server for as long as this lasts, from when it says that it is healthy."""
    process = subprocess.Popen(
        [str(part) for part in command],
        env=os.environ | (environment or {}),
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(health)
        yield
    finally:
        os.killpg(process.pid, 9)
        process.wait()
