"""Whether questions move away from what the knowledge base holds: from its centre, and from their nearest passages.

Both sides of a comparison are measured against the index that is live now, so that a new document changes both. No
training helps where questions have moved away: documents do, so a person is told, and no retraining is started.
"""

from typing import TYPE_CHECKING

import numpy as np

from pipelines.core.artifacts import Signal
from pipelines.core.plan import Drift
from pipelines.knowledge.index import has_index, live_rows
from pipelines.knowledge.index_rows import read_vectors
from pipelines.monitoring.drift import embeddings, signals
from pipelines.text import embedder

if TYPE_CHECKING:
    import pandas as pd

NEAREST, CENTRE = "nearest passage", "centre of passages"  # cosines of a question
FAR = "unlike all passages"
FAR_PERCENTILE = 5  # percent of the reference's questions that count as far from all passages


def load_passage_vectors(template: str) -> np.ndarray | None:
    """The unit vectors of the live index, float32 [passages, dimensions]; None where the template has none.

    Raises:
        WeaverError: the index is damaged.
    """
    if not has_index(template):
        return None
    vectors = read_vectors(live_rows(template, "vector"))
    return vectors if len(vectors) else None


def measure_coverage(questions: list[str], passages: np.ndarray) -> dict[str, np.ndarray]:
    """Column → cosine of each question with its nearest passage, and with the centre of all passages.

    Of a question the first line counts; a record that its asker brought stands below it.
    """
    vectors = embedder.embed_rows([question.strip().partition("\n")[0] for question in questions])
    _, nearest = embeddings.find_nearest(vectors, passages)
    centre = passages.mean(axis=0, keepdims=True)
    return {NEAREST: nearest, CENTRE: 1 - embeddings.cosine_distances(vectors, np.repeat(centre, len(vectors), axis=0))}


def compare_coverage(before: "pd.DataFrame", now: "pd.DataFrame", policy: Drift) -> list[Signal | None]:
    """The signals of a window, if both sides were measured against an index."""
    if NEAREST not in before or NEAREST not in now or not len(before):
        return []
    far = float(np.percentile(before[NEAREST], FAR_PERCENTILE))
    old, new = ((side[NEAREST] < far).tolist() for side in (before, now))
    return [
        signals.compare_numbers(NEAREST, "knowledge", before[NEAREST], now[NEAREST], policy),
        signals.compare_numbers(CENTRE, "knowledge", before[CENTRE], now[CENTRE], policy),
        signals.compare_shares(FAR, "knowledge", old, new, policy),
    ]
