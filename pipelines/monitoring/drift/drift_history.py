"""What monitoring has measured and said: small JSON files under WEAVER_HOME/monitoring/<template>.

    v3-1764061201/reference.json             the first requests of a version since it came to answer: what is normal
    v3-1764061201/windows/<since>-<until>.json
    v3-1764061201/incoming.json              newly collected rows against the version's dataset
    events/<digest>.json                     what a retraining was started for

Each is written whole and once, so a look that was killed goes on where it was.
"""

import json
from pathlib import Path
from typing import Any, Literal

from pipelines.core.artifacts import Artifact, DeployedVersion, DriftEvent, Signal
from pipelines.core.files import digest, write_text
from pipelines.core.settings import settings


class Measurement(Artifact):
    """A window and its signals; none where it was too small to say anything. Times are epoch seconds."""

    since: float
    until: float
    rows: int
    sampled: int = 0
    against: Literal["requests", "dataset"] = "requests"
    signals: list[Signal] = []
    run_id: str = ""  # of its report in MLflow


class Incoming(Artifact):
    """Collected rows, and how they differ from the champion's dataset; no signals where either is too small."""

    at: float = 0.0  # epoch seconds
    digest: str = ""
    rows: int = 0
    signals: list[Signal] = []


class Announced(Artifact):
    at: float  # epoch seconds
    event: DriftEvent


def home(name: str) -> Path:
    return settings().home / "monitoring" / name


def folder(champion: DeployedVersion) -> Path:
    """Of one stay of a version: taken back and promoted again, it has its normal requests anew."""
    return home(champion.name) / f"v{champion.version}-{champion.since:.0f}"


def keep(champion: DeployedVersion, measured: Measurement) -> None:
    measured.save(folder(champion) / "windows" / f"{measured.since:.3f}-{measured.until:.3f}.json")


def measurements(champion: DeployedVersion, hours: float) -> list[Measurement]:
    """The windows of this length that were measured, oldest first."""
    found = [
        Measurement.model_validate_json(file.read_text()) for file in (folder(champion) / "windows").glob("*.json")
    ]
    same = [one for one in found if abs(one.until - one.since - 3600 * hours) < 1e-3]
    return sorted(same, key=lambda one: one.since)


def incoming(champion: DeployedVersion) -> Incoming:
    """The collected rows that were looked at last."""
    file = folder(champion) / "incoming.json"
    return Incoming.model_validate_json(file.read_text()) if file.exists() else Incoming()


def keep_incoming(champion: DeployedVersion, found: Incoming) -> Incoming:
    return found.save(folder(champion) / "incoming.json")


def announced(name: str) -> list[Announced]:
    """Why retrainings were started, oldest first."""
    found = [Announced.model_validate_json(file.read_text()) for file in (home(name) / "events").glob("*.json")]
    return sorted(found, key=lambda one: one.at)


def announce(event: DriftEvent, at: float) -> Announced:
    """Remember that an event was sent, once."""
    file = home(event.template) / "events" / f"{digest(event.model_dump())[:12]}.json"
    if not file.exists():
        Announced(at=at, event=event).save(file)
    return Announced.model_validate_json(file.read_text())


def read(file: Path) -> Any:
    return json.loads(file.read_text()) if file.exists() else None


def write(file: Path, value: Any) -> None:
    write_text(file, json.dumps(value, ensure_ascii=False))
