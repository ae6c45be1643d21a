"""How far a long stage has come, for whoever is watching from another process."""

import json
import logging
import time

from pipelines.core.files import write_text
from pipelines.core.settings import settings

log = logging.getLogger(__name__)


def report_progress(template: str, stage: str, done: int, total: int, note: str = "") -> None:
    """Say that `done` of `total` steps of a stage are behind us; logged, and kept for `latest`."""
    log.info("%s %s: %d of %d %s", template, stage, done, total, note)
    state = {"stage": stage, "done": done, "total": total, "note": note, "at": time.time()}
    write_text(settings().home / "progress" / f"{template}.json", json.dumps(state))


def read_progress(template: str) -> dict:
    """The last `report` of a template's run: stage, done, total, note, at (epoch seconds); empty if none."""
    path = settings().home / "progress" / f"{template}.json"
    return json.loads(path.read_text()) if path.exists() else {}
