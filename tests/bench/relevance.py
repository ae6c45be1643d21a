"""The word vectors beside MiniLM, which they were distilled from: how fast, and how alike they judge."""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.core.errors import WeaverError
from pipelines.core.make_plan import make_plan
from pipelines.datasets.refine.relevance import max_similarity
from pipelines.text import embedder

MANY = 20_000  # rows that the word vectors are timed on


def run(template: str = "service_advisor", count: int = 300) -> dict[str, Any]:
    """Tell `count` rows of the kit from as many utterances of people who chat, by either.

    Returns:
        distil_s: seconds to make the word vectors, of the processor and by the clock; rows_per_s of each, on one
        process; auc of each: how often a row of the kit is more relevant than an utterance; agreement: the rank
        correlation of the two; at the plan's threshold, the shares of the kit's rows lost and of utterances kept.
    """
    plan, rng = make_plan(template), random.Random(0)
    kit, chat = rng.sample(of_kit(), count), rng.sample(chatted(), count)
    with tempfile.TemporaryDirectory(prefix="weaver-bench-") as scratch:
        distilled = seconds(lambda: embedder.distil_word_vectors(Path(scratch)))
    max_similarity(kit[:1], plan.questions)  # loads the word vectors, and reads the questions
    minilm = embedder.load_minilm()
    question_vectors = minilm.encode(plan.questions, normalize_embeddings=True)

    def by_minilm(texts: list[str]) -> np.ndarray:
        return np.asarray((minilm.encode(texts, normalize_embeddings=True) @ question_vectors.T).max(axis=1))

    ours, theirs = max_similarity([*kit, *chat], plan.questions), by_minilm([*kit, *chat])
    slow = seconds(lambda: by_minilm(kit))
    fast = seconds(lambda: max_similarity((kit * (MANY // count + 1))[:MANY], plan.questions))
    threshold = plan.refine.relevance
    return {
        "distil_s": distilled[0],
        "distil_cpu_s": distilled[1],
        "rows_per_s": MANY / fast[0],
        "rows_per_cpu_s": MANY / fast[1],
        "rows_per_s_minilm": count / slow[0],
        "rows_per_cpu_s_minilm": count / slow[1],
        "auc": auc(ours, count),
        "auc_minilm": auc(theirs, count),
        "agreement": float(np.corrcoef(ours.argsort().argsort(), theirs.argsort().argsort())[0, 1]),
        "threshold": threshold,
        "kit_lost": float((ours[:count] < threshold).mean()),
        "chat_kept": float((ours[count:] >= threshold).mean()),
    }


def of_kit() -> list[str]:
    from pipelines.kits.automotive import service_advisor

    return [f"{row['instruction']}\n{row['input']}" for row in service_advisor.build()]


def chatted() -> list[str]:
    try:
        from chitchat_dataset import ConversationDataset
    except ImportError as error:
        raise WeaverError("chitchat-dataset, which is compared to, is missing", "Run `make install`.") from error
    return [text for talk in ConversationDataset() for text in talk if len(text) > 15]


def auc(scores: np.ndarray, count: int) -> float:
    high, low = scores[:count, None], scores[count:]
    return float((high > low).mean() + (high == low).mean() / 2)


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """By the clock, and of the processor over all threads."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor
