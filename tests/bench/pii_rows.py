"""Dealership texts whose personal data is known, as it was put there: two halves that share no sentence and few forms.

Rules in `pipelines.text.privacy` are tuned on the development half; the held-out half was written after them and is for
the figures alone: who changes a rule because of a held-out row moves that row to the development half and writes
another.
A sentence has slots; a slot's value is drawn in one of the half's forms, so a row's labels are exact. Slots that are no
kind of personal data (part, ro, code, ...) are hard negatives. Limits: both halves were written by who wrote the rules,
in American English, and say nothing of how often which form occurs at a real counter.
"""

import random
import re
from collections.abc import Iterator
from typing import NamedTuple

from pipelines.core.plan import Privacy
from tests.bench.pii_development import COUNTER, LETTERS
from tests.bench.pii_held_out import HELD_OUT
from tests.bench.pii_odd import ODD

ENTITIES = Privacy.kinds()
HALVES = {"development": (COUNTER, LETTERS, ODD), "held_out": (HELD_OUT,)}
SLOT = re.compile(r"\{(\w+)\}")
AMOUNT = re.compile(r"\$?[\d,.]+(?: ?k\b)?")  # of an income, without its period, as the hand-labelled texts have it


class Labelled(NamedTuple):
    text: str
    labels: list[tuple[str, int, int]]  # entity, start, end


def rows(half: str, times: int = 20) -> Iterator[Labelled]:
    """Every sentence of a half `times` times, its slots filled anew; the same rows in every run."""
    dice = random.Random(half)
    for _ in range(times):
        for forms, sentences in HALVES[half]:
            for line in sentences.strip().splitlines():
                text, labels = "", []
                for number, piece in enumerate(SLOT.split(line.replace("\\n", "\n"))):
                    if number % 2 == 0:
                        text += piece
                        continue
                    value = dice.choice(forms[piece])(dice)
                    entity = {"surname": "name", "lowname": "name"}.get(piece, piece)
                    if entity in ENTITIES:
                        amount = AMOUNT.match(value) if entity == "income" else None
                        labels.append((entity, len(text), len(text) + len(amount.group() if amount else value)))
                    text += value
                yield Labelled(text, labels)
