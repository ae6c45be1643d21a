"""What monitoring has measured and reported: files under WEAVER_HOME/monitoring/<template>.

    v3-1764061201/reference.json             the first requests of a version since its deployment: its reference
    v3-1764061201/windows/<since>-<until>.json
    v3-1764061201/incoming.json              newly collected rows compared with the version's dataset
    events/<digest>.json                     why a retraining was started
    reports/<window>/                        the pages of a window: see drift_pages

Each is written whole and once, so a check that was killed continues where it was.
"""

import json
from pathlib import Path
from typing import Any, Literal

from pipelines.core.artifacts import Artifact, DeployedVersion, DriftEvent, Signal
from pipelines.core.files import digest, write_text
from pipelines.core.files import read_json as load_json
from pipelines.core.settings import settings

DAMAGED = "Restore it from a backup, or delete it: what it held is then measured again, or missing."


class Measurement(Artifact):
    """A window and its signals; without signals if it had too few requests. Times are epoch seconds."""

    since: float
    until: float
    rows: int
    sampled: int = 0
    against: Literal["requests", "dataset"] = "requests"
    signals: list[Signal] = []
    report: str = ""  # id of its pages, see drift_pages


class IncomingRows(Artifact):
    """Collected rows, and how they differ from the champion's dataset; without signals if either has too few rows."""

    at: float = 0.0  # epoch seconds
    digest: str = ""
    rows: int = 0
    signals: list[Signal] = []


class SentEvent(Artifact):
    """A drift event that was sent, so that it is not sent again."""

    at: float  # epoch seconds
    event: DriftEvent


def history_folder(template: str) -> Path:
    """Everything that monitoring keeps of a template."""
    return settings().home / "monitoring" / template


def version_folder(champion: DeployedVersion) -> Path:
    """What is kept of one deployment of a version: deployed again after a rollback, it gets a new reference."""
    return history_folder(champion.name) / f"v{champion.version}-{champion.since:.0f}"


def save_measurement(champion: DeployedVersion, measurement: Measurement) -> None:
    """Keep a window's measurement."""
    name = f"{measurement.since:.3f}-{measurement.until:.3f}.json"
    measurement.save(version_folder(champion) / "windows" / name)


def read_measurements(champion: DeployedVersion, hours: float) -> list[Measurement]:
    """The measured windows of this length, oldest first."""
    files = (version_folder(champion) / "windows").glob("*.json")
    measurements = [Measurement.load(file, DAMAGED) for file in files]
    of_length = [row for row in measurements if abs(row.until - row.since - 3600 * hours) < 1e-3]
    return sorted(of_length, key=lambda row: row.since)


def read_incoming_rows(champion: DeployedVersion) -> IncomingRows:
    """The collected rows that were compared last."""
    file = version_folder(champion) / "incoming.json"
    return IncomingRows.load(file, DAMAGED) if file.exists() else IncomingRows()


def save_incoming_rows(champion: DeployedVersion, incoming: IncomingRows) -> IncomingRows:
    """Keep how the collected rows compare with the dataset."""
    return incoming.save(version_folder(champion) / "incoming.json")


def read_sent_events(template: str) -> list[SentEvent]:
    """Why retrainings were started, oldest first."""
    files = (history_folder(template) / "events").glob("*.json")
    return sorted((SentEvent.load(file, DAMAGED) for file in files), key=lambda sent: sent.at)


def save_sent_event(event: DriftEvent, at: float) -> SentEvent:
    """Keep that an event was sent; the same event again changes nothing.

    Args:
        at: epoch seconds.
    """
    file = history_folder(event.template) / "events" / f"{digest(event.model_dump())[:12]}.json"
    if not file.exists():
        SentEvent(at=at, event=event).save(file)
    return SentEvent.load(file, DAMAGED)


def read_json(file: Path) -> Any:
    """The value in a JSON file; None if there is no such file."""
    return load_json(file, DAMAGED) if file.exists() else None


def write_json(file: Path, value: Any) -> None:
    """Write a value as JSON, whole or not at all."""
    write_text(file, json.dumps(value, ensure_ascii=False))
