# ruff: noqa: TID253
import shutil
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipelines.core.artifacts import Adapter
from pipelines.core.errors import WeaverError
from pipelines.core.plan import Deployment, TrainingPlan
from pipelines.text import chat_format
from pipelines.training.base_model import load_base, prepare_base
from pipelines.training.merge_adapter import merge_adapter

WHOLE = Deployment(backends=["vllm"])  # safetensors, which quantisation has not touched


def test_the_merged_model_says_what_the_trained_one_says(trained: Adapter, plan: TrainingPlan, room: Path) -> None:
    folder = merge_adapter(trained, plan.base, WHOLE, room / "merged")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    row = {"instruction": "Where is order 131?", "input": "order 131 | bay 6", "output": "It stands in bay 6."}
    ids = tokenizer(chat_format.render_with_answer(tokenizer, row, plan.system_prompt), return_tensors="pt")[
        "input_ids"
    ]

    merged = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    base, _ = load_base(prepare_base(plan.base), plan.base)
    with torch.inference_mode():
        untrained = base(ids).logits.log_softmax(-1)
        learnt = PeftModel.from_pretrained(base, trained.uri)(ids).logits.log_softmax(-1)
        served = merged(ids).logits.log_softmax(-1)
    torch.testing.assert_close(served, learnt, rtol=0, atol=1e-3)
    assert (served - untrained).abs().max() > 1, "an adapter that does nothing would pass as faithful"


def test_it_is_a_plain_folder_found_again(trained: Adapter, plan: TrainingPlan, room: Path) -> None:
    folder = merge_adapter(trained, plan.base, WHOLE, room / "merged")
    before = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    assert "quantization_config" not in (folder / "config.json").read_text()
    assert {"model.safetensors", "tokenizer.json", "chat_template.jinja", "generation_config.json"} <= set(before)
    assert merge_adapter(trained, plan.base, WHOLE, room / "merged") == folder
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == before


def test_another_base_is_refused(trained: Adapter, plan: TrainingPlan, tmp_path: Path) -> None:
    stranger = trained.model_copy(update={"base_digest": "0" * 64})
    with pytest.raises(WeaverError, match="their digests differ"):
        merge_adapter(stranger, plan.base, WHOLE, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_an_adapter_that_was_tampered_with_is_refused(trained: Adapter, plan: TrainingPlan, tmp_path: Path) -> None:
    shutil.copytree(Path(trained.uri).parent, tmp_path / "copy")
    copy = trained.model_copy(update={"uri": str(tmp_path / "copy" / "adapter")})
    weights = tmp_path / "copy" / "adapter" / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(WeaverError, match=r"changed: adapter_model\.safetensors"):
        merge_adapter(copy, plan.base, WHOLE, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
