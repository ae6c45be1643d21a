"""The progress of a long stage, which other processes can read."""

import json
import logging
import time
from typing import Any

from pipelines.core.files import write_text
from pipelines.core.settings import settings

log = logging.getLogger(__name__)


def report_progress(template: str, stage: str, done: int, total: int, note: str = "") -> None:
    """Report that `done` of `total` steps of a stage are complete: log it, and store it for `read_progress`."""
    log.info("%s %s: %d of %d %s", template, stage, done, total, note)
    state = {"stage": stage, "done": done, "total": total, "note": note, "at": time.time()}
    write_text(settings().home / "progress" / f"{template}.json", json.dumps(state))


def read_progress(template: str) -> dict[str, Any]:
    """The last report of a template's run: stage, done, total, note, at (epoch seconds); empty if there is none."""
    path = settings().home / "progress" / f"{template}.json"
    try:
        state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # a damaged file is written anew with the next step
        return {}
    return state
