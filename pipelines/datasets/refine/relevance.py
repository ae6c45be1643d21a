"""Whether a row is on its template's topic: how like its question is to the template's sample questions."""

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
    """Add `relevance`, the greatest cosine to one of `plan.questions`; rows below `plan.refine.relevance` go.

    0 is unrelated, and 0.6 is rare: a mean of word vectors against a whole sentence. A topic that no question stands
    for looks unrelated: give each topic one. A plan without questions keeps every row, with no relevance.
    """
    if not plan.questions:
        log.warning("%s has no sample questions: every row is kept, whatever it is about", plan.template)
        unknown = batch.append_column("relevance", pa.nulls(len(batch), pa.float64()))
        return unknown.append_column("reason", pa.nulls(len(batch), pa.string()))
    asked = pc.binary_join_element_wise(batch["instruction"], batch["input"], "\n").to_pylist()
    found = max_similarity(asked, plan.questions)
    least = plan.refine.relevance
    reasons = [f"off topic: relevance {value:.3f} < {least:g}" if value < least else None for value in found]
    judged = batch.append_column("relevance", pa.array(found, pa.float64()))
    return judged.append_column("reason", pa.array(reasons, pa.string()))


def max_similarity(texts: list[str], questions: list[str]) -> np.ndarray:
    """The greatest cosine of each text to a question, -1 to 1, rounded to three digits."""
    cosines = embedder.embed_rows(texts) @ embedder.embed_sentences(questions).T
    return np.round(cosines.max(axis=1).astype(float), 3)


def rows_kept_by_threshold(found: Sequence[float]) -> np.ndarray:
    """How many rows would stay at each of THRESHOLDS."""
    return len(found) - np.searchsorted(np.sort(found), THRESHOLDS - 1e-9)
