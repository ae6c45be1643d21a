"""Our training beside the plain trl script, or full fine-tuning: same rows and settings, a process of its own each."""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pipelines.core.artifacts import DatasetVersion
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest, read_jsonl, write_jsonl, write_text
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import REPOSITORY

TEMPLATE = "service_advisor"
ROUNDS = 2
HELDOUT = 8


def run(steps: int = 12) -> dict[str, Any]:
    """Train `steps` optimiser steps a side, in turn (ours, plain, ours, plain), on rows of the Service Advisor.

    Ours is the whole stage: checkpoints, and MLflow logging to a throw-away SQLite file, so that no server is touched.
    The plain script saves and logs nothing. Either sees every row once, so both see the same tokens.

    Returns:
        tokens_per_s_ratio, tokens_per_cpu_s_ratio and peak_memory_ratio (ours over plain), and what they come from:
        tokens (without padding) a second from the end of the first step to the end of the last, by the clock and by
        the processor time of all threads, which other work on the machine disturbs less; the better round, as a busy
        machine only slows; and the process's peak resident memory in MiB.
    """
    highest = best(steps, "ours", "plain")
    ratios = {name: sides["ours"] / sides["plain"] for name, sides in highest.items()}
    return {
        "tokens_per_s_ratio": ratios["tokens_per_s"],
        "tokens_per_cpu_s_ratio": ratios["tokens_per_cpu_s"],
        "peak_memory_ratio": ratios["peak_rss_mib"],
        **{f"{name}_{side}": value for name, sides in highest.items() for side, value in sides.items()},
        "steps": steps,
        "rounds": ROUNDS,
    }


def best(steps: int, *sides: str) -> dict[str, dict[str, float]]:
    """Figure → side → the highest of its rounds; the sides take turns, on the same rows."""
    results: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    with tempfile.TemporaryDirectory(prefix="weaver-bench-") as scratch:
        options = laid_out(steps, Path(scratch, "data"))
        for _ in range(ROUNDS):
            for side, figures in results.items():
                figures.append(apart(side, options, Path(scratch)))
    return {
        name: {side: max(figure[name] for figure in figures) for side, figures in results.items()}
        for name in ("tokens_per_s", "tokens_per_cpu_s", "peak_rss_mib")
    }


def laid_out(steps: int, data: Path) -> dict[str, Any]:
    """Write so many steps' rows of the Service Advisor into a folder; what a side is told of it."""
    from pipelines.kits.automotive import service_advisor
    from pipelines.training.base_model import prepare_base

    rows = service_advisor.build()
    random.Random(0).shuffle(rows)
    plan = make_plan(TEMPLATE, {"train.max_steps": steps})
    seen = steps * plan.train.batch_size * plan.train.gradient_accumulation
    write_jsonl(data / "train.jsonl", rows[:seen])
    write_jsonl(data / "heldout.jsonl", rows[-HELDOUT:])
    return {"data": str(data), "base": str(prepare_base(plan.base)), "steps": steps}


def apart(side: str, options: dict[str, Any], scratch: Path, module: str = "tests.bench.train") -> dict[str, Any]:
    """Run a side, by `main` of a module, in a fresh process, in a home and with a tracking store of its own."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        done = subprocess.run(
            [sys.executable, "-m", module, side, json.dumps(options)],
            env=environment(folder),
            cwd=folder,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise WeaverError(f"bench: the {side} side failed:\n{done.stderr[-2000:]}")
        figures: dict[str, Any] = json.loads(Path(folder, "figures.json").read_text())
        return figures


def environment(home: str) -> dict[str, str]:
    """Of a side, which runs in its home and finds the benches all the same."""
    own = {"WEAVER_HOME": home, "WEAVER_TRACKING_URI": f"sqlite:///{home}/mlflow.db", "PYTHONPATH": str(REPOSITORY)}
    return os.environ | own


def main(side: str, options: dict[str, Any]) -> None:
    """Run one side in this process; its figures go to figures.json in the working folder."""
    from pipelines.training.checkpoints import peak_rss_mib

    steps = watched()
    plan = make_plan(TEMPLATE, {"train.max_steps": options["steps"], "base.model": options["base"]})
    {"ours": ours, "plain": plain, "full": full}[side](Path(options["data"]), plan)
    write_text(Path("figures.json"), json.dumps(speeds(steps) | {"peak_rss_mib": peak_rss_mib()}))


def watched() -> list[tuple[int, float, float]]:
    """Tokens seen, seconds, processor seconds, at the end of each step of every trainer that is made from now on."""
    from transformers import TrainerCallback, trainer

    steps: list[tuple[int, float, float]] = []

    class Watch(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            steps.append((state.num_input_tokens_seen, time.perf_counter(), time.process_time()))

    callbacks: list[Any] = trainer.DEFAULT_CALLBACKS
    callbacks.append(Watch)
    return steps


def speeds(steps: list[tuple[int, float, float]]) -> dict[str, float]:
    """From the end of the first step on, which warms up."""
    tokens, seconds, processor = (last - first for first, last in zip(steps[0], steps[-1], strict=True))
    return {"tokens_per_s": tokens / seconds, "tokens_per_cpu_s": tokens / processor}


def ours(data: Path, plan: TrainingPlan) -> None:
    """Train as the product does."""
    from pipelines.training.fine_tune import fine_tune

    dataset = DatasetVersion(name="bench", version=1, uri=str(data), digest=digest(data), rows={})
    fine_tune(dataset, plan, Path("work").resolve())


def full(data: Path, plan: TrainingPlan) -> None:
    """Train every weight of the base in full precision, with the product's own loss."""
    import torch
    from trl.trainer.sft_config import SFTConfig

    from pipelines.training.base_model import load_base
    from pipelines.training.sft_trainer import CompletionSFTTrainer, to_conversation_dataset

    full_plan = plan.base.model_copy(update={"quantisation": "none"})
    model, tokenizer = load_base(Path(plan.base.model), full_plan)
    CompletionSFTTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=to_conversation_dataset(read_jsonl(data / "train.jsonl"), plan, tokenizer),
        args=SFTConfig(
            output_dir="full",
            max_steps=plan.train.max_steps,
            per_device_train_batch_size=plan.train.batch_size,
            gradient_accumulation_steps=plan.train.gradient_accumulation,
            learning_rate=plan.train.learning_rate,
            optim=plan.train.optimizer,
            activation_checkpointing=plan.train.gradient_checkpointing,
            bf16=plan.train.bf16,
            max_length=None,
            include_num_input_tokens_seen="non_padding",
            save_strategy="no",
            report_to="none",
            use_cpu=not torch.cuda.is_available(),
        ),
    ).train()


def plain(data: Path, plan: TrainingPlan) -> None:
    """Train as trl's documentation shows it."""
    import torch
    from datasets import load_dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    def conversation(row: dict[str, Any]) -> dict[str, Any]:
        question = f"{row['instruction']}\n{row['input']}" if row["input"] else row["instruction"]
        return {
            "prompt": [{"role": "system", "content": plan.system_prompt}, {"role": "user", "content": question}],
            "completion": [{"role": "assistant", "content": row["output"]}],
        }

    dtype = getattr(torch, plan.base.compute_dtype)
    rows = load_dataset("json", data_files=str(data / "train.jsonl"), split="train", cache_dir="cache")
    SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(
            plan.base.model,
            dtype=dtype,
            quantization_config=BitsAndBytesConfig(
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_use_double_quant=plan.base.double_quantisation,
                bnb_4bit_compute_dtype=dtype,
            ),
        ),
        processing_class=AutoTokenizer.from_pretrained(plan.base.model),
        train_dataset=rows.map(conversation, remove_columns=rows.column_names),
        peft_config=LoraConfig(
            task_type="CAUSAL_LM",
            r=plan.train.lora_rank,
            lora_alpha=plan.train.lora_alpha,
            lora_dropout=plan.train.lora_dropout,
            target_modules=plan.train.lora_modules,
        ),
        args=SFTConfig(
            output_dir="plain",
            optim=plan.train.optimizer,
            max_steps=plan.train.max_steps,
            per_device_train_batch_size=plan.train.batch_size,
            gradient_accumulation_steps=plan.train.gradient_accumulation,
            learning_rate=plan.train.learning_rate,
            gradient_checkpointing=plan.train.gradient_checkpointing,
            bf16=plan.train.bf16,
            include_num_input_tokens_seen="non_padding",
            save_strategy="no",
            report_to="none",
            use_cpu=not torch.cuda.is_available(),
        ),
    ).train()


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
