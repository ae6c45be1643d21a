"""How good one answer is, and what a set of them comes to."""

import math
import re
from collections.abc import Iterable
from typing import Any


def score(row: dict[str, Any], answer: str) -> dict[str, float]:
    """Figures of one answer, each a share from 0 to 1.

    facts: 1 if every ground-truth string of the row stands in the answer as whole words; rouge_l: F-measure;
    token_f1: overlap of words as SQuAD counts it. Source of the latter two: torchmetrics.
    """
    from torchmetrics.functional.text import rouge_score, squad

    reference = row["output"]
    overlap = squad(
        [{"prediction_text": answer, "id": "0"}], [{"answers": {"answer_start": [0], "text": [reference]}, "id": "0"}]
    )
    return {
        "facts": float(all(stands_in(fact, answer) for fact in row["facts"].values())),
        "rouge_l": float(rouge_score(answer, reference, rouge_keys="rougeL")["rougeL_fmeasure"]),
        "token_f1": float(overlap["f1"]) / 100,
    }


def stands_in(fact: str, answer: str) -> bool:
    """Whether a fact is said in so many words; "38" is not said by "138" or "38.5"."""
    words, said = (" ".join(text.lower().split()) for text in (fact, answer))
    return re.search(rf"(?<![\w.]){re.escape(words)}(?!\w|\.\d)", said) is not None


def summarise(answers: Iterable[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """`slice → metric → figure` over scored answers; a row counts under all, its kind and its topic.

    Rows without ground-truth facts have no say in `facts`. Loss is per answer token, over all tokens of the slice.
    """
    slices: dict[str, list[dict[str, Any]]] = {}
    for answer in answers:
        for name in ("all", answer["kind"], answer["topic"]):
            slices.setdefault(name, []).append(answer)
    return {name: figures(members) for name, members in slices.items()}


def figures(answers: list[dict[str, Any]]) -> dict[str, float]:
    loss = sum(a["nll"] for a in answers) / sum(a["tokens"] for a in answers)
    checkable = [a["facts"] for a in answers if a["expected"]]
    return {
        "questions": len(answers),
        "loss": loss,
        "perplexity": math.exp(min(loss, 50)),
        "facts": mean(checkable),
        "rouge_l": mean([a["rouge_l"] for a in answers]),
        "token_f1": mean([a["token_f1"] for a in answers]),
    }


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
