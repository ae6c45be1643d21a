"""A home of its own for the serving benches: supervised backends and a gateway, on free ports, gone afterwards.

The model is the base that the environment carries (a GGUF file, Q4_1), under a template's name: how fast it answers
does not depend on what it has learnt, only on how long its answers are.
"""

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import httpx
import yaml

from pipelines import signing
from pipelines.bench.serve_load import Door
from pipelines.files import digest, write_text
from pipelines.local_model import packaged_gguf
from pipelines.serving import routes
from pipelines.serving.backends import Model, backend
from pipelines.serving.routes import Place, Route, Served
from pipelines.settings import TRITON_KEY, settings
from pipelines.stack import keys, servers, supervision
from pipelines.templates import Template, load_template, make_plan

CACHED = "service_advisor"
UNCACHED = "service_advisor_uncached"  # the same, but for a cache: what is measured is the way to the model


@contextmanager
def own_home() -> Iterator[Path]:
    """A WEAVER_HOME that nobody else uses, while this lasts, with the servers of the serving room in it."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="weaver-bench-", ignore_cleanup_errors=True) as folder:
        ports = {f"WEAVER_{server}_PORT": str(free_port()) for server in ("GATEWAY", "TRITON_HTTP", "TRITON_GRPC")}
        os.environ |= {"WEAVER_HOME": folder} | ports
        settings.cache_clear()
        try:
            write_uncached()
            keys.make()
            supervision.launch()
            supervision.start(servers.SERVING)
            wait_for(f"{settings().gateway_url}/healthz")
            wait_for(f"{settings().triton_url}/v2/health/ready", **{TRITON_KEY: settings().secret("triton")})
            yield Path(folder)
        finally:
            supervision.end()
            os.environ.clear()
            os.environ |= before
            settings.cache_clear()


def write_uncached() -> None:
    """The template UNCACHED, among those of this home."""
    policy = template().serving.model_copy(update={"cache": "off"})
    other = template().model_copy(update={"name": UNCACHED, "serving": policy})
    write_text(settings().templates / f"{UNCACHED}.yaml", yaml.safe_dump(other.model_dump(mode="json")))


@cache
def template() -> Template:
    return load_template(CACHED)


def deploy(version: int, *backends: str) -> list[Place]:
    """Load the packaged model as a version of the Service Advisor; where it then is."""
    folder = settings().home / "deployments" / CACHED / f"v{version}"
    if not folder.exists():
        folder.mkdir(parents=True)
        shutil.copy(packaged_gguf(), folder / "model.gguf")
        signing.sign(folder)
    model = Model(CACHED, version, folder)
    return [backend(name).deploy(model, make_plan(CACHED).deployment) for name in backends]


def route(name: str, places: dict[int, list[Place]], champion: int) -> None:
    """Let a version answer for a template; the others stay served."""
    served = [
        Served(
            name=name,
            version=version,
            digest=digest(f"{name} {version}"),
            system_prompt=template().system_prompt,
            max_new_tokens=48,
            places=at,
        )
        for version, at in places.items()
    ]
    Route(name=name, champion=champion, served=served, shares={champion: 1.0}).save(routes.file_of(name))


def straight(at: Place) -> Door:
    """A llama.cpp server itself."""
    return Door("http://localhost/v1/chat/completions", at.model, socket=at.endpoint.removeprefix("unix:"))


def gateway(model: str) -> Door:
    return Door(f"{settings().gateway_url}/v1/chat/completions", model, settings().secret("gateway"))


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
        return port


def wait_for(health: str, **headers: str) -> None:
    """Return once a server says that it is well.

    Raises:
        httpx.HTTPError: it did not in two minutes.
    """
    end = time.monotonic() + 120
    while True:
        try:
            httpx.get(health, headers=headers, timeout=5, trust_env=False).raise_for_status()
            return
        except httpx.HTTPError:
            if time.monotonic() > end:
                raise
        time.sleep(0.1)
