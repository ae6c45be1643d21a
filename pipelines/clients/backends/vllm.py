"""vLLM: your own OpenAI-compatible server (`settings().vllm_url`), which loads and unloads LoRA adapters while it runs.

A model folder with `adapter/` is loaded as an adapter by its versioned name, beside the others. Adapters are trained
over the base as NF4 rounds it, so the server must have that base, dequantised; over the exact base their answers are
worse. A folder without `adapter/` is a merged model, which needs a server of its own. `server_command` starts both.
"""

import json
import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from pipelines.clients.backends import Backend, Chunk, Model
from pipelines.clients.backends.openai_http import OpenAIServer
from pipelines.core import signing
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.files import digest
from pipelines.core.plan import Deployment, TrainingPlan
from pipelines.core.routes import Endpoint
from pipelines.core.settings import settings

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # values of --max-lora-rank
MAX_ADAPTERS = 4  # loaded at the same time: champion, its predecessor, a challenger, one in reserve
TIMEOUT = 300.0  # seconds; the first answer of a server on a CPU took 90
MIN_DIFFERENCE = 0.1  # nats; rounding changes a log-probability by hundredths, the shortest training by more than one
PROBE = [{"role": "user", "content": "What can you do for me?"}]
# Of the server; its key, VLLM_API_KEY, must not be on the command line.
ENVIRONMENT = {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "true", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}


class VLLM(Backend):
    """The backend; see `Backend`."""

    def __init__(self) -> None:
        self.server = OpenAIServer(api_key())

    def deploy(self, model: Model, plan: Deployment) -> Endpoint:
        """Load the version's adapter, or check that the server has its merged model.

        Raises:
            WeaverError: the server rejects the adapter, has another one by its name, or answers the same without it; or
                it does not serve the merged model.
            Unavailable: the server does not answer.
        """
        signing.verify(model.folder)
        if (model.folder / "adapter").is_dir():
            load_adapter(model.id, model.folder / "adapter")
        elif list_models().get(model.id, {}).get("root") != str(model.folder):
            raise WeaverError(
                f"the vLLM server at {server_url()} does not serve {model.id} from {model.folder}, and cannot load a "
                "merged model while it runs",
                f"Start one for it: `vllm serve {shlex.quote(str(model.folder))} --served-model-name {model.id} …`; or "
                "deploy the version's adapter.",
            )
        return Endpoint(backend="vllm", address=server_url(), model=model.id)

    def status(self) -> dict[str, str]:
        return dict.fromkeys(list_models(), "ready")

    async def stream(self, endpoint: Endpoint, request: dict[str, Any], timeout: float) -> AsyncIterator[Chunk]:
        async for chunk in self.server.stream(endpoint.address, request | {"model": endpoint.model}, timeout):
            yield chunk

    def unload(self, model: str) -> None:
        """Unload an adapter; a merged model stays as long as its server runs."""
        unload_adapter(model)

    async def close(self) -> None:
        await self.server.close()


BACKEND = VLLM


def load_adapter(name: str, adapter: Path) -> None:
    """Load an adapter by this name, once, and check that it has an effect.

    The server gets a path that contains the adapter's digest, and lists that path: so the server itself knows which
    files a name stands for.
    """
    link = links_folder() / f"{name}-{digest(adapter)[:16]}"
    if name not in list_models():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(adapter)
        call_server("/v1/load_lora_adapter", {"lora_name": name, "lora_path": str(link)})
    card = list_models().get(name, {})
    if card.get("root") != str(link):
        raise WeaverError(
            f"the vLLM server at {server_url()} has {card.get('root', 'nothing')} under the name {name}, not {link}",
            "Register the adapter as a new version: a name is never reloaded, because cached prefixes would stay.",
        )
    if not changes_likelihood(name, card["parent"]):
        unload_adapter(name)
        raise WeaverError(
            f"the vLLM server at {server_url()} answers the same with {adapter} as without: the adapter has no effect",
            "Its tensors may be named for another base model, or it was never trained.",
        )


def unload_adapter(name: str) -> None:
    """Unload an adapter, and remove its links."""
    if "parent" in list_models().get(name, {}):
        call_server("/v1/unload_lora_adapter", {"lora_name": name})
    for link in links_folder().glob(f"{name}-*"):
        link.unlink()


def changes_likelihood(adapter: str, base: str) -> bool:
    """Whether an adapter changes the probability of the next token; vLLM silently ignores misnamed tensors."""
    adapter_likelihoods, base_likelihoods = (first_token_likelihoods(model) for model in (adapter, base))
    both = adapter_likelihoods.keys() & base_likelihoods.keys()
    return not both or max(abs(adapter_likelihoods[token] - base_likelihoods[token]) for token in both) > MIN_DIFFERENCE


def first_token_likelihoods(model: str) -> dict[str, float]:
    """The most likely first tokens of an answer, with their log-probabilities (nats)."""
    request = {
        "model": model,
        "messages": PROBE,
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": 20,
    }
    entries = call_server("/v1/chat/completions", request).json()["choices"][0]["logprobs"]["content"][0][
        "top_logprobs"
    ]
    return {entry["token"]: entry["logprob"] for entry in entries}


def list_models() -> dict[str, dict[str, Any]]:
    """Model id → the server's entry: `root` is the model's path; an adapter's `parent` is its base."""
    cards = call_server("/v1/models").json()["data"]
    return {card["id"]: {key: value for key, value in card.items() if value is not None} for card in cards}


def call_server(path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    """GET, or POST where there is a body.

    Raises:
        Unavailable: the server does not answer.
        WeaverError: it answers with an error; with its message.
    """
    headers = {"Authorization": f"Bearer {api_key()}"} if api_key() else {}
    try:
        with httpx.Client(base_url=server_url(), headers=headers, timeout=TIMEOUT, trust_env=False) as client:
            response = client.get(path) if body is None else client.post(path, json=body)
    except httpx.HTTPError as error:
        raise Unavailable(
            f"no vLLM server answers at {server_url()}: {error or type(error).__name__}",
            "Start it (`weaver vllm TEMPLATE` prints the command), or correct WEAVER_VLLM_URL.",
        ) from error
    if response.is_success:
        return response
    message = response.text.strip()
    if response.status_code == httpx.codes.UNAUTHORIZED:
        remedy = f"Write the server's VLLM_API_KEY into {settings().secrets / 'vllm'}."
    elif "lora_adapter" in path and '"detail"' in message:  # no such route
        message, remedy = (
            "it does not accept adapters",
            "Start it with VLLM_ALLOW_RUNTIME_LORA_UPDATING=true and --enable-lora.",
        )
    elif "max_lora_rank" in message:
        remedy = "Start it with --max-lora-rank of at least the plan's train.lora_rank."
    elif "No adapter found" in message:
        remedy = f"It must see {links_folder()} and the model store under the same paths: run it here, or share them."
    else:
        remedy = "Read the server's log."
    raise WeaverError(f"the vLLM server at {server_url()} answers {path} with an error: {message}", remedy)


def server_url() -> str:
    """WEAVER_VLLM_URL; raises if it is not set."""
    if not settings().vllm_url:
        raise WeaverError(
            "the plan uses the backend vllm, but WEAVER_VLLM_URL is not set",
            "Set WEAVER_VLLM_URL (such as http://127.0.0.1:8020), or remove vllm from deployment.backends.",
        )
    return settings().vllm_url.rstrip("/")


def api_key() -> str:
    """The server's VLLM_API_KEY; "" if it has none (it then accepts adapters from anybody)."""
    return settings().secret("vllm") if (settings().secrets / "vllm").exists() else ""


def links_folder() -> Path:
    """Links to adapters, named by their digests."""
    return settings().home / "serving" / "vllm"


def server_command(plan: TrainingPlan, folder: Path, merged: str = "") -> list[str]:
    """The command that starts a server for a template's versions, with `ENVIRONMENT` and its key in VLLM_API_KEY.

    torchao, which must be in vLLM's environment, quantises the weights while they are loaded; int4 needs a GPU.

    Args:
        folder: the base as NF4 rounds it, or a merged model.
        merged: the id of the merged model; without it, adapters are loaded.
    """
    deployment = plan.deployment
    rank = next((rank for rank in RANKS if rank >= plan.train.lora_rank), RANKS[-1])
    adapters = ["--enable-lora", "--max-lora-rank", str(rank), "--max-loras", str(MAX_ADAPTERS)]
    torchao = {
        "int8": {"_type": "Int8WeightOnlyConfig", "_version": 2, "_data": {}},
        "int4": {"_type": "Int4WeightOnlyConfig", "_version": 2, "_data": {"group_size": 128}},
    }
    weights = torchao.get(deployment.quantisation)
    overrides = json.dumps({"quantization_config_dict_json": json.dumps(weights)})
    return [
        *("vllm", "serve", str(folder), "--served-model-name", merged or "base"),
        *("--host", "127.0.0.1", "--port", str(urlsplit(settings().vllm_url).port or 8020)),
        *("--max-model-len", str(deployment.context), "--max-num-seqs", str(deployment.parallel)),
        *("--dtype", "bfloat16"),
        *(["--quantization", "torchao", "--hf-overrides", overrides] if weights else []),
        *([] if merged else adapters),
    ]
