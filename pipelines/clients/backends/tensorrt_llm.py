"""TensorRT-LLM on a GPU, in a Triton of its own: the configuration is written and checked here, and run there.

It has the form that NVIDIA recommends since engines built ahead (`trtllm-build` and its ensemble of four models) were
deprecated: one model of Triton's Python backend, whose program (`llmapi`, of TensorRT-LLM's repository) reads
`model.yaml` and serves a Hugging Face folder. Triton polls its model repository: a new folder is loaded, a removed one
unloaded, and there is no API for either. Each version is a model of its own, because Triton would reload all versions
of one model when one is added or removed.
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

from pipelines.clients.backends import Backend, Chunk, Model, llmapi
from pipelines.core import signing
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.files import memoize_dir, write_text
from pipelines.core.plan import Deployment
from pipelines.core.routes import Endpoint
from pipelines.core.settings import settings

PORT = 8021  # as in tensorrt_llm.sh
AUTH_HEADER = "triton-grpc-protocol-weaver-key"
DRIVER = Path("/proc/driver/nvidia/version")
IMAGE = "nvcr.io/nvidia/tritonserver:26.09-trtllm-python-py3"
LOAD_TIMEOUT = 900.0  # seconds that a version may take
# TensorRT-LLM has no INT8 for Llama and Mistral on PyTorch: its 8-bit format is FP8. It does not quantise by itself.
FORMATS = {"int8": "fp8", "int4": "int4_awq"}
SERVE = Path(__file__).with_suffix(".sh")


class TensorRTLLM(Backend):
    """The backend; see `Backend`."""

    def __init__(self) -> None:
        self.client: InferenceServerClient | None = None

    def deploy(self, model: Model, plan: Deployment) -> Endpoint:
        """Write the version's configuration, and wait until Triton has loaded it.

        Raises:
            WeaverError: there is no GPU or no quantised model yet; names the commands to run. Or it does not load.
            Unavailable: Triton is not running.
        """
        signing.verify(model.folder)
        write_entry(model, plan)
        llmapi.check_entry(model_repository() / model.id)
        quantised = weights_folder(model, plan).exists()
        if not DRIVER.exists() or not quantised:
            steps = [] if quantised else [shlex.join(quantise_command(model, plan))]
            raise WeaverError(
                f"{model.id} is configured for TensorRT-LLM in {model_repository()}, but cannot run: "
                + ("its weights are not quantised yet" if DRIVER.exists() else "this machine has no NVIDIA driver"),
                f"On a machine with an NVIDIA GPU and this WEAVER_HOME, in {IMAGE}, run: "
                + "; ".join([*steps, f"sh {shlex.quote(str(folder() / 'serve.sh'))}"]),
            )
        end = time.monotonic() + LOAD_TIMEOUT
        while not is_ready(model.id):
            if time.monotonic() > end:
                raise WeaverError(
                    f"Triton did not load {model.id} within {LOAD_TIMEOUT:.0f} s", "Its log has the reason."
                )
            time.sleep(1)
        return Endpoint(backend="tensorrt_llm", address=f"grpc://127.0.0.1:{PORT}", model=model.id)

    def status(self) -> dict[str, str]:
        """A version that is not ready is loading or has failed; Triton's log has the reason."""
        return {
            entry.name: "ready" if is_ready(entry.name) else "loading" for entry in model_repository().glob("[!.]*")
        }

    async def stream(self, endpoint: Endpoint, request: dict[str, Any], timeout: float) -> AsyncIterator[Chunk]:
        tokenizer = await asyncio.to_thread(load_tokenizer, endpoint.model)
        prompt = llmapi.render_prompt(tokenizer, request["messages"])
        inputs = {"model_name": endpoint.model, "inputs": llmapi.make_tensors(prompt, request)}
        self.client = self.client or InferenceServerClient(endpoint.address.removeprefix("grpc://"))
        stream = self.client.stream_infer(
            yield_one(inputs | {"enable_empty_final_response": True}), stream_timeout=timeout, headers=auth_header()
        )
        answer = llmapi.AnswerReader(endpoint.model)
        try:
            async for result, error in stream:
                if error:
                    raise Unavailable(f"TensorRT-LLM cannot answer for {endpoint.model}: {error.message()}")
                if chunk := answer.add(result):
                    yield chunk
                if result.get_response().parameters["triton_final_response"].bool_param:
                    break
        except grpc.aio.AioRpcError as error:
            raise Unavailable(f"TensorRT-LLM lost the request to {endpoint.model}: {error.details()}") from error
        finally:
            stream.cancel()  # so that it stops generating
        if not answer.finish:
            raise Unavailable(f"TensorRT-LLM ended its answer for {endpoint.model} before it was complete")
        yield answer.usage(tokenizer, prompt)

    def unload(self, model: str) -> None:
        shutil.rmtree(model_repository() / model, ignore_errors=True)

    async def close(self) -> None:
        if self.client:
            await self.client.close()


BACKEND = TensorRTLLM


def folder() -> Path:
    """Everything of this backend."""
    return settings().home / "serving" / "tensorrt_llm"


def model_repository() -> Path:
    """Triton's model repository."""
    return folder() / "models"


def weights_folder(model: Model, plan: Deployment) -> Path:
    """The Hugging Face folder that is served: the model's own, or the output of `quantise_command`."""
    bits = plan.quantisation
    return folder() / "weights" / f"{model.id}-{FORMATS[bits]}" if bits in FORMATS else model.folder


def quantise_command(model: Model, plan: Deployment) -> list[str]:
    """The command that quantises a model with NVIDIA's Model Optimizer (a checkout of its repository; needs a GPU)."""
    return [
        *("python3", "Model-Optimizer/examples/hf_ptq/hf_ptq.py", "--pyt_ckpt_path", str(model.folder)),
        *("--qformat", FORMATS[plan.quantisation], "--kv_cache_qformat", "none"),
        *("--export_path", str(weights_folder(model, plan))),
    ]


def write_entry(model: Model, plan: Deployment) -> None:
    """Write a version's entry in the model repository, and the script that serves it.

    An existing entry stays: somebody may have tuned it, and Triton would reload the version.
    """
    arguments = {  # of tensorrt_llm.LLM
        "model": str(weights_folder(model, plan)),
        "tokenizer": str(model.folder),
        "backend": "pytorch",
        "max_batch_size": plan.parallel,
        "max_seq_len": plan.context,
        "kv_cache_config": {
            "max_tokens": plan.parallel * plan.context
        },  # unlimited, the first version would take all GPU memory
        "triton_config": {"max_batch_size": 0, "decoupled": True},
    }

    def write_files(entry: Path) -> None:
        (entry / "config.pbtxt").write_text(llmapi.make_config(model.id))
        (entry / "1").mkdir()
        (entry / "1" / "model.yaml").write_text(yaml.safe_dump(arguments, sort_keys=False))
        for program in (folder() / "llmapi").glob("*.py"):
            shutil.copy(program, entry / "1")

    memoize_dir(model_repository() / model.id, write_files)  # atomic: Triton hangs at a model without its program
    write_text(folder() / "serve.sh", SERVE.read_text())


def is_ready(model: str) -> bool:
    """Whether Triton has loaded a model.

    Raises:
        Unavailable: Triton is not running.
    """
    client = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{PORT}")
    try:
        return bool(client.is_model_ready(model, headers=auth_header()))
    except InferenceServerException as error:
        if error.status() != "StatusCode.UNAVAILABLE":
            return False
        raise Unavailable(f"Triton with TensorRT-LLM is not running: {error.message()}", "Run serve.sh.") from error
    finally:
        client.close()


def auth_header() -> dict[str, str]:
    """The header with Triton's key."""
    return {AUTH_HEADER: settings().secret("triton")}


def load_tokenizer(model: str) -> Any:
    """Return the tokenizer of a model that is loaded.

    Raises:
        Unavailable: the model was unloaded.
    """
    try:
        arguments = yaml.safe_load((model_repository() / model / "1" / "model.yaml").read_text())
    except FileNotFoundError:
        raise Unavailable(f"TensorRT-LLM does not have {model}: it was unloaded") from None
    return llmapi.load_tokenizer(Path(arguments["tokenizer"]))


async def yield_one(item: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """An asynchronous iterator of one item."""
    yield item
