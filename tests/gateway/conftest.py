"""A real gateway in front of a real llama.cpp: processes of their own, used as clients use them."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import yaml

from pipelines import request_log
from pipelines.core import routes
from pipelines.core.routes import Endpoint, Route, ServedVersion
from pipelines.core.settings import settings
from pipelines.core.templates import find_template_files

from ..conftest import make_home
from ..ports import free_port
from .engine import Engine

TEMPLATE = "dealership_operations"  # it looks nothing up


class Gateway:
    """`weaver serve` in this test's home."""

    def __init__(self, **environment: str) -> None:
        self.home, self.port = settings().home, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = os.environ | {"WEAVER_GATEWAY_PORT": str(self.port)} | environment
        self.log_file = self.home / "gateway.log"

    def start(self) -> "Gateway":
        with self.log_file.open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pipelines.cli.main", "serve"],
                env=self.environment,
                stdout=output,
                stderr=output,
            )
        until(self.alive, 60)
        return self

    def alive(self) -> bool:
        assert self.process.poll() is None, self.log_file.read_text()
        try:
            return httpx.get(f"{self.url}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)

    @property
    def key(self) -> str:
        return settings().secret("gateway")

    def client(self, key: str = "") -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key or self.key, max_retries=0, timeout=60)

    def ask(self, text: str, model: str = TEMPLATE, key: str = "", **options: Any) -> Any:
        body = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 8} | options
        return self.client(key).chat.completions.create(**body)

    def get(self, path: str, key: str = "") -> httpx.Response:
        return httpx.get(f"{self.url}{path}", headers={"authorization": f"Bearer {key or self.key}"})

    def post(self, path: str, key: str = "", **options: Any) -> httpx.Response:
        return httpx.post(f"{self.url}{path}", headers={"authorization": f"Bearer {key or self.key}"}, **options)

    def weaver(self, *verb: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pipelines.cli.main", *verb]
        return subprocess.run(
            command, env=self.environment, input=typed, capture_output=True, text=True, timeout=120, check=False
        )

    def json(self, *verb: str) -> Any:
        done = self.weaver(*verb, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def deploy(self, *engines: Engine, serving: dict[str, Any] | None = None, **others: Any) -> str:
        """A template of its own, served as version 3 on each of these engines; returns its name, once it answers."""
        name = f"desk_{uuid.uuid4().hex[:8]}"
        template = yaml.safe_load(find_template_files()[TEMPLATE].read_text()) | {
            "name": name,
            "serving": serving or {},
        }
        own = settings().templates / f"{name}.yaml"
        own.parent.mkdir(exist_ok=True)
        own.write_text(yaml.safe_dump(template))
        route(name, *engines, **others)
        until(lambda: name in self.get("/v1/models").text)
        return name


def route(
    name: str,
    *engines: Engine,
    versions: tuple[int, ...] = (3,),
    endpoints: list[Endpoint] | None = None,
    min_confidence: float = 0.0,
    **others: Any,
) -> Route:
    """The first version is the champion, and has all of the traffic if nothing else is said."""
    versions_in_route = [
        ServedVersion(
            name=name,
            version=version,
            digest=f"the bytes of {name}-v{version}",
            system_prompt="You are a service advisor.",
            max_new_tokens=16,
            min_confidence=min_confidence,
            endpoints=endpoints
            or [
                Endpoint(backend="llama_cpp", address=engine.address, model=f"{name}-v{version}", cost_per_hour=0.1)
                for engine in engines
            ],
        )
        for version in versions
    ]
    fields = {
        "name": name,
        "champion": versions[0],
        "versions": versions_in_route,
        "shares": {versions[0]: 1.0},
    } | others
    written = Route.model_validate(fields)
    routes.write_route(written)
    return written


def exchange(id: str) -> dict[str, Any]:
    """A request's row in the log, once it is there."""
    return until(lambda: [row for row in request_log.read_exchanges().to_pylist() if row["id"] == id])[0]


def shadows_of(id: str) -> list[dict[str, Any]]:
    return [row for row in request_log.read_exchanges().to_pylist() if row["shadow_of"] == id]


def until(condition: Callable[[], Any], seconds: float = 20) -> Any:
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.05)
    return result


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """llama.cpp with SmolLM2, shared by all tests that do not harm it."""
    engine = Engine(tmp_path_factory.mktemp("engine") / "main.sock").start()
    until(engine.ready, 60)
    yield engine
    engine.kill()


@pytest.fixture
def own_engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine to be killed."""
    engine = Engine(tmp_path / "own.sock").start()
    until(engine.ready, 60)
    yield engine
    engine.kill()


@pytest.fixture(scope="module")
def gateway(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory, kept_models: dict[str, Path]
) -> Iterator[Gateway]:
    """A gateway for a whole module, in a home of its own; dealership_operations-v3 is deployed."""
    home = tmp_path_factory.mktemp("gateway")
    make_home(home, kept_models)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEAVER_HOME", str(home))
        settings.cache_clear()
        route(TEMPLATE, engine)
        gateway = Gateway()
        gateway.start()
        yield gateway
        gateway.end()
        assert "Traceback" not in gateway.log_file.read_text(), gateway.log_file.read_text()
    settings.cache_clear()


@pytest.fixture
def own_gateway(engine: Engine, home: Path) -> Iterator[Gateway]:
    """A gateway to be killed; it is not started yet."""
    route(TEMPLATE, engine)
    gateway = Gateway()
    yield gateway
    gateway.end(signal.SIGKILL)
