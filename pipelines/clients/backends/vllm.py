"""vLLM: an OpenAI server of your own (`settings().vllm_url`), whose LoRA adapters come and go while it answers.

A model folder with `adapter/` is loaded as an adapter by its versioned name, beside the others. Adapters are trained
over the base as NF4 rounds it, so that, dequantised, is the base which the server must hold; over the exact base they
answer worse. A folder without `adapter/` is a merged model, which a server of its own serves. `command` starts both.
"""

import json
import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from pipelines.clients.backends import Chunk, Model
from pipelines.clients.backends.openai_http import OpenAIServer
from pipelines.core import signing
from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.files import digest
from pipelines.core.plan import Deployment, TrainingPlan
from pipelines.core.routes import Endpoint
from pipelines.core.settings import settings

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # what --max-lora-rank takes
ADAPTERS = 4  # that answer side by side: champion, the one before, a challenger, one to spare
PATIENCE = 300.0  # seconds; the first answer of a server on a CPU took 90
DIFFERENT = 0.1  # nats; rounding moves a log-probability by hundredths, the smallest training by more than one
PROBE = [{"role": "user", "content": "What can you do for me?"}]
# The server's own: its key is VLLM_API_KEY, which must not stand on the command line.
ENVIRONMENT = {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "true", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}


class VLLM:
    def __init__(self) -> None:
        self.server = OpenAIServer(key())

    def deploy(self, model: Model, plan: Deployment) -> Endpoint:
        """Load the version's adapter, or find its merged model served.

        Raises:
            WeaverError: the server refuses the adapter, holds another by its name, or answers with it as without it; or
                it does not serve the merged model.
            Unavailable: no server answers.
        """
        signing.verify(model.folder)
        if (model.folder / "adapter").is_dir():
            load(model.id, model.folder / "adapter")
        elif served().get(model.id, {}).get("root") != str(model.folder):
            raise WeaverError(
                f"the vLLM server at {url()} does not serve {model.id} from {model.folder}, and cannot load a merged "
                "model while it runs",
                f"Start one for it: `vllm serve {shlex.quote(str(model.folder))} --served-model-name {model.id} …`; or "
                "deploy the version's adapter.",
            )
        return Endpoint(backend="vllm", address=url(), model=model.id)

    def status(self) -> dict[str, str]:
        return dict.fromkeys(served(), "ready")

    async def stream(self, endpoint: Endpoint, request: dict[str, Any], timeout: float) -> AsyncIterator[Chunk]:
        async for chunk in self.server.stream(endpoint.address, request | {"model": endpoint.model}, timeout):
            yield chunk

    def unload(self, model: str) -> None:
        """An adapter goes; what a server was started with stays, as long as it runs."""
        unload(model)

    async def close(self) -> None:
        await self.server.close()


BACKEND = VLLM


def load(name: str, adapter: Path) -> None:
    """Load an adapter by this name, once, and see that it is at work.

    The server is told a path with the adapter's digest in it, and lists what it was told: so it is the server itself
    that remembers which bytes a name stands for.
    """
    link = links() / f"{name}-{digest(adapter)[:16]}"
    if name not in served():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(adapter)
        ask("/v1/load_lora_adapter", {"lora_name": name, "lora_path": str(link)})
    card = served().get(name, {})
    if card.get("root") != str(link):
        raise WeaverError(
            f"the vLLM server at {url()} has {card.get('root', 'nothing')} by the name {name}, not {link}",
            "Register the adapter as a new version: a name is never loaded anew, for its cached answers would stay.",
        )
    if not differs(name, card["parent"]):
        unload(name)
        raise WeaverError(
            f"the vLLM server at {url()} answers with {adapter} exactly as without it: the adapter does nothing",
            "Its tensors may be named for another model than the server's base, or nobody trained it.",
        )


def unload(name: str) -> None:
    if "parent" in served().get(name, {}):
        ask("/v1/unload_lora_adapter", {"lora_name": name})
    for link in links().glob(f"{name}-*"):
        link.unlink()


def differs(adapter: str, base: str) -> bool:
    """Whether an adapter changes the likelihood of the next token; one with misnamed tensors is ignored silently."""
    ours, theirs = (likelihoods(model) for model in (adapter, base))
    both = ours.keys() & theirs.keys()
    return not both or max(abs(ours[token] - theirs[token]) for token in both) > DIFFERENT


def likelihoods(model: str) -> dict[str, float]:
    """The likeliest first tokens of an answer, with their log-probabilities (nats)."""
    request = {
        "model": model,
        "messages": PROBE,
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": 20,
    }
    told = ask("/v1/chat/completions", request).json()["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    return {entry["token"]: entry["logprob"] for entry in told}


def served() -> dict[str, dict[str, Any]]:
    """Model id → what the server says of it: `root` is where its bytes lie; an adapter's `parent` is its base."""
    cards = ask("/v1/models").json()["data"]
    return {card["id"]: {key: value for key, value in card.items() if value is not None} for card in cards}


def ask(path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    """GET, or POST where there is a body.

    Raises:
        Unavailable: no server answers.
        WeaverError: it refuses, with its words.
    """
    headers = {"Authorization": f"Bearer {key()}"} if key() else {}
    try:
        with httpx.Client(base_url=url(), headers=headers, timeout=PATIENCE, trust_env=False) as client:
            answer = client.get(path) if body is None else client.post(path, json=body)
    except httpx.HTTPError as error:
        raise Unavailable(
            f"no vLLM server answers at {url()}: {error or type(error).__name__}",
            "Start it, or correct WEAVER_VLLM_URL; pipelines/clients/backends/vllm.py says how (`command`).",
        ) from error
    if answer.is_success:
        return answer
    words = answer.text.strip()
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        remedy = f"Write the server's VLLM_API_KEY into {settings().secrets / 'vllm'}."
    elif "lora_adapter" in path and '"detail"' in words:  # no such route
        words, remedy = "it takes no adapters", "Start it with VLLM_ALLOW_RUNTIME_LORA_UPDATING=true and --enable-lora."
    elif "max_lora_rank" in words:
        remedy = "Start it with --max-lora-rank of at least the plan's train.lora_rank."
    elif "No adapter found" in words:
        remedy = f"It must see {links()} and the model store under the same paths: run it here, or share them."
    else:
        remedy = "The server's log says more."
    raise WeaverError(f"the vLLM server at {url()} refuses {path}: {words}", remedy)


def url() -> str:
    if not settings().vllm_url:
        raise WeaverError(
            "a plan wants vllm, and no vLLM server is named",
            "Set WEAVER_VLLM_URL (http://127.0.0.1:8020), or take vllm out of deployment.backends.",
        )
    return settings().vllm_url.rstrip("/")


def key() -> str:
    """The server's VLLM_API_KEY; a server without one takes anybody's adapters."""
    return settings().secret("vllm") if (settings().secrets / "vllm").exists() else ""


def links() -> Path:
    return settings().home / "serving" / "vllm"


def command(plan: TrainingPlan, folder: Path, merged: str = "") -> list[str]:
    """How a server for a template's versions is started, in `ENVIRONMENT` and with its key in VLLM_API_KEY.

    Weights are quantised as they are loaded, by torchao, which must be in vLLM's environment; int4 needs a GPU.

    Args:
        folder: the base as NF4 rounds it, or a merged model.
        merged: the id of the merged model; without it, adapters are loaded.
    """
    deployment = plan.deployment
    rank = next((rank for rank in RANKS if rank >= plan.train.lora_rank), RANKS[-1])
    adapters = ["--enable-lora", "--max-lora-rank", str(rank), "--max-loras", str(ADAPTERS)]
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
