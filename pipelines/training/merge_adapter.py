"""Merges an adapter into its base model, in the formats that are deployed."""

import shutil
from pathlib import Path

from pipelines.core import signing
from pipelines.core.artifacts import Adapter
from pipelines.core.errors import WeaverError
from pipelines.core.files import memoize_dir
from pipelines.core.plan import GGUF, Base, Deployment
from pipelines.training import gguf_export
from pipelines.training.base_model import base_digest, load_base, prepare_base


def merge_adapter(adapter: Adapter, base: Base, deployment: Deployment, target: Path) -> Path:
    """Write the merged model into `target`, unless it exists, in the formats that the deployment's backends load:
    model.gguf, quantised, for llama.cpp; safetensors for backends that quantise while loading.

    The adapter was trained on the NF4-quantised base, and merged into the exact base it answers worse: so the base is
    quantised and dequantised first.

    Returns:
        The folder `target`.

    Raises:
        WeaverError: the base is not the one that the adapter was trained on, the adapter differs from what was signed,
            or the base has no GGUF.
    """
    return memoize_dir(target, lambda folder: build_merged_model(adapter, base, deployment, folder))


def build_merged_model(adapter: Adapter, base: Base, deployment: Deployment, folder: Path) -> None:
    """Write the merged model into `folder`; see merge_adapter."""
    origin = prepare_base(base)
    if base_digest(origin) != adapter.base_digest:
        raise WeaverError(
            f"{origin} is not the {adapter.base_model} that {adapter.uri} was trained on: their digests differ.",
            "Restore that base model, or train the adapter again.",
        )
    base_gguf = gguf_export.find_base_gguf(base, origin) if GGUF & set(deployment.backends) else None
    signing.verify(Path(adapter.uri))
    from peft import PeftModel

    model, tokenizer = load_base(origin, base)
    if base.quantisation == "nf4":
        model = model.dequantize()
    merged = PeftModel.from_pretrained(model, adapter.uri).merge_and_unload()
    if base_gguf:
        gguf_export.write_gguf(merged.state_dict(), tokenizer.chat_template, base_gguf, deployment.quantisation, folder)
    if not base_gguf or set(deployment.backends) - GGUF:
        merged.save_pretrained(folder)
    if "vllm" in deployment.backends:  # its server has the dequantised base loaded, and loads adapters while it runs
        shutil.copytree(adapter.uri, folder / "adapter")
    tokenizer.save_pretrained(folder)
