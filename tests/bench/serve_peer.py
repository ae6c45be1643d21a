"""What the gateway is measured beside: llama.cpp's own server, and MLflow's AI gateway in front of it.

MLflow's gateway is part of its server, kept, and installed here anyway. It does what ours does, in part: keys, routes
with fallback, limits, guard rails. Its usage tracking, which would write a trace a request, is switched off; our
request log stays on.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from pipelines.clients.backends.llama_cpp import SERVER
from pipelines.core.settings import SERVING
from tests.bench.own_home import wait_for
from tests.bench.serve_load import Door
from tests.ports import free_port

# The backend's own settings of llama.cpp, but for where it listens: MLflow's gateway cannot reach a unix socket.
ON_A_PORT = """
import argparse, sys, threading
import llama_server, xllamacpp
arguments = argparse.Namespace(gguf=sys.argv[1], socket="127.0.0.1", model="base", context=2048, parallel=4, threads=1)
params = llama_server.make_parameters(arguments)
params.port = {port}
server = xllamacpp.Server(params)
threading.Event().wait()
"""


@contextmanager
def llama_cpp(gguf: Path) -> Iterator[Door]:
    """llama.cpp's OpenAI server on a port."""
    port = free_port()
    script = ON_A_PORT.format(port=port)
    url = f"http://127.0.0.1:{port}"
    with running([SERVING / "bin" / "python", "-c", script, gguf], f"{url}/health", {"PYTHONPATH": SERVER.parent}):
        yield Door(f"{url}/v1/chat/completions", "base")


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
                created: dict[str, dict[str, str]] = api.post(f"{kind}s/create", json=what).raise_for_status().json()
                return created[kind.replace("-", "_")]

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
    command: list[object], health: str, environment: Mapping[str, object] | None = None, folder: Path | None = None
) -> Iterator[None]:
    """A server for as long as this lasts, from when it says that it is healthy."""
    process = subprocess.Popen(
        [str(part) for part in command],
        env=os.environ | {name: str(value) for name, value in (environment or {}).items()},
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
