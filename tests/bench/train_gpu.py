"""Our training beside a plain trl script or unsloth, on a base with random weights that is made on the spot.

`random-7b` has Mistral's shape and needs a GPU. `random-tiny` has the same architecture, two layers and 64 columns; it
takes the same path on a processor within seconds, and its figures say nothing about a model of a useful size.
"""

import importlib
import importlib.util
import json
import random
import re
import sys
import tempfile
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from pipelines.clients.local_model import packaged_gguf
from pipelines.core.errors import WeaverError, did_you_mean
from pipelines.core.files import write_jsonl, write_text
from pipelines.core.make_plan import make_plan
from pipelines.core.params import has_gpu
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings
from pipelines.text import chat_format
from pipelines.text.own_records import find_records
from pipelines.text.specifications import find_specifications
from tests.bench.train import HELDOUT, TEMPLATE, apart, ours, plain, speeds, watched

Row = dict[str, Any]

# Sizes of transformers.MistralConfig; where nothing is given, they are those of Mistral-7B-v0.1.
BASES: dict[str, dict[str, int]] = {
    "random-7b": {},
    "random-tiny": {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    },
}
LENGTHS = {"long": (60, 500), "short": (50, 80)}  # tokens of a row: the shortest and the longest
PEERS = ("plain", "unsloth")
ROWS = 256
STEP_ROWS = {"random-7b": 16, "random-tiny": 4}  # per optimiser step: four forward passes, where nothing is fitted
ACCUMULATION = 4
DRIVER = Path("/proc/driver/nvidia/version")


def run(base: str, rows: str = "long", peer: str = "plain", steps: int = 16) -> dict[str, Any]:
    """Train some optimiser steps a side, ours first, one round; each side in a process of its own.

    The settings are those of this machine's profile, but for the rows per step. Ours is fitted to a GPU.

    Args:
        base: a key of BASES.
        rows: a key of LENGTHS.
        peer: what ours is measured beside, one of PEERS.

    Returns:
        tokens_per_s_ratio and peak_memory_ratio (ours over the peer's), and what they come from: tokens (without
        padding) per second from the end of the second step, or of the first of two, to the end of the last; the peak
        GPU memory of these steps in GiB where there is a GPU, else the peak resident memory of the process in MiB.

    Raises:
        WeaverError: an option has no such value, the base needs a GPU, or unsloth cannot run here.
    """
    check(base, rows, peer)
    with tempfile.TemporaryDirectory(prefix="weaver-bench-") as scratch:
        folder, data = Path(scratch, base), Path(scratch, "data")
        parameters = save_base(BASES[base], folder)
        save_rows(LENGTHS[rows], folder, data)
        options = {"data": str(data), "base": str(folder), "steps": steps, "step_rows": STEP_ROWS[base]}
        figures: dict[str, dict[str, Any]] = {
            side: apart(side, options, Path(scratch), "tests.bench.train_gpu") for side in ("ours", peer)
        }
    memory = "peak_gpu_gib" if has_gpu() else "peak_rss_mib"
    return {
        "tokens_per_s_ratio": figures["ours"]["tokens_per_s"] / figures[peer]["tokens_per_s"],
        "peak_memory_ratio": figures["ours"][memory] / figures[peer][memory],
        **{f"{name}_{side}": figures[side][name] for name in ("tokens_per_s", memory) for side in figures},
        "fitted": figures["ours"]["fitted"],
        "base": base,
        "parameters": parameters,
        "rows": rows,
        "peer": peer,
        "steps": steps,
        "rounds": 1,
        **describe_card(),
    }


def check(base: str, rows: str, peer: str) -> None:
    """Raise the errors that run names."""
    for option, value, values in (("base", base, BASES), ("rows", rows, LENGTHS), ("peer", peer, PEERS)):
        if value not in values:
            raise WeaverError(
                f"--{option}: there is no '{value}'{did_you_mean(value, values)}", f"Use one of: {', '.join(values)}."
            )
    if base == "random-7b" and not cuda_works():
        raise WeaverError(
            "--base random-7b needs a GPU: "
            + ("torch cannot use the one in this machine" if has_gpu() else "this machine has no NVIDIA driver"),
            "Run this on a machine with an NVIDIA GPU, after `make install` there, which installs torch for CUDA; "
            "--base random-tiny takes the same path on a processor.",
        )
    if peer == "unsloth" and importlib.util.find_spec("unsloth") is None:
        raise WeaverError(
            "--peer unsloth: unsloth is not installed, and not in the lock",
            "Install it into a copy of this environment, on a machine with an NVIDIA GPU: "
            ".venv/bin/python -m pip install unsloth; or use --peer plain.",
        )


def cuda_works() -> bool:
    """Whether torch can use a GPU; not asked without a driver, as its import takes seconds."""
    if not has_gpu():
        return False
    import torch

    return torch.cuda.is_available()


def describe_card() -> dict[str, str]:
    """The GPU and the version of its driver; "none" each without one."""
    if not cuda_works():
        return {"card": "none", "driver": "none"}
    import torch

    version = re.search(r"\b\d{3,}\.\d+(\.\d+)?\b", DRIVER.read_text())
    return {"card": torch.cuda.get_device_name(), "driver": version[0] if version else "unknown"}


def save_base(sizes: dict[str, int], folder: Path) -> int:
    """Write a model with random weights in bfloat16, with the packaged tokenizer; return its number of parameters."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, MistralConfig

    weights = packaged_gguf()
    tokenizer: Any = AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name)
    ids = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    configure: Any = MistralConfig
    torch.manual_seed(0)
    with torch.device("cuda" if cuda_works() else "cpu"):  # drawing 7 billion numbers takes a processor minutes
        model: Any = AutoModelForCausalLM.from_config(
            configure(vocab_size=len(tokenizer), **ids, **sizes), dtype=torch.bfloat16
        )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    parameters: int = model.num_parameters()
    del model
    torch.cuda.empty_cache()  # does nothing without a GPU
    return parameters


def save_rows(lengths: tuple[int, int], base: Path, data: Path) -> None:
    """Write train.jsonl and heldout.jsonl of rows that are so long for this base."""
    from transformers import AutoTokenizer

    from pipelines.kits.automotive import service_advisor

    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    rows = list(islice(lengthened(service_advisor.build(), lengths, tokenizer), ROWS + HELDOUT))
    write_jsonl(data / "train.jsonl", rows[:ROWS])
    write_jsonl(data / "heldout.jsonl", rows[ROWS:])


def lengthened(rows: list[Row], lengths: tuple[int, int], tokenizer: Any) -> Iterator[Row]:
    """Rows whose record is replaced by words of the answers, up to lengths drawn evenly; the same ones in each call.

    Without records, so that both sides train on the same tokens: the product shows records in a layout of its own.
    """
    draws, prompt = random.Random(0), make_plan(TEMPLATE).system_prompt
    words = {word for row in rows for word in row["output"].split() if word.isalpha()}
    plain_words = sorted(word for word in words if not find_specifications(word))

    def count(row: Row) -> int:
        text = chat_format.render_with_answer(tokenizer, row, prompt)
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])

    shortest, longest = lengths
    for row in cycle(draws.sample(rows, len(rows))):
        plain_row = {"instruction": row["instruction"], "input": "", "output": row["output"]}
        missing = draws.randint(shortest, longest) - count(plain_row) - 1  # 1: the line break before the input
        if missing < 1:
            continue
        ids = tokenizer(" ".join(draws.choices(plain_words, k=missing)), add_special_tokens=False)["input_ids"]
        plain_row["input"] = tokenizer.decode(ids[:missing]).strip()
        message = f"{plain_row['instruction']}\n{plain_row['input']}"
        if shortest <= count(plain_row) <= longest and plain_row["input"] and find_records(message) is None:
            yield plain_row


def main(side: str, options: dict[str, Any]) -> None:
    """Run one side in this process; its figures go to figures.json in the working folder."""
    if side == "unsloth":
        importlib.import_module("unsloth")  # before trl and transformers, which it patches
    import torch

    from pipelines.training.checkpoints import peak_rss_mib

    watch_gpu()
    steps = watched()
    data = Path(options["data"])
    overrides = {
        "base.model": options["base"],
        "data.source": str(data / "train.jsonl"),  # not the kit's: rows are shown whole
        "train.max_steps": options["steps"],
        "train.batch_size": options["step_rows"] // ACCUMULATION,
        "train.gradient_accumulation": ACCUMULATION,
        "train.max_length": 1024,
    }
    plan = make_plan(TEMPLATE, overrides)
    {"ours": ours, "plain": plain, "unsloth": unsloth}[side](data, plan)
    figures: dict[str, Any] = speeds(steps[min(1, len(steps) - 2) :]) | {"peak_rss_mib": peak_rss_mib()}
    if torch.cuda.is_available():
        figures["peak_gpu_gib"] = torch.cuda.max_memory_allocated() / 2**30
    write_text(Path("figures.json"), json.dumps(figures | {"fitted": describe_fit()}))


def watch_gpu() -> None:
    """Have new trainers count GPU memory from the first step, and wait for each step's end; before `watched`."""
    import torch
    from transformers import TrainerCallback, trainer

    class WatchGpu(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.reset_peak_memory_stats()

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()

    callbacks: list[Any] = trainer.DEFAULT_CALLBACKS
    callbacks.append(WatchGpu)


def describe_fit() -> str:
    """How the product used the GPU; "as the plan says" where nothing was fitted."""
    from pipelines.training.gpu_settings import GpuSettings

    fits = [GpuSettings.model_validate_json(file.read_text()) for file in (settings().home / "fits").glob("*.json")]
    return fits[0].describe() if fits else "as the plan says"


def unsloth(data: Path, plan: TrainingPlan) -> None:
    """Train as unsloth's documentation shows it."""
    import torch
    from datasets import load_dataset
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    fast: Any = importlib.import_module("unsloth").FastLanguageModel
    model, tokenizer = fast.from_pretrained(
        model_name=plan.base.model,
        max_seq_length=plan.train.max_length,
        dtype=getattr(torch, plan.base.compute_dtype),
        load_in_4bit=plan.base.quantisation == "nf4",
    )
    rows = load_dataset("json", data_files=str(data / "train.jsonl"), split="train", cache_dir="cache")
    texts = rows.map(
        lambda row: {"text": chat_format.render_with_answer(tokenizer, row, plan.system_prompt)},
        remove_columns=rows.column_names,
    )
    SFTTrainer(
        model=fast.get_peft_model(
            model,
            r=plan.train.lora_rank,
            lora_alpha=plan.train.lora_alpha,
            lora_dropout=plan.train.lora_dropout,
            target_modules=plan.train.lora_modules,
            use_gradient_checkpointing="unsloth" if plan.train.gradient_checkpointing else False,
            random_state=plan.train.seed,
        ),
        processing_class=tokenizer,
        train_dataset=texts,
        args=SFTConfig(
            output_dir="unsloth",
            dataset_text_field="text",
            optim=plan.train.optimizer,
            max_steps=plan.train.max_steps,
            per_device_train_batch_size=plan.train.batch_size,
            gradient_accumulation_steps=plan.train.gradient_accumulation,
            learning_rate=plan.train.learning_rate,
            bf16=plan.train.bf16,
            include_num_input_tokens_seen="non_padding",
            save_strategy="no",
            report_to="none",
        ),
    ).train()


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
