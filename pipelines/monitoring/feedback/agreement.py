"""How far a judge agrees with known labels, and how much the order of the answers sways it."""

import math
import random
from collections.abc import Callable

from pipelines.monitoring.feedback.fact_check import SIDES, Preferred, Question
from pipelines.monitoring.feedback.judge import Judgement
from pipelines.monitoring.feedback.labelled_pairs import LabelledPair

CompareAnswers = Callable[[Question, str, str], Judgement]


def measure_agreement(known: list[LabelledPair], judging: CompareAnswers, seed: int = 17) -> dict[str, float]:
    """Show a judge each pair, the better answer in a place that is drawn, and count.

    Returns:
        pairs; agreement (share of the pairs judged as labelled; a tie is not) and kappa (Cohen's); decided (share that
        is no tie) and precision (agreement among those); position_bias (share of the pairs that a model saw whose
        verdict flipped with their order), first_share (of its replies, those for the answer shown first) and unclear
        (those that were no verdict); `agreement, <kind>` for each kind.
    """
    from sklearn.metrics import cohen_kappa_score

    rng = random.Random(seed)
    labels: list[Preferred] = []
    found: list[Judgement] = []
    for pair in known:
        label = rng.choice(SIDES)
        answers = (pair.better, pair.worse) if label == "first" else (pair.worse, pair.better)
        labels.append(label)
        found.append(judging(pair.question, *answers))
    verdicts = [judgement.preferred for judgement in found]
    right = [label == said for label, said in zip(labels, verdicts, strict=True)]
    decided = [said != "tie" for said in verdicts]
    kappa = float(cohen_kappa_score(labels, verdicts, labels=[*SIDES, "tie"])) if known else 0.0
    asked = [judgement for judgement in found if judgement.by == "model"]
    kinds = sorted({pair.kind for pair in known})
    return {
        "pairs": len(known),
        "agreement": share(right),
        "kappa": kappa if math.isfinite(kappa) else 0.0,
        "decided": share(decided),
        "precision": share([ok for ok, said in zip(right, decided, strict=True) if said]),
        "position_bias": share([judgement.flipped for judgement in asked]),
        "first_share": sum(judgement.for_first for judgement in asked) / max(1, 2 * len(asked)),
        "unclear": sum(judgement.unclear for judgement in asked) / max(1, 2 * len(asked)),
        **{
            f"agreement, {kind}": share([ok for ok, pair in zip(right, known, strict=True) if pair.kind == kind])
            for kind in kinds
        },
    }


def share(hits: list[bool]) -> float:
    return sum(hits) / len(hits) if hits else 0.0
