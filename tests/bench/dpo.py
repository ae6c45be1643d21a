"""What preference training does to an adapter: what it learns of pairs it has not seen, and what it costs in answers.

Everything is as in the product but for its size: the packaged base, rows of the Service Advisor, the stages fine_tune
and prefer, in a home and a tracking store of the bench's own.
"""

import logging
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

from pipelines.core.artifacts import Adapter, DatasetVersion, PreferenceDataset
from pipelines.core.files import digest, write_jsonl
from pipelines.core.make_plan import make_plan
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import settings
from pipelines.monitoring.feedback.labelled_pairs import construct_pairs
from pipelines.text import chat_format
from pipelines.text.facts import contains_fact

log = logging.getLogger(__name__)

TEMPLATE = "service_advisor"
HELDOUT = 32  # rows that are asked
UNSEEN = 40  # pairs that nothing is trained on
PAIRS = 60
MAX_NEW_TOKENS = 32
Row = dict[str, Any]


def run(rows: int = 128, rates: tuple[float, ...] = (5e-5,)) -> dict[str, Any]:
    """Train an adapter on `rows` rows, then on with PAIRS pairs made from other rows, once for each learning rate.

    Returns:
        For `before` and each rate: preferred (share of UNSEEN pairs, of other vehicles and codes, whose better answer
        is the likelier one), heldout_loss (nats per token) and facts (share of HELDOUT questions answered with the
        fact); for each rate also the reward's margin and accuracy on the last batch, and seconds.
    """
    from pipelines.kits.automotive import service_advisor
    from pipelines.training.base_model import prepare_base

    base = str(prepare_base(make_plan(TEMPLATE).base))
    plan = make_plan(TEMPLATE, {"base.model": base, "train.epochs": 1, "preference.enabled": True})
    parts = parted(service_advisor.build(), rows)
    with own_home() as home:
        dataset = DatasetVersion(name="bench", version=1, uri=str(home / "rows"), digest=digest(rows), rows={})
        write_jsonl(home / "rows" / "train.jsonl", parts["train"])
        write_jsonl(home / "rows" / "heldout.jsonl", parts["heldout"])
        file = home / "pairs" / "preferences.jsonl"
        unseen = pairs(parts["unseen"], UNSEEN, plan)
        write_jsonl(file, pairs(parts["pairs"], PAIRS, plan))
        preferences = PreferenceDataset(name="bench", version=1, uri=str(file.parent), digest=digest(file), rows=PAIRS)
        return measured(dataset, preferences, unseen, plan, rates, home / "work")


def measured(
    dataset: DatasetVersion,
    preferences: PreferenceDataset,
    unseen: list[Row],
    plan: TrainingPlan,
    rates: tuple[float, ...],
    work: Path,
) -> dict[str, Any]:
    from pipelines.clients.mlflow import connect_mlflow
    from pipelines.training.dpo import train_dpo
    from pipelines.training.fine_tune import fine_tune

    began = time.monotonic()
    adapter = fine_tune(dataset, plan, work)
    figures: dict[str, Any] = {"fine_tune, seconds": time.monotonic() - began}
    figures |= {f"before, {name}": figure for name, figure in score_answers(adapter, dataset, unseen, plan).items()}
    for rate in rates:
        learn = plan.preference.model_copy(update={"learning_rate": rate})
        tried, began = plan.model_copy(update={"preference": learn}), time.monotonic()
        after = train_dpo(adapter, dataset, preferences, plan=tried, work=work)
        figures_found = {"seconds": time.monotonic() - began} | score_answers(after, dataset, unseen, plan)
        metrics = connect_mlflow().get_run(after.run_id).data.metrics
        figures_found |= {name: metrics[f"dpo/rewards/{name}"] for name in ("margins", "accuracies")}
        figures |= {f"{rate:g}, {name}": figure for name, figure in figures_found.items()}
        log.info("%s", figures)  # the next rate takes minutes
    return figures


def score_answers(adapter: Adapter, dataset: DatasetVersion, unseen: list[Row], plan: TrainingPlan) -> dict[str, float]:
    """What an adapter prefers, its loss on held-out rows, and how often its answers hold the fact."""
    import torch
    from transformers import TrainerCallback

    from pipelines.training.dpo_trainer import make_dpo_trainer
    from pipelines.training.fine_tune import read_splits

    splits, pairs = read_splits(dataset), {"train": unseen, "heldout": unseen}
    with tempfile.TemporaryDirectory() as folder:
        trainer: Any = make_dpo_trainer(
            Path(plan.base.model), Path(adapter.uri), splits, pairs, plan, Path(folder), TrainerCallback()
        )
    model, tokenizer, right = trainer.model, trainer.processing_class, 0
    tokenizer.padding_side = "left"
    prompts = [chat_format.render_prompt(tokenizer, row, plan.system_prompt) for row in splits["heldout"]]
    inputs = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
    with torch.inference_mode():
        generated = model.eval().generate(**inputs.to(model.device), max_new_tokens=MAX_NEW_TOKENS, do_sample=False)
    answers = tokenizer.batch_decode(generated[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    for row, answer in zip(splits["heldout"], answers, strict=True):
        right += all(contains_fact(fact, answer) for fact in row["facts"].values())
    return {
        "preferred": trainer.preferred(),
        "heldout_loss": trainer.heldout_loss(),
        "facts": right / len(answers),
    }


def parted(rows: list[Row], train: int) -> dict[str, list[Row]]:
    """Rows for training, for pairs, for pairs that stay unseen and for questions: no group is in two of them."""
    rng = random.Random(17)
    groups = sorted({row["group"] for row in rows})
    rng.shuffle(groups)
    place = {group: number % 4 for number, group in enumerate(groups)}
    parts: list[list[Row]] = [[], [], [], []]
    for row in rng.sample(rows, len(rows)):
        parts[place[row["group"]]].append(row)
    return {"train": parts[0][:train], "pairs": parts[1], "unseen": parts[2], "heldout": parts[3][:HELDOUT]}


def pairs(rows: list[Row], count: int, plan: TrainingPlan) -> list[Row]:
    return [
        {
            "prompt": [{"role": "system", "content": plan.system_prompt}, *pair.question.messages],
            "chosen": pair.better,
            "rejected": pair.worse,
            "source": pair.kind,
        }
        for pair in construct_pairs(rows, count)
    ]


@contextmanager
def own_home() -> Iterator[Path]:
    """A WEAVER_HOME and a tracking store that nobody else uses, while this lasts."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="weaver-bench-") as folder:
        os.environ |= {"WEAVER_HOME": folder, "WEAVER_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
        settings.cache_clear()
        try:
            with chdir(folder):  # where MLflow puts artifacts if no server does
                yield Path(folder)
        finally:
            os.environ.clear()
            os.environ |= before
            settings.cache_clear()
