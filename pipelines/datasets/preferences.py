"""The preferences stage: pairs of a harvest and of the judge become a version of their own, beside the dataset's."""

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

PREFERENCES_FILE = "preferences.jsonl"
CODE = SourceCode(__name__)
log = logging.getLogger(__name__)


def commit_preferences(
    harvest: CollectedFeedback, judged: JudgedPairs | None, dataset: DatasetVersion, plan: TrainingPlan, work: Path
) -> PreferenceDataset:
    """The version of the template's preferences: the latest one if nothing changed since, else a new one.

    A pair that asks nearly what a held-out row asks is left out: a model that was trained on it would be measured on
    what it has seen. So what experts score before a gate becomes pairs only when its questions are no longer held out.

    Raises:
        Unavailable: the remote does not take the data; nothing was versioned.
        WeaverError: the disk is full.
    """
    name = f"{plan.template}_preferences"
    found = {harvest.uri: harvest.preferences} | ({judged.uri: judged.pairs} if judged else {})
    sources = [Path(uri) / PREFERENCES_FILE for uri, pairs in found.items() if pairs]
    if not sources:
        return PreferenceDataset(name=name)

    def build(folder: Path) -> None:
        progress.report_progress(plan.template, "commit_preferences", 0, 1, f"{sum(found.values())} pairs")
        pairs: list[Row] = [row for source in sources for row in read_jsonl(source)]
        heldout: list[Row] = [*read_jsonl(Path(dataset.uri) / "heldout.jsonl")]
        kept = drop_held_out_pairs(pairs, heldout, plan.refine.near_duplicate)
        log.info("%d of %d pairs ask what is held out", len(pairs) - len(kept), len(pairs))
        write_jsonl(folder / PREFERENCES_FILE, map(dict, kept))

    fingerprint = digest([*map(digest, sources), dataset.digest, plan.refine.near_duplicate, CODE.digest])[:12]
    folder = memoize_dir(work / "commit_preferences" / fingerprint, build)
    rows = len(read_jsonl(folder / PREFERENCES_FILE))
    if not rows:
        return PreferenceDataset(name=name)
    made = commit_files(name, folder, digest_files(folder, [PREFERENCES_FILE]), {Path(PREFERENCES_FILE).stem: rows})
    progress.report_progress(plan.template, "commit_preferences", 1, 1, made.tag)
    return PreferenceDataset(name=name, version=made.version, uri=made.uri, digest=made.digest, rows=rows)


def drop_held_out_pairs(pairs: list[Row], heldout: list[Row], threshold: float) -> list[Row]:
    """The pairs in whose conversation nobody asks what a held-out row asks."""
    asked: list[Row] = [
        {"instruction": text.partition("\n")[0], "input": text.partition("\n")[2], "pair": number}
        for number, pair in enumerate(pairs)
        for text in (message["content"] for message in pair["prompt"] if message["role"] == "user")
    ]
    known = {row["pair"] for row, _ in find_leaks(asked, heldout, threshold)}
    return [pair for number, pair in enumerate(pairs) if number not in known]
