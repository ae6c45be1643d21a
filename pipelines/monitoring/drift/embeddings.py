"""Whether texts moved in meaning: their centre, and their neighbourhoods.

A centre moves when many texts change a little, and stays when a few come from somewhere else altogether; those have no
near neighbour among the texts that were known. Vectors are the word vectors of pipelines.text.embedder: microseconds.
"""

import numpy as np

from pipelines.core.artifacts import Signal
from pipelines.core.plan import Drift
from pipelines.monitoring.drift.signals import LEAST

PERMUTATIONS = 1_999  # the smallest p-value is 0.0005, which the Benjamini-Hochberg of twenty signals can still see
FIRST = 199  # of them tell what is chance; the others are drawn only where the effect is large enough to matter
SEED = 17
BLOCK = 1_000  # texts compared with all known ones at a time


def centre(name: str, reference: np.ndarray, current: np.ndarray, policy: Drift) -> Signal | None:
    """How far the centre moved: the cosine distance beyond what chance gives samples of these sizes.

    The p-value is of a permutation test: which text is of which side is drawn anew, PERMUTATIONS times.

    Args:
        reference, current: unit vectors, [texts, dimensions].
    """
    if min(len(reference), len(current)) < LEAST:
        return None
    both = np.concatenate([reference, current]).astype(np.float32)
    rng, fewer = np.random.default_rng(SEED), min(len(reference), len(current))
    found = float(apart(current.sum(axis=0, keepdims=True), reference.sum(axis=0, keepdims=True))[0])
    by_chance = shuffled(both, fewer, FIRST, rng)
    if found - by_chance.mean() >= policy.min_shift:
        by_chance = np.concatenate([by_chance, shuffled(both, fewer, PERMUTATIONS - FIRST, rng)])
    return Signal(
        name=name,
        kind="embedding",
        statistic="cosine",
        value=round(found - float(by_chance.mean()), 4),
        threshold=policy.min_shift,
        p_value=float((1 + (by_chance >= found).sum()) / (1 + len(by_chance))),
        reference=len(reference),
        current=len(current),
        note=f"{found:.3f} apart, {by_chance.mean():.3f} by chance",
    )


def shuffled(texts: np.ndarray, side: int, times: int, rng: np.random.Generator) -> np.ndarray:
    """How far apart the centres are of so many of the texts, drawn at random, and of the others."""
    drawn = np.zeros((times, len(texts)), np.float32)
    places = rng.random(drawn.shape, np.float32).argpartition(side, axis=1)[:, :side]
    np.put_along_axis(drawn, places, 1.0, axis=1)
    one = drawn @ texts
    return apart(one, texts.sum(axis=0) - one)


def apart(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Cosine distance of rows, 0 where one of them is nought."""
    lengths = np.linalg.norm(some, axis=1) * np.linalg.norm(others, axis=1)
    cosines = np.divide((some * others).sum(axis=1), lengths, out=np.ones(len(some), some.dtype), where=lengths > 0)
    return 1 - cosines


def nearest(texts: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each text the place of its nearest known one, and their cosine."""
    places, cosines = [], []
    for begin in range(0, len(texts), BLOCK):
        found = texts[begin : begin + BLOCK] @ known.T
        places.append(found.argmax(axis=1))
        cosines.append(found.max(axis=1))
    if not places:
        return np.zeros(0, int), np.zeros(0)
    return np.concatenate(places), np.concatenate(cosines)
