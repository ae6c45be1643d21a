"""The few-shot arm: what a good prompt alone would reach, so that training has to beat more than a bare question."""

import random
from collections.abc import Iterable
from typing import Any

Row = dict[str, Any]

SEED = 17


def select_examples(train: list[Row], topics: Iterable[str], count: int) -> dict[str, list[Row]]:
    """`topic → training rows` that a question of the topic is shown, the same every night.

    They are of the question's own topic, as whoever writes a prompt would choose them, each about another vehicle or
    code while there are enough; a topic with too few is filled up in turn from the others.
    """
    shuffled = random.Random(SEED).sample(train, len(train))
    return {topic: pick_examples(shuffled, topic, count) for topic in sorted(set(topics))}


def pick_examples(rows: list[Row], topic: str, count: int) -> list[Row]:
    seen: dict[tuple[str, str], int] = {}
    places = []
    for row in rows:
        of_topic, about = ("topic", row["topic"]), ("about", row["key"] or row["group"])
        # The first of each topic, then the second of each; and at every place first those about something new.
        places.append((row["topic"] != topic, seen.get(about, 0), seen.get(of_topic, 0)))
        for name in (of_topic, about):
            seen[name] = seen.get(name, 0) + 1
    return [rows[i] for i in sorted(range(len(rows)), key=lambda i: places[i])[:count]]
