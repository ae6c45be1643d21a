"""The few-shot arm: what a good prompt reaches without training, so that training has to beat more than zero-shot."""

import random
from collections.abc import Iterable
from typing import Any

Row = dict[str, Any]

SEED = 17


def select_examples(train: list[Row], topics: Iterable[str], count: int) -> dict[str, list[Row]]:
    """Choose the training rows that questions of each topic are shown as examples; the choice is deterministic.

    Examples are of the question's own topic, as a prompt's author would choose them, each about another vehicle or code
    if there are enough; a topic with too few is filled up with the others in turn.

    Args:
        count: examples per topic.

    Returns:
        topic → training rows.
    """
    shuffled = random.Random(SEED).sample(train, len(train))
    return {topic: pick_examples(shuffled, topic, count) for topic in sorted(set(topics))}


def pick_examples(rows: list[Row], topic: str, count: int) -> list[Row]:
    """The first `count` rows: of the topic before others, about new vehicles or codes before repeated ones."""
    seen: dict[tuple[str, str], int] = {}
    ranks = []
    for row in rows:
        of_topic, about = ("topic", row["topic"]), ("about", row["key"] or row["group"])
        # The first of each topic, then the second of each; among equals first those about something new.
        ranks.append((row["topic"] != topic, seen.get(about, 0), seen.get(of_topic, 0)))
        for name in (of_topic, about):
            seen[name] = seen.get(name, 0) + 1
    return [rows[i] for i in sorted(range(len(rows)), key=lambda i: ranks[i])[:count]]
