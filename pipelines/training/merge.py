"""An adapter becomes part of its base."""

from pathlib import Path

from pipelines import signing
from pipelines.artifacts import Adapter
from pipelines.errors import WeaverError
from pipelines.files import once
from pipelines.plan import Base
from pipelines.training.base import base_digest, load, prepare


def merge(adapter: Adapter, base: Base, target: Path) -> Path:
    """Write the base with the adapter merged into it as a folder that transformers loads; found if it is there.

    The adapter was trained over the base as NF4 rounds it, and merged into the exact base it answers worse: so the
    base is quantised first and then dequantised.

    Raises:
        WeaverError: the base is not the one that the adapter was trained over, or the adapter is not what was signed.
    """
    return once(target, lambda folder: build(adapter, base, folder))


def build(adapter: Adapter, base: Base, folder: Path) -> None:
    origin = prepare(base)
    if base_digest(origin) != adapter.base_digest:
        raise WeaverError(
            f"{origin} is not the {adapter.base_model} that {adapter.uri} was trained over: their digests differ",
            "Bring that base back, or train again.",
        )
    signing.verify(Path(adapter.uri))
    from peft import PeftModel

    model, tokenizer = load(origin, base)
    if base.quantisation == "nf4":
        model = model.dequantize()
    merged = PeftModel.from_pretrained(model, adapter.uri)
    merged.merge_and_unload().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
