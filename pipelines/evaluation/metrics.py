"""How good one answer is, and what a set of them comes to."""

import math
import re
from collections import Counter
from typing import Any

from pipelines.core.errors import WeaverError
from pipelines.text.facts import contains_fact, extract_numbers, find_fact

Row = dict[str, Any]

SHARES = ("facts", "score", "exact", "rouge_l", "token_f1", "bleu", "chrf")
BINS = 10  # of confidence
MAX_LABELS, MAX_LABEL_WORDS = 12, 4  # more different values, or longer ones, are no classes
MIN_QUESTIONS_PER_LABEL = 2  # questions a class, on average, from which values are classes


def score_answer(row: Row, answer: str) -> dict[str, float | None]:
    """Figures of one answer to a row with output and facts; shares from 0 to 1 unless said otherwise.

    facts: 1 if every ground-truth string stands in the answer as whole words, None where the row has none; score:
    facts, or where there are none token_f1; exact: 1 for the same words, without case, articles and punctuation;
    token_f1: overlap of words as SQuAD counts it; rouge_l: F-measure; bleu, chrf: of the sentence; numeric_error:
    how far the nearest number is from a numeric fact, as a share of the fact, at most 1 (no number at all), None where
    no fact is a number; length_ratio: the answer's words over the truth's.
    Sources: torchmetrics (exact, token_f1, rouge_l), sacrebleu (bleu, chrf).
    """
    from sacrebleu.metrics import BLEU, CHRF
    from torchmetrics.functional.text import rouge_score, squad

    truth, facts = row["output"], row["facts"].values()
    overlap = squad(
        [{"prediction_text": answer, "id": "0"}], [{"answers": {"answer_start": [0], "text": [truth]}, "id": "0"}]
    )
    right = float(all(contains_fact(fact, answer) for fact in facts)) if facts else None
    token_f1 = float(overlap["f1"]) / 100
    errors = [relative_error(number, answer) for fact in facts if (number := parse_number(fact)) is not None]
    return {
        "facts": right,
        "score": token_f1 if right is None else right,
        "exact": float(overlap["exact_match"]) / 100,
        "token_f1": token_f1,
        "rouge_l": float(rouge_score(answer, truth, rouge_keys="rougeL")["rougeL_fmeasure"]),
        "bleu": BLEU(effective_order=True).sentence_score(answer, [truth]).score / 100,
        "chrf": CHRF().sentence_score(answer, [truth]).score / 100,
        "numeric_error": max(errors, default=None),
        "length_ratio": len(answer.split()) / max(1, len(truth.split())),
    }


def parse_number(fact: str) -> float | None:
    """The value of a fact that is one number with at most a unit: "38", "$23,400", "6 on hand", "27.0%"."""
    found = extract_numbers(fact)
    return found[0] if len(found) == 1 and len(fact.split()) <= 3 and not re.match(r"[A-Za-z]", fact) else None


def relative_error(truth: float, answer: str) -> float:
    """Of the nearest number in the answer, as a share of the truth; at most 1, which is also what no number gets."""
    nearest = min((abs(number - truth) for number in extract_numbers(answer)), default=math.inf)
    return min(1.0, nearest / abs(truth)) if truth else float(nearest > 0)


def summarise_slices(arm: str, answers: list[Row]) -> dict[str, dict[str, float]]:
    """`slice → metric → figure` over an arm's marked answers; a row counts under each of its `parts`.

    Raises:
        WeaverError: a figure is not a number; names it.
    """
    slices: dict[str, list[Row]] = {}
    for answer in answers:
        for name in answer["parts"]:
            slices.setdefault(name, []).append(answer)
    slices = {name: slices[name] for name in order_slices(answers)}
    classes = find_label_sets(answers)
    found = {name: mean_metrics(members) | classification_metrics(members, classes) for name, members in slices.items()}
    for part, metrics in found.items():
        for metric, figure in metrics.items():
            if not math.isfinite(figure):
                raise WeaverError(
                    f"{metric} of {arm} over {part!r} came out as {figure}",
                    "A model whose outputs are not numbers was trained too hard: lower train.learning_rate.",
                )
    return found


def order_slices(answers: list[Row]) -> list[str]:
    """Every slice once: all, kinds, topics, then those of source, length and year."""
    found = {name for answer in answers for name in answer["parts"]}
    kinds, topics = ({answer[key] for answer in answers} for key in ("kind", "topic"))
    return sorted(found, key=lambda name: (name != "all", name not in kinds, name not in topics, name))


def mean_metrics(answers: list[Row]) -> dict[str, float]:
    """Means over the answers that have a say in a metric, a metric without any left out. Loss is per answer token, over
    all tokens; corpus_bleu and corpus_chrf are those of all answers as one text; calibration_error is the expected one,
    over BINS bins of confidence, of being right (facts, or else exact)."""
    from sacrebleu.metrics import BLEU, CHRF

    loss = sum(a["nll"] for a in answers) / sum(a["tokens"] for a in answers)
    said, truths = [a["answer"] for a in answers], [[a["truth"] for a in answers]]
    means = {}
    for metric in (*SHARES, "numeric_error", "length_ratio", "answer_tokens", "confidence"):
        if values := [a[metric] for a in answers if a[metric] is not None]:
            means[metric] = sum(values) / len(values)
    return {
        "questions": len(answers),
        "loss": loss,
        "perplexity": math.exp(min(loss, 50)),
        **means,
        "corpus_bleu": BLEU().corpus_score(said, truths).score / 100,
        "corpus_chrf": CHRF().corpus_score(said, truths).score / 100,
        "calibration_error": calibration_error(answers),
    }


def is_right(answer: Row) -> bool:
    return bool((answer["exact"] if answer["facts"] is None else answer["facts"]) == 1)


def calibration_error(answers: list[Row]) -> float:
    """The mean distance of confidence and share of right answers. Source: torchmetrics (Guo et al. 2017)."""
    import torch
    from torchmetrics.functional.classification import binary_calibration_error

    sure = torch.tensor([answer["confidence"] for answer in answers])
    return float(binary_calibration_error(sure, torch.tensor([int(is_right(a)) for a in answers]), n_bins=BINS))


def find_label_sets(answers: list[Row]) -> dict[tuple[str, str], list[str]]:
    """`(topic, column of facts) → labels`, where an answer is a choice among few words.

    Decided by the held-out truths alone: a column's values are classes if they are 2 to LABELS, of at most WORDS words
    and no numbers, and each is asked ASKED times or more on average. A city known from one record, a price or a
    sentence is none.
    """
    values: dict[tuple[str, str], Counter[str]] = {}
    for answer in answers:
        for column, value in answer["expected"].items():
            values.setdefault((answer["topic"], column), Counter())[value] += 1
    return {
        name: sorted(count)
        for name, count in values.items()
        if 2 <= len(count) <= MAX_LABELS
        and count.total() >= MIN_QUESTIONS_PER_LABEL * len(count)
        and not any(extract_numbers(value) or len(value.split()) > MAX_LABEL_WORDS for value in count)
    }


def predict_labels(answers: list[Row], classes: dict[tuple[str, str], list[str]]) -> list[tuple[str, str]]:
    """(true label, label that the answer gives first, the longer of two in one place, or "none") of each choice."""
    pairs = []
    for answer in answers:
        for column, truth in answer["expected"].items():
            if labels := classes.get((answer["topic"], column)):
                places = {label: find_fact(label, answer["answer"]) for label in labels}
                said = [label for label, place in places.items() if place is not None]
                pairs.append((truth, min(said, key=lambda label: (places[label], -len(label)), default="none")))
    return pairs


def classification_metrics(answers: list[Row], classes: dict[tuple[str, str], list[str]]) -> dict[str, float]:
    """accuracy and macro_f1 of the choices among these answers; nothing where there are none. Source: scikit-learn."""
    from sklearn.metrics import accuracy_score, f1_score

    if not (pairs := predict_labels(answers, classes)):
        return {}
    truths, said = zip(*pairs, strict=True)
    labels = sorted(set(truths))
    return {
        "accuracy": float(accuracy_score(truths, said)),
        "macro_f1": float(f1_score(truths, said, labels=labels, average="macro", zero_division=0)),
    }


def latency_metrics(timings: list[Row], machine_hour: float) -> dict[str, float]:
    """Of questions asked one at a time: seconds to the first token, a token after it, and an answer (`latency` is the
    median), each with its 95th percentile; tokens a second; and what 1,000 answers cost at `machine_hour`."""
    import numpy as np

    found = {}
    for name, key in (("first_token", "first_token"), ("token", "token"), ("latency", "answer")):
        if seconds := [timing[key] for timing in timings if timing[key] is not None]:
            found[name], found[f"{name}_p95"] = (float(np.percentile(seconds, share)) for share in (50, 95))
    whole = sum(timing["answer"] for timing in timings)
    return found | {
        "tokens_per_second": sum(timing["tokens"] for timing in timings) / whole,
        "cost_per_1000": whole / len(timings) * 1000 / 3600 * machine_hour,
    }
