"""NVIDIA Triton: one server for all versions; each is a version of its template's model, and runs llama.cpp.

A version is deployed while it has a folder `serving/triton/models/<name>/<version>`. Triton loads all of them when it
starts, so they survive a restart; when it reloads a model, it loads the folders that were added or changed, unloads
those that were removed, and leaves the other versions alone.
"""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import orjson
from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient

from pipelines.clients import supervisor
from pipelines.clients.backends import Backend, Chunk, Model
from pipelines.core import signing
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.files import atomic_write, file_lock, write_text
from pipelines.core.plan import Deployment
from pipelines.core.routes import Endpoint
from pipelines.core.settings import TRITON_KEY, settings

PROGRAM = Path(__file__).with_name("triton_model.py")
CONFIG = """\
name: "{name}"
backend: "python"
max_batch_size: 0
model_transaction_policy {{ decoupled: true }}
input [ {{ name: "request" data_type: TYPE_STRING dims: [ 1 ] }} ]
output [ {{ name: "chunk" data_type: TYPE_STRING dims: [ 1 ] }} ]
instance_group [ {{ kind: KIND_CPU count: 1 }} ]
version_policy {{ all {{ }} }}
"""
PROBE = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
LOAD_TIMEOUT = 300.0  # seconds until a version is loaded, or the probe answered
CHANNEL = [
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),  # a restarted Triton is found at once; gRPC would wait minutes
    ("grpc.enable_http_proxy", 0),
]


class Triton(Backend):
    """The backend; see `Backend`."""

    def __init__(self) -> None:
        self.clients: dict[str, InferenceServerClient] = {}
        self.reloads: dict[str, asyncio.Task[None]] = {}

    def deploy(self, model: Model, plan: Deployment) -> Endpoint:
        signing.verify(model.folder)
        with deployment_lock():
            is_new = write_version(model, plan)
            try:
                load_and_check(model.name, model.version)
            except WeaverError:
                if is_new:
                    remove_version(model.name, model.version)
                raise
        return Endpoint(backend="triton", address=f"grpc://127.0.0.1:{settings().triton_grpc_port}", model=model.id)

    def status(self) -> dict[str, str]:
        try:
            index = call_repository("index")
        except Unavailable:
            return {}
        states = {(entry["name"], entry.get("version")): entry.get("state") for entry in index}
        return {
            f"{version.parent.name}-v{version.name}": version_state(
                version, states.get((version.parent.name, version.name))
            )
            for version in models_folder().glob("*/[0-9]*")
        }

    async def stream(self, endpoint: Endpoint, request: dict[str, Any], timeout: float) -> AsyncIterator[Chunk]:
        tensor = request | {"model": endpoint.model, "stream": True, "stream_options": {"include_usage": True}}
        responses = self.client(endpoint.address).stream_infer(
            yield_one(make_inference(endpoint.model, tensor)),
            stream_timeout=timeout,
            headers=grpc_key() | {"triton_grpc_error": "true"},  # errors with a status code
        )
        try:
            chunk: Chunk = {}
            async for result, error in responses:
                if error:
                    raise Unavailable(f"Triton cannot answer for {endpoint.model}: {error.message()}")
                chunk = orjson.loads(result.as_numpy("chunk")[0])
                yield chunk
            if "usage" not in chunk:
                raise Unavailable(f"Triton ended its answer for {endpoint.model} before it was complete")
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.INVALID_ARGUMENT:
                raise WeaverError(f"the model rejects the request: {error.details()}", "Change the request.") from error
            if "not healthy" in str(error.details()):
                self.reload_in_background(endpoint.model)
            raise Unavailable(
                f"Triton lost the request to {endpoint.model}: {error.code().name}: {error.details()}"
            ) from error
        finally:
            responses.cancel()  # so that llama.cpp stops generating

    def unload(self, model: str) -> None:
        name, version = split_model_id(model)
        with deployment_lock():
            remove_version(name, version)

    async def close(self) -> None:
        for client in self.clients.values():
            await client.close()
        self.clients.clear()

    def client(self, address: str) -> InferenceServerClient:
        """The gRPC client of an address."""
        if address not in self.clients:
            self.clients[address] = InferenceServerClient(address.removeprefix("grpc://"), channel_args=CHANNEL)
        return self.clients[address]

    def reload_in_background(self, model: str) -> None:
        """Reload a version whose process died, which Triton does not do by itself; other backends answer meanwhile."""
        if model not in self.reloads or self.reloads[model].done():
            self.reloads[model] = asyncio.create_task(asyncio.to_thread(reload_crashed, *split_model_id(model)))


def deployment_lock() -> AbstractContextManager[None]:
    """One process at a time loads or unloads versions."""
    return file_lock(settings().home / "serving" / "triton" / "lock", "loading or unloading a version in Triton")


def models_folder() -> Path:
    """Triton's model repository."""
    return settings().home / "serving" / "triton" / "models"


def split_model_id(model: str) -> tuple[str, int]:
    """A model id as its template and version."""
    name, _, version = model.rpartition("-v")
    return name, int(version)


def write_version(model: Model, plan: Deployment) -> bool:
    """Write a version's folder in Triton's layout, the model as a hard link. Returns whether it is new."""
    target = models_folder() / model.name / str(model.version)
    options = json.dumps(plan.model_dump(include={"context", "parallel", "threads"}))
    if target.exists():
        if (target / "settings.json").read_text() != options:
            write_text(target / "settings.json", options)
        return False
    if not target.parent.exists():
        write_text(target.parent / "config.pbtxt", CONFIG.format(name=model.name))
    with atomic_write(target) as temporary:
        temporary.mkdir()
        link_or_copy(model.folder / "model.gguf", temporary / "model.gguf")
        shutil.copyfile(PROGRAM, temporary / "model.py")
        (temporary / "settings.json").write_text(options)
        # A file in place of the folder that Python would create for compiled code: Triton reloads changed folders.
        (temporary / "__pycache__").touch()
    return True


def link_or_copy(file: Path, target: Path) -> None:
    """Make `target` a hard link to `file`, or a copy of it."""
    try:
        os.link(file, target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(file, target)


def load_and_check(name: str, version: int) -> None:
    """Load a version in Triton, and check that it answers."""
    call_repository(f"models/{name}/load")
    if not generates_token(name, version):
        (
            models_folder() / name / str(version) / "settings.json"
        ).touch()  # a crashed one counts as loaded until its folder changes
        call_repository(f"models/{name}/load")
        if not generates_token(name, version):
            message = f"{name}-v{version} is loaded in Triton but does not answer"
            raise WeaverError(message, f"Read {supervisor.log_file('triton')}.")


def reload_crashed(name: str, version: int) -> None:
    """Reload a version, if it is still deployed."""
    with suppress(WeaverError), deployment_lock():
        if (models_folder() / name / str(version)).exists():
            load_and_check(name, version)


def remove_version(name: str, version: int) -> None:
    """Remove a version: its folder first, so that a half removed one is not loaded again. Requests in flight finish."""
    target = models_folder() / name / str(version)
    if not target.exists():
        return
    shutil.rmtree(target)
    last = not any(target.parent.glob("[0-9]*"))
    with suppress(Unavailable):
        call_repository(f"models/{name}/{'unload' if last else 'load'}")
    if last:
        shutil.rmtree(target.parent)


def call_repository(path: str) -> Any:
    """Call Triton's model repository API.

    Raises:
        Unavailable: Triton is not running.
        WeaverError: it answers with an error; with its message.
    """
    try:
        header = {TRITON_KEY: settings().secret("triton_control")}
        response = httpx.post(f"{settings().triton_url}/v2/repository/{path}", headers=header, timeout=LOAD_TIMEOUT)
    except (httpx.HTTPError, FileNotFoundError) as error:  # a home where the servers never ran has no keys
        raise Unavailable(
            f"Triton does not answer: {error}", "Run `weaver up`; `weaver status` shows the servers."
        ) from error
    if not response.is_success:
        message = response.json()["error"]
        raise WeaverError(f"Triton answers with an error: {message}", f"Read its log, {supervisor.log_file('triton')}.")
    return response.json() if response.content else None


def generates_token(name: str, version: int) -> bool:
    """Whether a version generates a token."""
    url = f"{settings().triton_url}/v2/models/{name}/versions/{version}/generate"
    header = {TRITON_KEY: settings().secret("triton")}
    try:
        return httpx.post(url, headers=header, json={"request": json.dumps(PROBE)}, timeout=LOAD_TIMEOUT).is_success
    except httpx.HTTPError:
        return False


def version_state(version: Path, state: str | None) -> str:
    """ready, loading or failed; Triton shows READY for a crashed version too, so a ready one must generate a token."""
    if state == "READY":
        return "ready" if generates_token(version.parent.name, int(version.name)) else "failed"
    return "loading" if state == "LOADING" else "failed"


def grpc_key() -> dict[str, str]:
    """The header with Triton's key."""
    return {f"triton-grpc-protocol-{TRITON_KEY}": settings().secret("triton")}


def make_inference(model: str, request: dict[str, Any]) -> dict[str, Any]:
    """The arguments of an inference call."""
    name, version = split_model_id(model)
    tensor = InferInput("request", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([orjson.dumps(request)], dtype=np.object_))
    return {"model_name": name, "model_version": str(version), "inputs": [tensor]}


async def yield_one(item: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """An asynchronous iterator of one item."""
    yield item


BACKEND = Triton
