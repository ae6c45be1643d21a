"""Hand-labelled texts of a dealership's life, each set of another author (AI assistants) who knew no rule.

Sets a, b, d and e are seen: rules are improved by what they show, and training sentences by what the first three do, so
that their figures are no measure of texts that nobody has seen. Set c is the hold-out: nobody who changes the rules
reads it, and only its totals are measured. Set f is unseen: written last, and opened by nobody who changes the rules.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.bench.pii_rows import Labelled

FOLDER = Path(__file__).with_name("texts")
SETS = {"seen": "a", "seen_b": "b", "seen_d": "d", "seen_e": "e", "hold_out": "c", "unseen": "f"}


def read_lines(name: str) -> list[dict[str, Any]]:
    """The JSON lines of a file in `texts`."""
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def people(part: str, lower_case: bool | None = None) -> list[Labelled]:
    """Texts with people in them; `lower_case`: only those without a capital letter, or only the others."""
    return [
        Labelled(line["text"], [(s["kind"], s["start"], s["start"] + len(s["text"])) for s in line["spans"]])
        for line in read_lines(f"people_{SETS[part]}.jsonl")
        if lower_case is None or (line["text"] == line["text"].lower()) == lower_case
    ]


def clean(part: str) -> list[str]:
    """Texts in which nothing is personal."""
    return [line["text"] for line in read_lines(f"clean_{SETS[part]}.jsonl")]


def count_labels(texts: list[Labelled]) -> dict[str, int]:
    """How many labels of each kind."""
    return dict(Counter(entity for row in texts for entity, _, _ in row.labels))
