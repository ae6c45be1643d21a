"""What requests are compared with: the version's own first requests, or, until there are enough, its training data.

People ask otherwise than a dataset does, from the first day on and for good. Compared with the dataset, every window of
real traffic would differ, and show nothing about whether anything changed. So a version's first requests are its
reference: a few windows of them where one is small, so that a weekday and a weekend can both be in it. They are frozen:
a reference that moved along would never see a slow drift. What is compared with the dataset all the time is which
neighbours and which words a question has, since those depend on what the champion was taught
(`request_features.TrainingQuestions`), for both sides alike.
"""

from pathlib import Path
from typing import Any, Literal, NamedTuple

from pipelines.core.artifacts import DatasetVersion, DeployedVersion
from pipelines.core.files import read_jsonl
from pipelines.core.plan import Drift
from pipelines.monitoring.drift import drift_history, windows
from pipelines.monitoring.drift.incoming_rows import question_text, sample_rows, split_in_halves

Row = dict[str, Any]

MAX_DATASET_ROWS = 20_000  # rows of a dataset that questions are compared with


class Reference(NamedTuple):
    """What the windows of a version are compared with."""

    against: Literal["requests", "dataset"]
    rows: list[Row]  # question of each; answer and status of requests
    thumbs_down: list[bool]  # of the rated answers
    training_questions: list[Row]  # question and topic of what the champion was trained on
    until: float  # the end of the last window that went into it, epoch seconds


def build_reference(champion: DeployedVersion, dataset: DatasetVersion, policy: Drift, until: float) -> Reference:
    """The reference of the deployed version as of now.

    Args:
        until: the end of the last window that has ended, epoch seconds.
    """
    trained_on = [{"question": question_text(row), "topic": row["topic"]} for row in read_dataset_rows(dataset)]
    if first := read_first_requests(champion, policy, until):
        training, rows = (trained_on, first["rows"]) if trained_on else split_in_halves(first["rows"])
        training = [{"topic": "", **row} for row in training]
        return Reference("requests", rows, first["thumbs_down"], training, first["until"])
    training, rows = split_in_halves(trained_on)
    return Reference("dataset", sample_rows(rows, policy.sample), [], training, champion.since)


def read_dataset_rows(dataset: DatasetVersion) -> list[Row]:
    """Both splits of a dataset, or a sample of MAX_DATASET_ROWS of them; empty if there is no dataset."""
    if not dataset.version:
        return []
    rows = [row for split in ("train", "heldout") for row in read_jsonl(Path(dataset.uri) / f"{split}.jsonl")]
    return [*sample_rows(rows, MAX_DATASET_ROWS)]


def read_first_requests(champion: DeployedVersion, policy: Drift, until: float) -> Row | None:
    """The first windows that hold policy.reference_rows requests together: rows, thumbs_down and until.

    They are written to a file as soon as they are complete; None until then.
    """
    file = drift_history.version_folder(champion) / "reference.json"
    stored: Row | None = drift_history.read_json(file)
    if stored and stored["hours"] == policy.hours:
        return stored
    rows: list[Row] = []
    requests = windows.read_requests(champion.name, champion.version, champion.since, until)
    for window, in_window in windows.split_into_windows(requests, policy.hours).items():
        rows += in_window
        if len(rows) >= policy.reference_rows:
            first = {
                "hours": policy.hours,
                "until": window.until,
                "thumbs_down": windows.read_thumbs_down(champion.name, champion.version, champion.since, window.until),
                "count": len(rows),
                "rows": windows.sample_rows(rows, policy.sample),
            }
            drift_history.write_json(file, first)
            return first
    return None
