"""What is normal for a version: its own first requests, or, until there are enough of those, what it learnt from.

People ask otherwise than a dataset does, from the first day on and for good. Held to the dataset, every window of real
traffic would differ, and say nothing about whether anything changed. So a version's own first requests are normal, a
few windows of them where one is small, that a weekday and a weekend can both be in it. They are frozen: a reference
that moved along would never see a slow drift. What is compared with the dataset all the time is what its neighbours and
its words are, since those say what the champion was taught (`requests.Known`), on both sides alike.
"""

from pathlib import Path
from typing import Any, Literal, NamedTuple

from pipelines.core.artifacts import DatasetVersion, DeployedVersion
from pipelines.core.files import read_jsonl
from pipelines.core.plan import Drift
from pipelines.monitoring.drift import drift_history, windows
from pipelines.monitoring.drift.incoming_rows import drawn, halves, question

Row = dict[str, Any]

KNOWN = 20_000  # rows of a dataset that questions are compared with


class Normal(NamedTuple):
    against: Literal["requests", "dataset"]
    rows: list[Row]  # question of each; answer and status of requests
    down: list[bool]  # thumbs
    known: list[Row]  # question and topic of what the champion learnt
    until: float  # the end of the last window that went into it, epoch seconds


def normal(champion: DeployedVersion, dataset: DatasetVersion, policy: Drift, until: float) -> Normal:
    """
    Args:
        until: the end of the last window that is over, epoch seconds.
    """
    learnt = [{"question": question(row), "topic": row["topic"]} for row in dataset_rows(dataset)]
    if first := first_requests(champion, policy, until):
        known, rows = (learnt, first["rows"]) if learnt else halves(first["rows"])
        known = [{"topic": "", **row} for row in known]
        return Normal("requests", rows, first["down"], known, first["until"])
    known, rows = halves(learnt)
    return Normal("dataset", drawn(rows, policy.sample), [], known, champion.since)


def dataset_rows(dataset: DatasetVersion) -> list[Row]:
    """Both splits, or KNOWN rows of them."""
    if not dataset.version:
        return []
    rows = [row for split in ("train", "heldout") for row in read_jsonl(Path(dataset.uri) / f"{split}.jsonl")]
    return [*drawn(rows, KNOWN)]


def first_requests(champion: DeployedVersion, policy: Drift, until: float) -> Row | None:
    """The rows, thumbs and end of the first windows that hold policy.reference_rows together; none if none do yet."""
    file = drift_history.folder(champion) / "reference.json"
    if (known := drift_history.read(file)) and known["hours"] == policy.hours:
        return known
    rows: list[Row] = []
    asked = windows.requests(champion.name, champion.version, champion.since, until)
    for window, some in windows.cut(asked, policy.hours).items():
        rows += some
        if len(rows) >= policy.reference_rows:
            down = windows.thumbs(champion.name, champion.version, champion.since, window.until)
            told = {"hours": policy.hours, "until": window.until, "down": down}
            drift_history.write(file, told | {"count": len(rows), "rows": windows.sample(rows, policy.sample)})
            return drift_history.read(file)
    return None
