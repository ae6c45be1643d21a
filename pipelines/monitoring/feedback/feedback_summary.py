"""What people think of a template's answers and what came of it, for whoever wants to see."""

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
    """
    Args:
        last: so many opinions are shown, the newest.

    Returns:
        opinions, rows, preferences and refused (reason → opinions) as in Harvest; refused_file; verdicts (verdict →
        opinions); agreement: on how many answers that several judged all are of one mind; people: who said how much, in
        how many comparisons with the others they disagree, what of it is refused; newest: the newest opinions first.
    """
    made: CollectedFeedback = collect_feedback(plan, work_folder(plan.template))
    said = read_ratings(plan.template)
    reasons = {}
    if made.uri:
        for row in read_jsonl(Path(made.uri) / "refused.jsonl"):
            reasons[Rating.model_validate({name: row[name] for name in Rating.model_fields})] = row["reason"]
    judged, tallies = verdicts_by_answer(said), count_disagreements(said)
    people = []
    for own in group_by_rater(said):
        refused = Counter(reasons[one].partition(":")[0] for one in own if one in reasons)
        tally = tallies.get(own[0].person)
        people.append(
            {
                "who": own[0].person,
                "expert": own[0].expert,
                "opinions": len(own),
                **{verdict: sum(one.verdict == verdict for one in own) for verdict in ("up", "down")},
                "corrections": sum(bool(one.correction) for one in own),
                "compared": tally.of if tally else 0,
                "disagrees": tally.wrong if tally else 0,
                "refused": refused.total(),
                "reasons": dict(refused.most_common()),
            }
        )
    of_one_mind = sum(len(set(own.values())) == 1 for own in judged)
    return {
        **made.model_dump(include={"opinions", "rows", "preferences", "refused"}),
        "refused_file": str(Path(made.uri) / "refused.jsonl") if made.uri else "",
        "verdicts": dict(Counter(one.verdict or "none" for one in said)),
        "agreement": {"answers": len(judged), "share": of_one_mind / len(judged) if judged else None},
        "people": sorted(people, key=lambda person: (-person["refused"], -person["opinions"], person["who"])),
        "newest": [rating_row(one, reasons.get(one, "")) for one in said[: -last - 1 : -1]],
    }


def rating_row(one: Rating, reason: str) -> dict[str, Any]:
    shown = one.model_dump(include={"at", "version", "verdict", "score", "answer", "correction", "comment"})
    return shown | {"who": one.person, "question": one.instruction, "record": one.input, "reason": reason}
