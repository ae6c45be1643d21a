"""How far a judge agrees with labelled pairs, and how much the order of the answers influences it."""

import math
import random
from collections.abc import Callable

from pipelines.monitoring.feedback.fact_check import SIDES, Preferred, Question
from pipelines.monitoring.feedback.judge import Judgement
from pipelines.monitoring.feedback.labelled_pairs import LabelledPair

CompareAnswers = Callable[[Question, str, str], Judgement]


def measure_agreement(pairs: list[LabelledPair], compare: CompareAnswers, seed: int = 17) -> dict[str, float]:
    """Show a judge each pair, the better answer first or second at random, and measure the agreement.

    Returns:
        pairs; agreement (share of the pairs judged as labelled; a tie is not) and kappa (Cohen's); decided (share that
        is no tie) and precision (agreement among those); position_bias (share of the pairs that a model saw whose
        verdict changed with their order), first_share (of its replies, those for the answer shown first) and unclear
        (those without a verdict); `agreement, <kind>` for each kind.
    """
    from sklearn.metrics import cohen_kappa_score

    rng = random.Random(seed)
    labels: list[Preferred] = []
    judgements: list[Judgement] = []
    for pair in pairs:
        label = rng.choice(SIDES)
        answers = (pair.better, pair.worse) if label == "first" else (pair.worse, pair.better)
        labels.append(label)
        judgements.append(compare(pair.question, *answers))
    verdicts = [judgement.preferred for judgement in judgements]
    right = [label == verdict for label, verdict in zip(labels, verdicts, strict=True)]
    decided = [verdict != "tie" for verdict in verdicts]
    kappa = float(cohen_kappa_score(labels, verdicts, labels=[*SIDES, "tie"])) if pairs else 0.0
    by_model = [judgement for judgement in judgements if judgement.by == "model"]
    kinds = sorted({pair.kind for pair in pairs})
    return {
        "pairs": len(pairs),
        "agreement": share(right),
        "kappa": kappa if math.isfinite(kappa) else 0.0,
        "decided": share(decided),
        "precision": share([ok for ok, verdict in zip(right, decided, strict=True) if verdict]),
        "position_bias": share([judgement.flipped for judgement in by_model]),
        "first_share": sum(judgement.for_first for judgement in by_model) / max(1, 2 * len(by_model)),
        "unclear": sum(judgement.unclear for judgement in by_model) / max(1, 2 * len(by_model)),
        **{
            f"agreement, {kind}": share([ok for ok, pair in zip(right, pairs, strict=True) if pair.kind == kind])
            for kind in kinds
        },
    }


def share(hits: list[bool]) -> float:
    """The share of True, 0 to 1; 0 of an empty list."""
    return sum(hits) / len(hits) if hits else 0.0
