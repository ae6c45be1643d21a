"""Whether texts changed in meaning: their centroid, and their nearest neighbours.

A centroid moves when many texts change a little, and stays when a few are about something else altogether; those have
no near neighbour among the training texts. Vectors are the word vectors of pipelines.text.embedder: microseconds.
"""

import numpy as np

from pipelines.core.artifacts import Signal
from pipelines.core.plan import Drift
from pipelines.monitoring.drift.signals import MIN_VALUES

PERMUTATIONS = 1_999  # the smallest p-value is 0.0005, which the Benjamini-Hochberg of twenty signals can still see
FIRST_PERMUTATIONS = (
    199  # of them tell what is chance; the others are drawn only where the effect is large enough to matter
)
SEED = 17
BLOCK_CELLS = 20_000_000  # of the similarities that are in memory at a time


def compare_centroids(name: str, reference: np.ndarray, current: np.ndarray, policy: Drift) -> Signal | None:
    """How far the centroid moved: the cosine distance beyond what chance gives samples of these sizes.

    The p-value is of a permutation test: texts are assigned to the sides at random, PERMUTATIONS times.

    Args:
        reference, current: unit vectors, [texts, dimensions].
    """
    if min(len(reference), len(current)) < MIN_VALUES:
        return None
    both = np.concatenate([reference, current]).astype(np.float32)
    rng, fewer = np.random.default_rng(SEED), min(len(reference), len(current))
    distance = float(cosine_distances(current.sum(axis=0, keepdims=True), reference.sum(axis=0, keepdims=True))[0])
    by_chance = permuted_distances(both, fewer, FIRST_PERMUTATIONS, rng)
    if distance - by_chance.mean() >= policy.min_shift:
        by_chance = np.concatenate([by_chance, permuted_distances(both, fewer, PERMUTATIONS - FIRST_PERMUTATIONS, rng)])
    return Signal(
        name=name,
        kind="embedding",
        statistic="cosine",
        value=round(distance - float(by_chance.mean()), 4),
        threshold=policy.min_shift,
        p_value=float((1 + (by_chance >= distance).sum()) / (1 + len(by_chance))),
        reference=len(reference),
        current=len(current),
        note=f"distance {distance:.3f}, {by_chance.mean():.3f} by chance",
    )


def permuted_distances(texts: np.ndarray, side: int, times: int, rng: np.random.Generator) -> np.ndarray:
    """Distances between the centroids of `side` texts, drawn at random, and of the others; one per permutation."""
    chosen = np.zeros((times, len(texts)), np.float32)
    positions = rng.random(chosen.shape, np.float32).argpartition(side, axis=1)[:, :side]
    np.put_along_axis(chosen, positions, 1.0, axis=1)
    one = chosen @ texts
    return cosine_distances(one, texts.sum(axis=0) - one)


def cosine_distances(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Cosine distance of each pair of rows; 0 where one of them is the zero vector."""
    lengths = np.linalg.norm(some, axis=1) * np.linalg.norm(others, axis=1)
    cosines = np.divide((some * others).sum(axis=1), lengths, out=np.ones(len(some), some.dtype), where=lengths > 0)
    distances: np.ndarray = 1 - cosines
    return distances


def find_nearest(texts: np.ndarray, training: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each text the position of its nearest training text, and their cosine."""
    positions, cosines = [], []
    rows = max(1, BLOCK_CELLS // max(1, len(training)))
    for begin in range(0, len(texts), rows):
        similarity = texts[begin : begin + rows] @ training.T
        positions.append(similarity.argmax(axis=1))
        cosines.append(similarity.max(axis=1))
    if not positions:
        return np.zeros(0, int), np.zeros(0)
    return np.concatenate(positions), np.concatenate(cosines)
