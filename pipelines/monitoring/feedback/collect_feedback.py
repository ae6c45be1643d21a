"""The harvest stage: what people think of the answers, sifted, as training rows and preference pairs."""

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

CODE = SourceCode(__name__)
log = logging.getLogger(__name__)

OUTPUT_FILES = ("rows.jsonl", "preferences.jsonl")
SECTIONS = ("system_prompt", "contract", "feedback")  # what the outcome depends on, beside the opinions


def collect_feedback(plan: TrainingPlan, work: Path) -> CollectedFeedback:
    """Read what people think of the template's answers, and keep what can be trusted.

    Returns:
        A folder with rows.jsonl (see `lessons.rows`), preferences.jsonl (see `lessons.preferences`) and refused.jsonl:
        every opinion that is not trusted, with its `reason`. Without any opinion there is no folder.

    Raises:
        Unavailable: MLflow does not answer.
        WeaverError: the request log is damaged.
    """
    said = read_ratings(plan.template)
    if not said:
        return CollectedFeedback()
    fingerprint = digest([[one.model_dump() for one in said], plan.digest(*SECTIONS), CODE.digest])[:12]

    def build(folder: Path) -> None:
        progress.report_progress(plan.template, "collect_feedback", 0, 1, f"{len(said)} opinions")
        refused = find_untrusted(said, plan)
        trusted = [one for one in said if one not in refused]
        learnt = {
            "rows": training_examples.make_training_rows(trusted, plan),
            "preferences": training_examples.make_preference_pairs(trusted, plan),
        }
        for name, found in learnt.items():
            write_jsonl(folder / f"{name}.jsonl", found)
        write_jsonl(folder / "refused.jsonl", (one.model_dump() | {"reason": why} for one, why in refused.items()))
        counts: dict[str, Any] = {name: len(found) for name, found in learnt.items()}
        counts |= {"opinions": len(said), "refused": count_reasons(refused)}
        counts["digest"] = digest({name: digest(folder / name) for name in OUTPUT_FILES})
        write_text(folder / "counts.json", json.dumps(counts, indent=1))
        log.info(
            "%d opinions, %d refused: %d rows, %d preferences", len(said), len(refused), *map(len, learnt.values())
        )
        progress.report_progress(plan.template, "collect_feedback", 1, 1)

    folder = memoize_dir(work / "collect_feedback" / fingerprint, build)
    return CollectedFeedback(uri=str(folder), **json.loads((folder / "counts.json").read_text()))


def count_reasons(refused: dict[Rating, str]) -> dict[str, int]:
    return dict(Counter(why.partition(":")[0] for why in refused.values()).most_common())
