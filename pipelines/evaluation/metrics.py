"""Metrics of one answer, and of a set of answers."""

import math
import re
from collections import Counter
from typing import Any

from pipelines.core.errors import WeaverError
from pipelines.evaluation.outcomes import summarise_outcomes
from pipelines.text.facts import contains_fact, extract_numbers, find_fact
from pipelines.text.importance import required_facts

Row = dict[str, Any]

SHARES = ("facts", "score", "exact", "rouge_l", "token_f1", "bleu", "chrf")
BINS = 10  # of confidence
MAX_LABELS, MAX_LABEL_WORDS = 12, 4  # more different values, or longer ones, are not labels
MIN_QUESTIONS_PER_LABEL = 2  # on average; values of fewer questions are not labels


def score_answer(row: Row, answer: str) -> dict[str, float | None]:
    """Score one answer to a row that has output (the true answer), facts, and maybe their importance.

    Optional facts are not scored.

    Returns:
        Metrics from 0 to 1 unless noted. facts: 1 if the answer contains every fact as whole words, None if the row has
        no facts; score: the share of the facts that it contains, or token_f1 without facts; exact: 1 for the same
        words, ignoring case, articles and punctuation; token_f1: word overlap as in SQuAD; rouge_l: F-measure; bleu,
        chrf: of the sentence; numeric_error: distance of the nearest number from a numeric fact, relative to the fact,
        at most 1 (also without any number), None if no fact is a number; length_ratio: words of the answer per word of
        the true answer (0 or more).
        Sources: torchmetrics (exact, token_f1, rouge_l), sacrebleu (bleu, chrf).
    """
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from torchmetrics.functional.text import rouge_score, squad

    truth, facts = row["output"], required_facts(row).values()
    overlap = squad(
        [{"prediction_text": answer, "id": "0"}], [{"answers": {"answer_start": [0], "text": [truth]}, "id": "0"}]
    )
    share_found = sum(contains_fact(fact, answer) for fact in facts) / len(facts) if facts else None
    token_f1 = float(overlap["f1"]) / 100
    errors = [relative_error(number, answer) for fact in facts if (number := parse_number(fact)) is not None]
    return {
        "facts": None if share_found is None else float(share_found == 1),
        "score": token_f1 if share_found is None else share_found,
        "exact": float(overlap["exact_match"]) / 100,
        "token_f1": token_f1,
        "rouge_l": float(rouge_score(answer, truth, rouge_keys="rougeL")["rougeL_fmeasure"]),
        "bleu": BLEU(effective_order=True).sentence_score(answer, [truth]).score / 100,
        "chrf": CHRF().sentence_score(answer, [truth]).score / 100,
        "numeric_error": max(errors, default=None),
        "length_ratio": len(answer.split()) / max(1, len(truth.split())),
    }


def parse_number(fact: str) -> float | None:
    """The value of a fact that is one number, maybe with a unit ("38", "$23,400", "6 on hand", "27.0%"); else None."""
    values = extract_numbers(fact)
    return values[0] if len(values) == 1 and len(fact.split()) <= 3 and not re.match(r"[A-Za-z]", fact) else None


def relative_error(truth: float, answer: str) -> float:
    """Relative error of the answer's number nearest to the truth, from 0 to 1; 1 if the answer has no number."""
    nearest = min((abs(number - truth) for number in extract_numbers(answer)), default=math.inf)
    return min(1.0, nearest / abs(truth)) if truth else float(nearest > 0)


def summarise_slices(arm: str, answers: list[Row]) -> dict[str, dict[str, float]]:
    """Compute the metrics of an arm's scored answers in every slice; a row belongs to each of its `slices`.

    Returns:
        slice → metric → value.

    Raises:
        WeaverError: a value is not finite; names arm, slice and metric.
    """
    slices: dict[str, list[Row]] = {}
    for answer in answers:
        for name in answer["slices"]:
            slices.setdefault(name, []).append(answer)
    slices = {name: slices[name] for name in order_slices(answers)}
    classes = find_label_sets(answers)
    summary = {
        name: mean_metrics(members) | summarise_outcomes(members) | classification_metrics(members, classes)
        for name, members in slices.items()
    }
    for name, metrics in summary.items():
        for metric, value in metrics.items():
            if not math.isfinite(value):
                raise WeaverError(
                    f"The {metric} of {arm} in the slice “{name}” is {value}.",
                    "The training diverged: lower train.learning_rate.",
                )
    return summary


def order_slices(answers: list[Row]) -> list[str]:
    """All slice names: all, kinds, topics, then those of format, length, source and year."""
    names = {name for answer in answers for name in answer["slices"]}
    kinds, topics = ({answer[key] for answer in answers} for key in ("kind", "topic"))
    return sorted(names, key=lambda name: (name != "all", name not in kinds, name not in topics, name))


def mean_metrics(answers: list[Row]) -> dict[str, float]:
    """Means over the answers that have a value for a metric; a metric without any is left out.

    loss is in nats per token over all tokens of the true answers; corpus_bleu and corpus_chrf are of all answers as one
    text; calibration_error is the expected calibration error of being right, over BINS bins of confidence.
    """
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    loss = sum(a["nll"] for a in answers) / sum(a["tokens"] for a in answers)
    texts, truths = [a["answer"] for a in answers], [[a["truth"] for a in answers]]
    means = {}
    for metric in (*SHARES, "numeric_error", "length_ratio", "answer_tokens", "confidence"):
        if values := [a[metric] for a in answers if a[metric] is not None]:
            means[metric] = sum(values) / len(values)
    return {
        "questions": len(answers),
        "loss": loss,
        "perplexity": math.exp(min(loss, 50)),
        **means,
        "corpus_bleu": BLEU().corpus_score(texts, truths).score / 100,
        "corpus_chrf": CHRF().corpus_score(texts, truths).score / 100,
        "calibration_error": calibration_error(answers),
    }


def is_right(answer: Row) -> bool:
    """Whether a scored answer has all facts; without known facts, whether it matches exactly."""
    return bool((answer["exact"] if answer["facts"] is None else answer["facts"]) == 1)


def calibration_error(answers: list[Row]) -> float:
    """Expected calibration error, 0 to 1. Source: torchmetrics (Guo et al. 2017)."""
    import torch
    from torchmetrics.functional.classification import binary_calibration_error

    confidences = torch.tensor([answer["confidence"] for answer in answers])
    return float(binary_calibration_error(confidences, torch.tensor([int(is_right(a)) for a in answers]), n_bins=BINS))


def find_label_sets(answers: list[Row]) -> dict[tuple[str, str], list[str]]:
    """Return the labels of each (topic, fact column) whose values are a choice among few words.

    Decided by the held-out truths alone: a column's values are labels if there are 2 to MAX_LABELS of them, of at most
    MAX_LABEL_WORDS words and not numbers, with at least MIN_QUESTIONS_PER_LABEL questions per label on average. A city
    known from one record, a price or a sentence is not a label.
    """
    values: dict[tuple[str, str], Counter[str]] = {}
    for answer in answers:
        for column, value in answer["expected_facts"].items():
            values.setdefault((answer["topic"], column), Counter())[value] += 1
    return {
        name: sorted(count)
        for name, count in values.items()
        if 2 <= len(count) <= MAX_LABELS
        and count.total() >= MIN_QUESTIONS_PER_LABEL * len(count)
        and not any(extract_numbers(value) or len(value.split()) > MAX_LABEL_WORDS for value in count)
    }


def predict_labels(answers: list[Row], classes: dict[tuple[str, str], list[str]]) -> list[tuple[str, str]]:
    """Return (true label, predicted label) of each choice.

    Predicted is the label that comes first in the answer, of two in one place the longer one; "none" without any.
    """
    pairs = []
    for answer in answers:
        for column, truth in answer["expected_facts"].items():
            if labels := classes.get((answer["topic"], column)):
                places = {label: find_fact(label, answer["answer"]) for label in labels}
                mentioned = [label for label, place in places.items() if place is not None]
                pairs.append((truth, min(mentioned, key=lambda label: (places[label], -len(label)), default="none")))
    return pairs


def classification_metrics(answers: list[Row], classes: dict[tuple[str, str], list[str]]) -> dict[str, float]:
    """accuracy and macro_f1 (0 to 1) of the choices among these answers; empty without any. Source: scikit-learn."""
    from sklearn.metrics import accuracy_score, f1_score

    if not (pairs := predict_labels(answers, classes)):
        return {}
    truths, predicted = zip(*pairs, strict=True)
    labels = sorted(set(truths))
    return {
        "accuracy": float(accuracy_score(truths, predicted)),
        "macro_f1": float(f1_score(truths, predicted, labels=labels, average="macro", zero_division=0)),
    }


def latency_metrics(timings: list[Row], machine_hour: float) -> dict[str, float]:
    """Latency and cost of questions asked one at a time; see AnswerGenerator.measure_latency.

    Args:
        machine_hour: what an hour of this machine costs.

    Returns:
        first_token, token (each one after the first) and latency (of a whole answer): medians in seconds, with their
        95th percentiles as `<name>_p95`; tokens_per_second; cost_per_1000 answers. Percentiles: numpy, linear.
    """
    import numpy as np

    metrics = {}
    for name, key in (("first_token", "first_token"), ("token", "token"), ("latency", "answer")):
        if seconds := [timing[key] for timing in timings if timing[key] is not None]:
            metrics[name], metrics[f"{name}_p95"] = (float(np.percentile(seconds, share)) for share in (50, 95))
    seconds_in_all = sum(timing["answer"] for timing in timings)
    return metrics | {
        "tokens_per_second": sum(timing["tokens"] for timing in timings) / seconds_in_all,
        "cost_per_1000": seconds_in_all / len(timings) * 1000 / 3600 * machine_hour,
    }
