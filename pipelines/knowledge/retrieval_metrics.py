"""How well an index finds what answers a question: recall, nDCG, and the facts that the first passages state."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from pipelines.text.facts import contains_fact
from pipelines.text.passages import Passage

DEEP = 10  # passages of a ranking that count


class Relevance(NamedTuple):
    """How one ranking did; each from 0 to 1."""

    recall_at_1: float
    recall_at_5: float
    ndcg_at_10: float


def judge(ranking: Sequence[Passage], answers: Callable[[Passage], bool]) -> Relevance:
    """Whether the first answers, whether one of the first five does, and the nDCG of the first that does."""
    place = next((place for place, passage in enumerate(ranking[:DEEP]) if answers(passage)), DEEP)
    return Relevance(float(place < 1), float(place < 5), 1 / math.log2(place + 2) if place < DEEP else 0.0)


def count_facts(shown: Iterable[Passage], facts: Sequence[str]) -> float | None:
    """The share of facts that the passages state word by word; None without facts."""
    texts = [passage.text for passage in shown]
    return sum(any(contains_fact(fact, text) for text in texts) for fact in facts) / len(facts) if facts else None
