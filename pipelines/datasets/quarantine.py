"""The rows that refine dropped, and the releases by which a person returns some of them.

From the next refine on, a released row passes the step that dropped it, and only that one: it never passes the
contract, the policy on personal data, or the check that training rows ask no held-out question. If people release more
than a fifth of the rows that a step dropped, it is not precise enough for these data, and only reports from then on.
"""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from pipelines.core.artifacts import Splits, read_artifact
from pipelines.core.errors import WeaverError, did_you_mean
from pipelines.core.files import file_lock, read_json, read_jsonl, write_text
from pipelines.core.plan.datasets import ReportableStep
from pipelines.core.settings import settings, work_folder
from pipelines.core.templates import load_template

MIN_PRECISION = 0.8  # share of rightly dropped rows, below which a step only reports
MIN_RELEASED = 5  # rows of a step; fewer say too little about it
NEVER_RELEASED = {
    "personal": "change the template's privacy section if these data may be used",
    "split": "give rows that ask the same question the same `group`",
}


def latest_splits_file(work: Path) -> Path:
    """The file of a work folder that holds the artifact of its last refine."""
    return work / "refine" / "latest.json"


def read_quarantine(template: str) -> list[dict[str, Any]]:
    """The rows that the last refine dropped: each with its `id`, the `step` that dropped it and its `reason`.

    Raises:
        WeaverError: there is no such template, or its rows have not been refined yet.
    """
    load_template(template)
    splits = Splits.model_validate(
        read_artifact(latest_splits_file(work_folder(template)), made_by=f"weaver refine {template}")
    )
    return read_jsonl(Path(splits.uri) / "dropped.jsonl")


def release_rows(template: str, ids: list[str], by: str, why: str) -> list[dict[str, Any]]:
    """Release rows: from the next refine on they pass the step that dropped them.

    Args:
        ids: ids of rows; or reasons, each of which releases all rows that were dropped for it ("near-duplicate").
        by: who releases them; stored with the release.
        why: the reason; stored with the release.

    Returns:
        The released rows.

    Raises:
        WeaverError: no row in quarantine has this id or reason, or its step allows no release; no row was released.
    """
    if not by.strip() or not why.strip():
        raise WeaverError("the release has no name or no reason", "Say who releases these rows, and why.")
    rows = read_quarantine(template)
    valid = {row["id"] for row in rows} | {reason_category(row) for row in rows}
    for id_ in ids:
        if id_ not in valid:
            raise WeaverError(
                f"no row of {template} in quarantine has the id or reason '{id_}'{did_you_mean(id_, valid)}",
                f"List the rows: weaver dataset quarantine {template}",
            )
    chosen = [row for row in rows if row["id"] in ids or reason_category(row) in ids]
    for row in chosen:
        if row["step"] in NEVER_RELEASED:
            raise WeaverError(
                f"row {row['id']} was dropped by the step {row['step']} ({row['reason']}), which allows no release",
                f"Leave this row out, or {NEVER_RELEASED[row['step']]}.",
            )
    file = releases_file(template)
    with file_lock(file.with_suffix(".lock"), f"releasing rows of {template}"):
        at, earlier = datetime.now(UTC).isoformat(timespec="seconds"), list_releases(template)
        dropped = Counter(step for step, _ in {(row["step"], row["id"]) for row in [*rows, *earlier]})
        new = [
            {"id": row["id"], "step": row["step"], "reason": row["reason"], "by": by, "why": why, "at": at}
            | {"dropped": dropped[row["step"]]}
            for row in chosen
        ]
        write_text(file, json.dumps(earlier + new, indent=1, ensure_ascii=False))
    return chosen


def list_releases(template: str) -> list[dict[str, Any]]:
    """Every release, oldest first: the row's id, the step that it passes, that step's reason; by, why, at.

    `dropped` is how many rows that step had dropped by then, released ones among them.
    """
    file = releases_file(template)
    releases: list[dict[str, Any]] = []
    if file.exists():
        releases = read_json(file, "Restore it from a backup; without it no row is released.")
    return releases


def released_ids(template: str) -> dict[str, list[str]]:
    """Step → ids of the rows that pass it."""
    steps: dict[str, set[str]] = {}
    for release in list_releases(template):
        steps.setdefault(release["step"], set()).add(release["id"])
    return {step: sorted(ids) for step, ids in sorted(steps.items())}


def find_unreliable_steps(template: str) -> dict[str, str]:
    """Steps of which people released so many rows that they must not drop any → why, for the report.

    A released row was dropped wrongly. A row that nobody released counts as dropped rightly, so that the precision is
    at most the share of these.
    """
    dropped = {release["step"]: release.get("dropped", 0) for release in list_releases(template)}  # the latest
    unreliable = {}
    for step, ids in released_ids(template).items():
        total = max(dropped[step], len(ids))
        if step in get_args(ReportableStep) and len(ids) >= MIN_RELEASED and 1 - len(ids) / total < MIN_PRECISION:
            unreliable[step] = f"because people released {len(ids)} of the {total} rows that it dropped"
    return unreliable


def releases_file(template: str) -> Path:
    """The file that stores a template's releases."""
    return settings().home / "quarantine" / f"{template}.json"


def reason_category(row: dict[str, Any]) -> str:
    """A row's reason without the part that is about that row only."""
    return str(row["reason"]).partition(": ")[0]
