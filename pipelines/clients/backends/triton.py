"""NVIDIA Triton: one server for all versions; each is a version of its template's model, with llama.cpp inside.

What is deployed is what has a folder in `serving/triton/models/<name>/<version>`. Triton loads all of them when it
starts, so they come back after any end; and asked to load a model again, it looks which folders came, went or changed,
and leaves the other versions as they are.
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
from pipelines.clients.backends import Chunk, Model
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
CANARY = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
PATIENCE = 300.0  # seconds until a version must be loaded, or its canary answered
CHANNEL = [
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),  # a Triton that was started again is found at once; gRPC waits minutes
    ("grpc.enable_http_proxy", 0),
]


class Triton:
    def __init__(self) -> None:
        self.clients: dict[str, InferenceServerClient] = {}
        self.healing: dict[str, asyncio.Task[None]] = {}

    def deploy(self, model: Model, plan: Deployment) -> Endpoint:
        signing.verify(model.folder)
        with changing():
            fresh = fill(model, plan)
            try:
                bring(model.name, model.version)
            except WeaverError:
                if fresh:
                    remove(model.name, model.version)
                raise
        return Endpoint(backend="triton", address=f"grpc://127.0.0.1:{settings().triton_grpc_port}", model=model.id)

    def status(self) -> dict[str, str]:
        try:
            index = control("index")
        except Unavailable:
            return {}
        known = {(entry["name"], entry.get("version")): entry.get("state") for entry in index}
        return {
            f"{version.parent.name}-v{version.name}": verdict(version, known.get((version.parent.name, version.name)))
            for version in folder().glob("*/[0-9]*")
        }

    async def stream(self, endpoint: Endpoint, request: dict[str, Any], timeout: float) -> AsyncIterator[Chunk]:
        asked = request | {"model": endpoint.model, "stream": True, "stream_options": {"include_usage": True}}
        answer = self.client(endpoint.address).stream_infer(
            only(inference(endpoint.model, asked)),
            stream_timeout=timeout,
            headers=grpc_key() | {"triton_grpc_error": "true"},  # errors with a status code
        )
        try:
            chunk: Chunk = {}
            async for result, error in answer:
                if error:
                    raise Unavailable(f"Triton does not answer for {endpoint.model}: {error.message()}")
                chunk = orjson.loads(result.as_numpy("chunk")[0])
                yield chunk
            if "usage" not in chunk:
                raise Unavailable(f"Triton ended its answer for {endpoint.model} before it was whole")
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.INVALID_ARGUMENT:
                raise WeaverError(f"the model refuses the request: {error.details()}", "Change the request.") from error
            if "not healthy" in str(error.details()):
                self.heal(endpoint.model)
            raise Unavailable(
                f"Triton broke off for {endpoint.model}: {error.code().name}: {error.details()}"
            ) from error
        finally:
            answer.cancel()  # at which llama.cpp stops generating

    def unload(self, model: str) -> None:
        name, version = split(model)
        with changing():
            remove(name, version)

    async def close(self) -> None:
        for client in self.clients.values():
            await client.close()
        self.clients.clear()

    def client(self, address: str) -> InferenceServerClient:
        if address not in self.clients:
            self.clients[address] = InferenceServerClient(address.removeprefix("grpc://"), channel_args=CHANNEL)
        return self.clients[address]

    def heal(self, model: str) -> None:
        """Load a version again whose process died: Triton itself does not. Others are asked meanwhile."""
        if model not in self.healing or self.healing[model].done():
            self.healing[model] = asyncio.create_task(asyncio.to_thread(heal, *split(model)))


def changing() -> AbstractContextManager[None]:
    return file_lock(settings().home / "serving" / "triton" / "lock", "loading or unloading a version in Triton")


def folder() -> Path:
    return settings().home / "serving" / "triton" / "models"


def split(model: str) -> tuple[str, int]:
    name, _, version = model.rpartition("-v")
    return name, int(version)


def fill(model: Model, plan: Deployment) -> bool:
    """Lay a version out as Triton wants it, the model by a hard link; False if it is there, with these settings."""
    target = folder() / model.name / str(model.version)
    wanted = json.dumps(plan.model_dump(include={"context", "parallel", "threads"}))
    if target.exists():
        if (target / "settings.json").read_text() != wanted:
            write_text(target / "settings.json", wanted)
        return False
    if not target.parent.exists():
        write_text(target.parent / "config.pbtxt", CONFIG.format(name=model.name))
    with atomic_write(target) as temporary:
        temporary.mkdir()
        link(model.folder / "model.gguf", temporary / "model.gguf")
        shutil.copyfile(PROGRAM, temporary / "model.py")
        (temporary / "settings.json").write_text(wanted)
        # A file where Python would have its folder of compiled code: a version that changes by itself is loaded anew.
        (temporary / "__pycache__").touch()
    return True


def link(file: Path, target: Path) -> None:
    try:
        os.link(file, target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(file, target)


def bring(name: str, version: int) -> None:
    """Have Triton load what changed, and see that the version answers."""
    control(f"models/{name}/load")
    if not answers(name, version):
        (folder() / name / str(version) / "settings.json").touch()  # to Triton a dead one is loaded, until it changes
        control(f"models/{name}/load")
        if not answers(name, version):
            words = f"{name}-v{version} is loaded in Triton and does not answer"
            raise WeaverError(words, f"See {supervisor.log_file('triton')}.")


def heal(name: str, version: int) -> None:
    with suppress(WeaverError), changing():
        if (folder() / name / str(version)).exists():
            bring(name, version)


def remove(name: str, version: int) -> None:
    """The folder first: what is half removed does not come back. Triton lets a version finish its requests."""
    target = folder() / name / str(version)
    if not target.exists():
        return
    shutil.rmtree(target)
    last = not any(target.parent.glob("[0-9]*"))
    with suppress(Unavailable):
        control(f"models/{name}/{'unload' if last else 'load'}")
    if last:
        shutil.rmtree(target.parent)


def control(path: str) -> Any:
    """Ask Triton's model repository.

    Raises:
        Unavailable: Triton does not run.
        WeaverError: it refuses; with its words.
    """
    try:
        header = {TRITON_KEY: settings().secret("triton_control")}
        done = httpx.post(f"{settings().triton_url}/v2/repository/{path}", headers=header, timeout=PATIENCE)
    except (httpx.HTTPError, FileNotFoundError) as error:  # a home that was never up has no keys
        raise Unavailable(f"Triton does not answer: {error}", "Run `weaver up`; see `weaver status`.") from error
    if not done.is_success:
        words = done.json()["error"]
        raise WeaverError(f"Triton: {words}", f"Its log says more: {supervisor.log_file('triton')}.")
    return done.json() if done.content else None


def answers(name: str, version: int) -> bool:
    """Whether a version generates a token."""
    url = f"{settings().triton_url}/v2/models/{name}/versions/{version}/generate"
    header = {TRITON_KEY: settings().secret("triton")}
    try:
        return httpx.post(url, headers=header, json={"request": json.dumps(CANARY)}, timeout=PATIENCE).is_success
    except httpx.HTTPError:
        return False


def verdict(version: Path, state: str | None) -> str:
    """Triton says READY of a version whose process died, too: only an answer tells."""
    if state == "READY":
        return "ready" if answers(version.parent.name, int(version.name)) else "failed"
    return "loading" if state == "LOADING" else "failed"


def grpc_key() -> dict[str, str]:
    return {f"triton-grpc-protocol-{TRITON_KEY}": settings().secret("triton")}


def inference(model: str, request: dict[str, Any]) -> dict[str, Any]:
    name, version = split(model)
    asked = InferInput("request", [1], "BYTES")
    asked.set_data_from_numpy(np.array([orjson.dumps(request)], dtype=np.object_))
    return {"model_name": name, "model_version": str(version), "inputs": [asked]}


async def only(item: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    yield item


BACKEND = Triton
