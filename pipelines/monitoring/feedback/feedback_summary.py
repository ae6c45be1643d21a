"""A summary of the ratings of a template's answers and of what is trained on them, for `weaver feedback show`."""

from collections import Counter
from pathlib import Path
from typing import Any

from pipelines.core.artifacts import CollectedFeedback
from pipelines.core.files import read_jsonl
from pipelines.core.plan import TrainingPlan
from pipelines.core.settings import work_folder
from pipelines.monitoring.feedback.collect_feedback import collect_feedback
from pipelines.monitoring.feedback.rater_trust import count_disagreements, group_by_rater, verdicts_by_answer
from pipelines.monitoring.feedback.ratings import Rating, read_ratings


def summarise_feedback(plan: TrainingPlan, last: int) -> dict[str, Any]:
    """Who rated how, what is refused, and what the rest amounts to.

    Args:
        last: how many of the newest ratings are shown.

    Returns:
        ratings, rows, preferences and refused (reason → ratings) as in CollectedFeedback; refused_file; verdicts
        (verdict → ratings); agreement: the answers that several rated, and the share on which all agree; raters: for
        each the number of ratings, in how many comparisons with others they disagree, and what is refused; newest: the
        newest ratings first.
    """
    collected: CollectedFeedback = collect_feedback(plan, work_folder(plan.template))
    ratings = read_ratings(plan.template)
    reasons = {}
    if collected.uri:
        for row in read_jsonl(Path(collected.uri) / "refused.jsonl"):
            reasons[Rating.model_validate({name: row[name] for name in Rating.model_fields})] = row["reason"]
    by_answer, counts = verdicts_by_answer(ratings), count_disagreements(ratings)
    raters = []
    for own in group_by_rater(ratings):
        refused = Counter(reasons[rating].partition(":")[0] for rating in own if rating in reasons)
        count = counts.get(own[0].rater)
        raters.append(
            {
                "rater": own[0].rater,
                "expert": own[0].expert,
                "ratings": len(own),
                **{verdict: sum(rating.verdict == verdict for rating in own) for verdict in ("up", "down")},
                "corrections": sum(bool(rating.correction) for rating in own),
                "compared": count.total if count else 0,
                "disagrees": count.wrong if count else 0,
                "refused": refused.total(),
                "reasons": dict(refused.most_common()),
            }
        )
    unanimous = sum(len(set(own.values())) == 1 for own in by_answer)
    return {
        **collected.model_dump(include={"ratings", "rows", "preferences", "refused"}),
        "refused_file": str(Path(collected.uri) / "refused.jsonl") if collected.uri else "",
        "verdicts": dict(Counter(rating.verdict or "none" for rating in ratings)),
        "agreement": {"answers": len(by_answer), "share": unanimous / len(by_answer) if by_answer else None},
        "raters": sorted(raters, key=lambda row: (-row["refused"], -row["ratings"], row["rater"])),
        "newest": [rating_row(rating, reasons.get(rating, "")) for rating in ratings[: -last - 1 : -1]],
    }


def rating_row(rating: Rating, reason: str) -> dict[str, Any]:
    """What is shown of a rating; `reason` is why it is refused."""
    shown = rating.model_dump(include={"at", "version", "verdict", "score", "answer", "correction", "comment"})
    return shown | {
        "rater": rating.rater, "question": rating.instruction, "record": rating.input, "reason": reason
    }  # fmt: skip
