"""An adapter becomes part of its base, in the form that is served."""

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
    """Write the base with the adapter merged into it, in the forms that the deployment's backends load; found if it
    is there: model.gguf for llama.cpp, quantised; safetensors for those that quantise while they load.

    The adapter was trained over the base as NF4 rounds it, and merged into the exact base it answers worse: so the
    base is quantised first and then dequantised.

    Raises:
        WeaverError: the base is not the one that the adapter was trained over, or the adapter is not what was signed;
            or the base has no GGUF.
    """
    return memoize_dir(target, lambda folder: build_merged_model(adapter, base, deployment, folder))


def build_merged_model(adapter: Adapter, base: Base, deployment: Deployment, folder: Path) -> None:
    origin = prepare_base(base)
    if base_digest(origin) != adapter.base_digest:
        raise WeaverError(
            f"{origin} is not the {adapter.base_model} that {adapter.uri} was trained over: their digests differ",
            "Bring that base back, or train again.",
        )
    like = gguf_export.find_base_gguf(base, origin) if GGUF & set(deployment.backends) else None
    signing.verify(Path(adapter.uri))
    from peft import PeftModel

    model, tokenizer = load_base(origin, base)
    if base.quantisation == "nf4":
        model = model.dequantize()
    merged = PeftModel.from_pretrained(model, adapter.uri).merge_and_unload()
    if like:
        gguf_export.write_gguf(merged.state_dict(), tokenizer.chat_template, like, deployment.quantisation, folder)
    if not like or set(deployment.backends) - GGUF:
        merged.save_pretrained(folder)
    if "vllm" in deployment.backends:  # its server holds the rounded base, and takes adapters while it runs
        shutil.copytree(adapter.uri, folder / "adapter")
    tokenizer.save_pretrained(folder)
