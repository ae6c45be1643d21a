"""The stage that versions preference pairs, from feedback and from the judge, apart from the dataset's rows."""

import logging
from pathlib import Path

from pipelines.core import progress
from pipelines.core.artifacts import CollectedFeedback, DatasetVersion, JudgedPairs, PreferenceDataset
from pipelines.core.files import digest, memoize_dir, read_jsonl, write_jsonl
from pipelines.core.fingerprint import SourceCode
from pipelines.core.plan import TrainingPlan
from pipelines.datasets.refine.duplicates import Row
from pipelines.datasets.split import digest_files, find_leaks
from pipelines.datasets.versions import commit_files
from pipelines.kits.behaviours import list_behaviour_questions
from pipelines.text.counts import format_count

PREFERENCES_FILE = "preferences.jsonl"
CODE = SourceCode(__name__)
log = logging.getLogger(__name__)


def commit_preferences(
    feedback: CollectedFeedback, judged: JudgedPairs | None, dataset: DatasetVersion, plan: TrainingPlan, work: Path
) -> PreferenceDataset:
    """The version of the template's preferences: the latest one if nothing changed since, otherwise a new one.

    A pair that asks nearly the same as a held-out row or a behaviour test is left out, because the model would be
    evaluated on a question that it was trained on. Experts' scores of held-out questions therefore become pairs only
    when those questions are no longer held out.

    Raises:
        Unavailable: the remote cannot be written; no version was created.
        WeaverError: the disk is full.
    """
    name = f"{plan.template}_preferences"
    pair_counts = {feedback.uri: feedback.preferences} | ({judged.uri: judged.pairs} if judged else {})
    sources = [Path(uri) / PREFERENCES_FILE for uri, pairs in pair_counts.items() if pairs]
    if not sources:
        return PreferenceDataset(name=name)

    def build(folder: Path) -> None:
        progress.report_progress(
            plan.template, "commit_preferences", 0, 1, format_count(sum(pair_counts.values()), "pair")
        )
        pairs: list[Row] = [row for source in sources for row in read_jsonl(source)]
        heldout: list[Row] = [*read_jsonl(Path(dataset.uri) / "heldout.jsonl")]
        kept = drop_evaluated_pairs(pairs, [*heldout, *tested], plan.refine.near_duplicate)
        log.info("%d of %d pairs ask questions of the evaluation and are dropped", len(pairs) - len(kept), len(pairs))
        write_jsonl(folder / PREFERENCES_FILE, map(dict, kept))

    tested = list_behaviour_questions(plan.template)
    fingerprint = digest([*map(digest, sources), dataset.digest, tested, plan.refine.near_duplicate, CODE.digest])[:12]
    folder = memoize_dir(work / "commit_preferences" / fingerprint, build)
    rows = len(read_jsonl(folder / PREFERENCES_FILE))
    if not rows:
        return PreferenceDataset(name=name)
    committed = commit_files(
        name, folder, digest_files(folder, [PREFERENCES_FILE]), {Path(PREFERENCES_FILE).stem: rows}
    )
    progress.report_progress(plan.template, "commit_preferences", 1, 1, committed.tag)
    return PreferenceDataset(
        name=name, version=committed.version, uri=committed.uri, digest=committed.digest, rows=rows
    )


def drop_evaluated_pairs(pairs: list[Row], evaluated: list[Row], threshold: float) -> list[Row]:
    """The pairs in whose conversation no user message asks nearly the same as a row of evaluation."""
    questions: list[Row] = [
        {"instruction": text.partition("\n")[0], "input": text.partition("\n")[2], "pair": number}
        for number, pair in enumerate(pairs)
        for text in (message["content"] for message in pair["prompt"] if message["role"] == "user")
    ]
    leaked = {row["pair"] for row, _ in find_leaks(questions, evaluated, threshold)}
    return [pair for number, pair in enumerate(pairs) if number not in leaked]
