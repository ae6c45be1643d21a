"""Drop rows that are off topic: those whose question is not similar to the template's sample questions."""

import logging
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.plan import TrainingPlan
from pipelines.text import embedder

log = logging.getLogger(__name__)

THRESHOLDS = np.linspace(0, 1, 101)


def relevance(batch: pa.Table, plan: TrainingPlan) -> pa.Table:
    """Add `relevance`, the greatest cosine to one of `plan.questions`; drop rows below `plan.refine.relevance`.

    0 is unrelated; 0.6 is rare, because a mean of word vectors is compared with a sentence embedding. A topic without a
    sample question looks unrelated, so every topic needs one. A plan without questions keeps every row, and its
    relevance is null.
    """
    if not plan.questions:
        log.warning("%s has no sample questions: no row can be dropped as off topic", plan.template)
        unscored = batch.append_column("relevance", pa.nulls(len(batch), pa.float64()))
        return unscored.append_column("reason", pa.nulls(len(batch), pa.string()))
    questions = pc.binary_join_element_wise(batch["instruction"], batch["input"], "\n").to_pylist()
    scores = max_similarity(questions, plan.questions)
    least = plan.refine.relevance
    reasons = [f"off topic: relevance {score:.3f} < {least:g}" if score < least else None for score in scores]
    scored = batch.append_column("relevance", pa.array(scores, pa.float64()))
    return scored.append_column("reason", pa.array(reasons, pa.string()))


def max_similarity(texts: list[str], questions: list[str]) -> np.ndarray:
    """Each text's greatest cosine to a question, -1 to 1, rounded to three digits."""
    cosines = embedder.embed_rows(texts) @ embedder.embed_sentences(questions).T
    return np.asarray(np.round(cosines.max(axis=1).astype(float), 3))


def rows_kept_by_threshold(scores: Sequence[float]) -> np.ndarray:
    """How many rows each of THRESHOLDS would keep."""
    return len(scores) - np.searchsorted(np.sort(scores), THRESHOLDS - 1e-9)
