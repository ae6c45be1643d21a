"""The stage `collect_feedback`: trusted ratings of answers, as training rows and preference pairs."""

import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any

from pipelines.core import progress
from pipelines.core.artifacts import CollectedFeedback
from pipelines.core.files import digest, memoize_dir, write_jsonl, write_text
from pipelines.core.fingerprint import SourceCode
from pipelines.core.plan import TrainingPlan
from pipelines.monitoring.feedback import training_examples
from pipelines.monitoring.feedback.rater_trust import find_untrusted
from pipelines.monitoring.feedback.ratings import Rating, read_ratings
from pipelines.text.counts import format_count

CODE = SourceCode(__name__)
log = logging.getLogger(__name__)

OUTPUT_FILES = ("rows.jsonl", "preferences.jsonl")
SECTIONS = ("system_prompt", "contract", "feedback")  # what the result depends on, beside the ratings


def collect_feedback(plan: TrainingPlan, work: Path) -> CollectedFeedback:
    """Read the ratings of the template's answers, and make training examples of those that can be trusted.

    Returns:
        A folder with rows.jsonl (see `training_examples.make_training_rows`), preferences.jsonl (see
        `training_examples.make_preference_pairs`) and refused.jsonl: every rating that is not trusted, with its
        `reason`. Without any rating there is no folder.

    Raises:
        Unavailable: MLflow does not answer.
        WeaverError: the request log is damaged.
    """
    ratings = read_ratings(plan.template)
    if not ratings:
        return CollectedFeedback()
    fingerprint = digest([[rating.model_dump() for rating in ratings], plan.digest(*SECTIONS), CODE.digest])[:12]

    def build(folder: Path) -> None:
        progress.report_progress(plan.template, "collect_feedback", 0, 1, f"{len(ratings)} ratings")
        refused = find_untrusted(ratings, plan)
        trusted = [rating for rating in ratings if rating not in refused]
        examples = {
            "rows": training_examples.make_training_rows(trusted, plan),
            "preferences": training_examples.make_preference_pairs(trusted, plan),
        }
        for name, rows in examples.items():
            write_jsonl(folder / f"{name}.jsonl", rows)
        refused_rows = (rating.model_dump() | {"reason": why} for rating, why in refused.items())
        write_jsonl(folder / "refused.jsonl", refused_rows)
        counts: dict[str, Any] = {name: len(rows) for name, rows in examples.items()}
        counts |= {"ratings": len(ratings), "refused": count_reasons(refused)}
        counts["digest"] = digest({name: digest(folder / name) for name in OUTPUT_FILES})
        write_text(folder / "counts.json", json.dumps(counts, indent=1))
        log.info(
            "%s, %d of them refused: %s, %s",
            format_count(len(ratings), "rating"),
            len(refused),
            format_count(counts["rows"], "training row"),
            format_count(counts["preferences"], "preference pair"),
        )
        progress.report_progress(plan.template, "collect_feedback", 1, 1)

    folder = memoize_dir(work / "collect_feedback" / fingerprint, build)
    return CollectedFeedback(uri=str(folder), **json.loads((folder / "counts.json").read_text()))


def count_reasons(refused: dict[Rating, str]) -> dict[str, int]:
    """Kind of reason → number of refused ratings, most frequent first."""
    return dict(Counter(why.partition(":")[0] for why in refused.values()).most_common())
