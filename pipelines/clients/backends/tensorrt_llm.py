"""TensorRT-LLM on a GPU, in a Triton of its own: configuration that is written and checked here, and run there.

The form is the one that NVIDIA recommends since engines built ahead (`trtllm-build` and its ensemble of four models)
were deprecated: one model of Triton's Python backend, whose program (`llmapi`, of TensorRT-LLM's repository) reads
`model.yaml` and serves a Hugging Face folder. Triton watches its model repository: a folder that comes is loaded, one
that goes is unloaded, and nobody can ask it for either. Each version is a model of its own there, for of one model
Triton would load all versions again when one comes or goes.
See docs.nvidia.com/deeplearning/triton-inference-server/user-guide (Deploying an LLM with Triton and TRT-LLM).
"""

import asyncio
import shlex
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import tritonclient.grpc
import yaml
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from pipelines.clients.backends import Chunk, Model, llmapi
from pipelines.core import signing
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.files import memoize_dir, write_text
from pipelines.core.plan import Deployment
from pipelines.core.routes import Endpoint
from pipelines.core.settings import settings

PORT = 8021  # as in tensorrt_llm.sh
KEY = "triton-grpc-protocol-weaver-key"
DRIVER = Path("/proc/driver/nvidia/version")
IMAGE = "nvcr.io/nvidia/tritonserver:26.09-trtllm-python-py3"
LOADING = 900.0  # seconds that a version may take
# TensorRT-LLM has no INT8 for Llama and Mistral on PyTorch: its eight bits are FP8. None quantises by itself.
FORMATS = {"int8": "fp8", "int4": "int4_awq"}
SERVE = Path(__file__).with_suffix(".sh")


class TensorRTLLM:
    def __init__(self) -> None:
        self.client: InferenceServerClient | None = None

    def deploy(self, model: Model, plan: Deployment) -> Endpoint:
        """Write the version's configuration, and wait until Triton has loaded it.

        Raises:
            WeaverError: there is no GPU, or no quantised model yet: says what to run, and where; or it does not load.
            Unavailable: Triton does not run.
        """
        signing.verify(model.folder)
        write(model, plan)
        llmapi.check(models() / model.id)
        quantised = weights(model, plan).exists()
        if not DRIVER.exists() or not quantised:
            steps = [] if quantised else [shlex.join(quantise(model, plan))]
            raise WeaverError(
                f"{model.id} is configured for TensorRT-LLM in {models()}, and does not run: "
                + ("its weights are not quantised yet" if DRIVER.exists() else "this machine has no NVIDIA driver"),
                f"On a machine with an NVIDIA GPU and this WEAVER_HOME, in {IMAGE}, run: "
                + "; ".join([*steps, f"sh {shlex.quote(str(folder() / 'serve.sh'))}"]),
            )
        end = time.monotonic() + LOADING
        while not ready(model.id):
            if time.monotonic() > end:
                raise WeaverError(f"Triton did not load {model.id} within {LOADING:.0f} s", "Its log says why.")
            time.sleep(1)
        return Endpoint(backend="tensorrt_llm", address=f"grpc://127.0.0.1:{PORT}", model=model.id)

    def status(self) -> dict[str, str]:
        """A version that is not ready is loading, or failed to: Triton's log knows."""
        return {entry.name: "ready" if ready(entry.name) else "loading" for entry in models().glob("[!.]*")}

    async def stream(self, endpoint: Endpoint, request: dict[str, Any], timeout: float) -> AsyncIterator[Chunk]:
        tokenizer = await asyncio.to_thread(tokenizer_of, endpoint.model)
        prompt = llmapi.rendered(tokenizer, request["messages"])
        asked = {"model_name": endpoint.model, "inputs": llmapi.tensors(prompt, request)}
        self.client = self.client or InferenceServerClient(endpoint.address.removeprefix("grpc://"))
        stream = self.client.stream_infer(
            only(asked | {"enable_empty_final_response": True}), stream_timeout=timeout, headers=key()
        )
        answer = llmapi.Answer(endpoint.model)
        try:
            async for result, error in stream:
                if error:
                    raise Unavailable(f"TensorRT-LLM does not answer for {endpoint.model}: {error.message()}")
                if chunk := answer.add(result):
                    yield chunk
                if result.get_response().parameters["triton_final_response"].bool_param:
                    break
        except grpc.aio.AioRpcError as error:
            raise Unavailable(f"TensorRT-LLM broke off for {endpoint.model}: {error.details()}") from error
        finally:
            stream.cancel()  # at which it stops generating
        if not answer.finish:
            raise Unavailable(f"TensorRT-LLM ended its answer for {endpoint.model} before it was whole")
        yield answer.usage(tokenizer, prompt)

    def unload(self, model: str) -> None:
        shutil.rmtree(models() / model, ignore_errors=True)

    async def close(self) -> None:
        if self.client:
            await self.client.close()


BACKEND = TensorRTLLM


def folder() -> Path:
    return settings().home / "serving" / "tensorrt_llm"


def models() -> Path:
    """Triton's model repository."""
    return folder() / "models"


def weights(model: Model, plan: Deployment) -> Path:
    """The Hugging Face folder that is served: the model's own, or what `quantise` leaves."""
    bits = plan.quantisation
    return folder() / "weights" / f"{model.id}-{FORMATS[bits]}" if bits in FORMATS else model.folder


def quantise(model: Model, plan: Deployment) -> list[str]:
    """NVIDIA's Model Optimizer, from a checkout of its repository; needs a GPU."""
    return [
        *("python3", "Model-Optimizer/examples/hf_ptq/hf_ptq.py", "--pyt_ckpt_path", str(model.folder)),
        *("--qformat", FORMATS[plan.quantisation], "--kv_cache_qformat", "none"),
        *("--export_path", str(weights(model, plan))),
    ]


def write(model: Model, plan: Deployment) -> None:
    """A version's entry in the repository, and the script that serves it.

    What is there stays: somebody may have tuned it, and Triton would load the version again.
    """
    arguments = {  # of tensorrt_llm.LLM
        "model": str(weights(model, plan)),
        "tokenizer": str(model.folder),
        "backend": "pytorch",
        "max_batch_size": plan.parallel,
        "max_seq_len": plan.context,
        "kv_cache_config": {"max_tokens": plan.parallel * plan.context},  # unbounded, the first version takes the GPU
        "triton_config": {"max_batch_size": 0, "decoupled": True},
    }

    def lay(entry: Path) -> None:
        (entry / "config.pbtxt").write_text(llmapi.config(model.id))
        (entry / "1").mkdir()
        (entry / "1" / "model.yaml").write_text(yaml.safe_dump(arguments, sort_keys=False))
        for program in (folder() / "llmapi").glob("*.py"):
            shutil.copy(program, entry / "1")

    memoize_dir(models() / model.id, lay)  # whole: at a model without its program Triton hangs
    write_text(folder() / "serve.sh", SERVE.read_text())


def ready(model: str) -> bool:
    """
    Raises:
        Unavailable: Triton does not run.
    """
    client = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{PORT}")
    try:
        return bool(client.is_model_ready(model, headers=key()))
    except InferenceServerException as error:
        if error.status() != "StatusCode.UNAVAILABLE":
            return False
        raise Unavailable(f"Triton with TensorRT-LLM does not run: {error.message()}", "Run serve.sh.") from error
    finally:
        client.close()


def key() -> dict[str, str]:
    return {KEY: settings().secret("triton")}


def tokenizer_of(model: str) -> Any:
    try:
        arguments = yaml.safe_load((models() / model / "1" / "model.yaml").read_text())
    except FileNotFoundError:
        raise Unavailable(f"TensorRT-LLM serves no {model}: it was unloaded") from None
    return llmapi.tokenizer_of(Path(arguments["tokenizer"]))


async def only(item: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    yield item
