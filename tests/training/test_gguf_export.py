"""The GGUF that is served is the merged model, as far as its bits reach."""

# ruff: noqa: TID253
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipelines.core.artifacts import Adapter
from pipelines.core.errors import WeaverError
from pipelines.core.plan import Base, Deployment
from pipelines.text import chat_format
from pipelines.training.base_model import base_digest
from pipelines.training.merge_adapter import merge_adapter

ROW = {"instruction": "Where is order 131?", "input": "order 131 | bay 6", "output": "It stands in bay 6."}


@pytest.fixture
def base(small_base: Path) -> Base:
    return Base(model=str(small_base), quantisation="none")


def logits(folder: Path, **weights: Any) -> torch.Tensor:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(chat_format.render_with_answer(tokenizer, ROW, "You know every order."), return_tensors="pt")[
        "input_ids"
    ]
    with torch.inference_mode():
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **weights)(ids).logits.log_softmax(-1)


@pytest.mark.parametrize(("quantisation", "apart"), [("bf16", 0.1), ("int8", 0.3), ("int4", 1.5)])
def test_it_says_what_the_merged_model_says(
    quantisation: Any, apart: float, small_adapter: Any, base: Base, tmp_path: Path
) -> None:
    adapter, form = small_adapter(1), {"quantisation": quantisation}
    exact = logits(merge_adapter(adapter, base, Deployment(backends=["vllm"]), tmp_path / "exact"))
    served = merge_adapter(adapter, base, Deployment(backends=["llama_cpp"], **form), tmp_path / "served")
    assert {file.name for file in served.iterdir()} >= {"model.gguf", "tokenizer.json", "chat_template.jinja"}
    assert not list(served.glob("*.safetensors"))
    difference = (logits(served, gguf_file="model.gguf") - exact).abs().mean()
    assert 0 < difference < apart
    untrained = (logits(Path(base.model)) - exact).abs().mean()
    assert difference < untrained, "the adapter must outweigh what quantising takes"


def test_backends_of_both_kinds_get_both_forms(small_adapter: Any, base: Base, tmp_path: Path) -> None:
    folder = merge_adapter(small_adapter(1), base, Deployment(backends=["triton", "vllm"]), tmp_path / "both")
    assert {file.name for file in folder.iterdir()} >= {"model.gguf", "model.safetensors", "config.json"}


def test_a_base_without_a_gguf_is_told_what_to_do(small_adapter: Any, small_base: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(small_base, bare, ignore=shutil.ignore_patterns("*.gguf"))
    adapter: Adapter = small_adapter(1).model_copy(update={"base_digest": base_digest(bare)})
    with pytest.raises(WeaverError, match=r"contains no \.gguf file") as refused:
        merge_adapter(adapter, Base(model=str(bare), quantisation="none"), Deployment(), tmp_path / "merged")
    assert "vllm" in refused.value.remedy and not (tmp_path / "merged").exists()


def test_the_gguf_of_another_base_is_refused(small_adapter: Any, small_base: Path, tmp_path: Path) -> None:
    from pipelines.clients.local_model import packaged_gguf

    other = tmp_path / "other"
    shutil.copytree(small_base, other, ignore=shutil.ignore_patterns("*.gguf"))
    shutil.copy(packaged_gguf(), other)
    adapter = small_adapter(1).model_copy(update={"base_digest": base_digest(other)})
    with pytest.raises(WeaverError, match=r"SmolLM2.* has \(.*\) for token_embd\.weight"):
        merge_adapter(adapter, Base(model=str(other), quantisation="none"), Deployment(), tmp_path / "merged")
