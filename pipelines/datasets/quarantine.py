"""What refine dropped, and what a person let back in.

A released row passes the step that dropped it from the next refine on, and no other: not the contract, not the policy
on personal data, not the check that training knows no held-out question.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.core.artifacts import Splits, read_artifact
from pipelines.core.errors import WeaverError
from pipelines.core.files import file_lock, read_jsonl, write_text
from pipelines.core.settings import settings, work_folder
from pipelines.core.templates import load_template
from pipelines.core.validation import did_you_mean

NEVER_RELEASED = {
    "personal": "change the template's privacy section if these data may be used",
    "split": "give rows that ask the same one `group`",
}


def latest_splits_file(work: Path) -> Path:
    """The file that names the last refine of a work folder."""
    return work / "refine" / "latest.json"


def read_quarantine(template: str) -> list[dict[str, Any]]:
    """The rows that the last refine dropped: each with its `id`, the `step` that dropped it and its `reason`.

    Raises:
        WeaverError: there is no such template, or it was not refined yet.
    """
    load_template(template)
    splits = Splits.model_validate(
        read_artifact(latest_splits_file(work_folder(template)), made_by=f"weaver refine {template}")
    )
    return read_jsonl(Path(splits.uri) / "dropped.jsonl")


def release_rows(template: str, ids: list[str], by: str, why: str) -> list[dict[str, Any]]:
    """Let rows pass the step that dropped them, from the next refine on; kept with who said so, and why.

    Args:
        ids: of rows; or reasons, which stand for all rows dropped for that reason ("near-duplicate").

    Returns:
        The released rows.

    Raises:
        WeaverError: no row in quarantine has such an id or reason, or its step lets nobody pass; none was released.
    """
    if not by.strip() or not why.strip():
        raise WeaverError("a release has no name or no reason", "Say who releases these rows, and why.")
    rows = read_quarantine(template)
    known = {row["id"] for row in rows} | {reason_category(row) for row in rows}
    for wanted in ids:
        if wanted not in known:
            raise WeaverError(
                f"no row of {template} in quarantine has the id or reason {wanted!r}{did_you_mean(wanted, known)}",
                f"List them: `weaver dataset quarantine {template}`.",
            )
    chosen = [row for row in rows if row["id"] in ids or reason_category(row) in ids]
    for row in chosen:
        if row["step"] in NEVER_RELEASED:
            raise WeaverError(
                f"row {row['id']} was dropped by {row['step']} ({row['reason']}), which nobody may overrule",
                f"Leave it out, or {NEVER_RELEASED[row['step']]}.",
            )
    file = releases_file(template)
    with file_lock(file.with_suffix(".lock"), f"releasing rows of {template}"):
        at = datetime.now(UTC).isoformat(timespec="seconds")
        told = [
            {"id": row["id"], "step": row["step"], "reason": row["reason"], "by": by, "why": why, "at": at}
            for row in chosen
        ]
        write_text(file, json.dumps(list_releases(template) + told, indent=1, ensure_ascii=False))
    return chosen


def list_releases(template: str) -> list[dict[str, str]]:
    """Every release, oldest first: a row's id, the step it may pass, why it was dropped; who let it pass, why, when."""
    file = releases_file(template)
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else []


def released_ids(template: str) -> dict[str, list[str]]:
    """step → ids of the rows that may pass it."""
    steps: dict[str, set[str]] = {}
    for told in list_releases(template):
        steps.setdefault(told["step"], set()).add(told["id"])
    return {step: sorted(ids) for step, ids in sorted(steps.items())}


def releases_file(template: str) -> Path:
    return settings().home / "quarantine" / f"{template}.json"


def reason_category(row: dict[str, Any]) -> str:
    return row["reason"].partition(": ")[0]
