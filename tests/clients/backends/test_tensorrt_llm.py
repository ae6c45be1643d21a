"""What is written for TensorRT-LLM is right, and the real Triton serves it; only its engine needs a GPU.

In place of NVIDIA's program stands one that speaks its interface (`llmapi_stand_in.py`).
"""

import asyncio
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import text_format
from tritonclient.grpc import InferenceServerClient, model_config_pb2
from tritonclient.utils import InferenceServerException

from pipelines.clients.backends import Model, tensorrt_llm
from pipelines.core import signing
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.plan import Deployment
from pipelines.core.routes import Endpoint
from pipelines.stack import credentials, triton_server

from ...ports import free_port

PLAN = Deployment(quantisation="bf16", context=512, parallel=2)
ASKED = {"messages": [{"role": "user", "content": "Where is the oil?"}], "max_tokens": 8, "temperature": 0.5}


@pytest.fixture
def model(home: Path, small_base: Path) -> Any:
    """`model(3)`: version 3 of a signed model folder."""

    def make(version: int) -> Model:
        folder = home / "store" / str(version)
        shutil.copytree(small_base, folder)
        signing.sign(folder)
        return Model("advisor", version, folder)

    credentials.create_missing()
    return make


def test_without_a_gpu_the_configuration_is_written_and_says_what_to_run_where_there_is_one(model: Any) -> None:
    third = model(3)
    with pytest.raises(WeaverError, match=r"no NVIDIA driver(.|\n)*serve\.sh") as error_info:
        tensorrt_llm.BACKEND().deploy(third, PLAN)
    assert "hf_ptq" not in str(error_info.value), "bf16 is served as it is"

    config = tensorrt_llm.model_repository() / "advisor-v3" / "config.pbtxt"
    parsed = text_format.Parse(config.read_text(), model_config_pb2.ModelConfig())
    assert (parsed.name, parsed.backend, parsed.max_batch_size) == ("advisor-v3", "python", 0)
    assert {tensor.name for tensor in parsed.input if not tensor.optional} == {"text_input"}
    arguments = yaml.safe_load((config.parent / "1" / "model.yaml").read_text())
    assert arguments["model"] == arguments["tokenizer"] == str(third.folder)
    assert (arguments["max_batch_size"], arguments["max_seq_len"]) == (2, 512)


@pytest.mark.parametrize(("bits", "kind"), [("int8", "fp8"), ("int4", "int4_awq")])
def test_weights_must_be_quantised_first(model: Any, bits: str, kind: str) -> None:
    plan = Deployment(quantisation=bits)
    with pytest.raises(WeaverError, match=rf"hf_ptq\.py .* --qformat {kind} .*; sh .*serve\.sh") as error_info:
        tensorrt_llm.BACKEND().deploy(model(3), plan)
    arguments = yaml.safe_load((tensorrt_llm.model_repository() / "advisor-v3" / "1" / "model.yaml").read_text())
    assert f"--export_path {shlex.quote(arguments['model'])};" in str(error_info.value)


def test_without_triton_the_backend_is_unavailable(home: Path, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_llm, "PORT", free_port())
    monkeypatch.setattr(tensorrt_llm, "DRIVER", home)
    with pytest.raises(Unavailable, match=r"Run serve\.sh"):
        tensorrt_llm.BACKEND().deploy(model(3), PLAN)


def test_neither_the_script_nor_the_words_hold_a_key(home: Path, model: Any) -> None:
    with pytest.raises(WeaverError) as error_info:
        tensorrt_llm.BACKEND().deploy(model(3), PLAN)
    script = (tensorrt_llm.folder() / "serve.sh").read_text()
    for name in ("triton", "triton_control"):
        assert (home / "secrets" / name).read_text() not in script + str(error_info.value)
    assert "--grpc-address=127.0.0.1" in script and "--allow-http=false" in script
    assert "--model-control-mode=poll" in script, "nobody can ask it to load or unload"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('name: "advisor', 'name: "adviser', "the field name was changed"),
        ("TYPE_FP32", "TYPE_FP16", "the field input was changed"),
        ("TYPE_FP32", "TYPE_FP33", "TYPE_FP33"),
        ('"finish_reason"', '"finish"', "the field output was changed"),
        ('backend: "python"', 'backend: "pytorch"', "the field backend was changed"),
    ],
)
def test_a_changed_interface_is_an_error(model: Any, old: str, new: str, fault: str) -> None:
    third = model(3)
    with pytest.raises(WeaverError):
        tensorrt_llm.BACKEND().deploy(third, PLAN)
    file = tensorrt_llm.model_repository() / "advisor-v3" / "config.pbtxt"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(WeaverError, match=fault):
        tensorrt_llm.BACKEND().deploy(third, PLAN)


@pytest.fixture
def served(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Any) -> Iterator[None]:
    """The real Triton, started by `serve.sh`, as on a machine with a driver."""
    credentials.create_missing()
    triton_server.prepare_folders()
    monkeypatch.setattr(tensorrt_llm, "PORT", free_port())
    with pytest.raises(WeaverError):
        tensorrt_llm.BACKEND().deploy(model(1), PLAN)
    monkeypatch.setattr(tensorrt_llm, "DRIVER", tmp_path)
    program = tensorrt_llm.folder() / "llmapi" / "model.py"
    program.parent.mkdir()
    shutil.copyfile(Path(__file__).with_name("llmapi_stand_in.py"), program)
    wrapper = tmp_path / "bin" / "tritonserver"  # which the container has on its PATH, with backends where it looks
    wrapper.parent.mkdir()
    real = shlex.join(
        [str(triton_server.triton_folder() / "bin" / "tritonserver"), f"--backend-directory={backends(home)}"]
    )
    wrapper.write_text(f'#!/bin/sh\nexec {real} "$@"\n')
    wrapper.chmod(0o700)
    environment = os.environ | triton_server.environment()
    environment["PATH"] = f"{wrapper.parent}:{environment['PATH']}"
    with (tmp_path / "log").open("w") as log:
        script = ["sh", str(tensorrt_llm.folder() / "serve.sh"), str(tensorrt_llm.PORT)]
        server = subprocess.Popen(script, env=environment, stdout=log, stderr=log, start_new_session=True)
    yield
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def backends(home: Path) -> Path:
    return home / "serving" / "triton" / "backends"


def answer(endpoint: Endpoint, **other: Any) -> list[dict[str, Any]]:
    async def collect() -> list[dict[str, Any]]:
        backend = tensorrt_llm.BACKEND()
        try:
            return [chunk async for chunk in backend.stream(endpoint, ASKED | other, timeout=30)]
        finally:
            await backend.close()

    return asyncio.run(collect())


def refused(call: Callable[[InferenceServerClient], object]) -> str:
    """Triton's error message; "" if there is no error."""
    client = InferenceServerClient(f"127.0.0.1:{tensorrt_llm.PORT}")
    try:
        call(client)
    except InferenceServerException as error:
        return error.message()
    finally:
        client.close()
    return ""


def text(chunks: list[dict[str, Any]]) -> str:
    return "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks if chunk["choices"])


def test_triton_loads_versions_as_they_come_and_lets_them_go(served: None, model: Any) -> None:
    backend = tensorrt_llm.BACKEND()
    while refused(lambda client: client.is_server_live(headers=tensorrt_llm.auth_header())):
        time.sleep(0.2)
    first = backend.deploy(Model("advisor", 1, tensorrt_llm.settings().home / "store" / "1"), PLAN)
    second = backend.deploy(model(2), PLAN)
    laid = {file: file.stat().st_mtime_ns for file in tensorrt_llm.model_repository().rglob("*")}
    assert backend.deploy(Model("advisor", 2, tensorrt_llm.settings().home / "store" / "2"), PLAN) == second
    assert laid == {file: file.stat().st_mtime_ns for file in tensorrt_llm.model_repository().rglob("*")}, (
        "it loads again"
    )
    assert backend.status() == {"advisor-v1": "ready", "advisor-v2": "ready"}

    chunks = answer(second)
    assert text(chunks) == "the oil? ### Assistant: 0.5", "the conversation was rendered, and its settings passed on"
    assert len(chunks) == 6 and chunks[-2]["choices"][0]["finish_reason"] == "length"
    assert chunks[-1]["usage"]["completion_tokens"] > 0
    assert text(answer(second, max_tokens=2, stop=["###"])) == "the oil?"

    assert "restricted" in refused(lambda client: client.is_server_live()), "without its key"
    control = {tensorrt_llm.AUTH_HEADER: tensorrt_llm.settings().secret("triton_control")}
    assert "polling" in refused(lambda client: client.load_model("advisor-v1", headers=control)), "whatever the key"

    backend.unload("advisor-v1")
    backend.unload("advisor-v1")
    for _ in range(100):
        if not tensorrt_llm.is_ready("advisor-v1"):
            break
        time.sleep(0.2)
    with pytest.raises((Unavailable, WeaverError)):
        answer(first)
    assert text(answer(second))
