"""The watch stage: measure the windows that are over, and say whether the world has moved; and the announce stage.

An event is sent once: `watch` proposes it until `announce` has remembered it, and from then on its windows are spent
and the cooldown runs. Killed in between, both find what they had done.
"""

import logging
import time
from pathlib import Path
from typing import Any

from pipelines import request_log
from pipelines.alerts import alert
from pipelines.core.artifacts import FEEDBACK, DatasetVersion, DeployedVersion, DriftReport, Records, Signal
from pipelines.core.files import read_jsonl
from pipelines.core.plan import Drift, TrainingPlan
from pipelines.monitoring.drift import decision, drift_history, drift_report, incoming_rows, request_features, windows
from pipelines.monitoring.drift.conclusion import conclude
from pipelines.monitoring.drift.drift_history import Incoming, Measurement
from pipelines.monitoring.drift.reference import Normal, dataset_rows, normal

log = logging.getLogger(__name__)

Row = dict[str, Any]

LOOKED = "looked.json"


def detect_drift(
    champion: DeployedVersion, dataset: DatasetVersion, records: Records, plan: TrainingPlan, now: float = 0
) -> DriftReport:
    """
    Args:
        dataset: what the champion was trained on.
        records: the rows that a retraining would start from today.
        now: epoch seconds; the present if not given.

    Raises:
        WeaverError: the request log is damaged, or a file of monitoring cannot be written.
        Unavailable: MLflow does not answer; run again when it does.
    """
    policy, now = plan.drift, now or time.time()
    drift_history.home(champion.name).mkdir(mode=0o700, parents=True, exist_ok=True)  # conversations, as in the log
    looked = drift_history.home(champion.name) / LOOKED
    if not champion.version:
        drift_history.write(looked, {"at": now})
        return DriftReport(name=champion.name, version=0, waiting="no version answers yet")
    measured = measure(champion, dataset, plan, now)
    rows = look_at_records(champion, dataset, records, policy, now)
    drift_history.write(looked, {"at": now})
    return conclude(champion, plan, policy, measured, rows, now)


def measure(champion: DeployedVersion, dataset: DatasetVersion, plan: TrainingPlan, now: float) -> list[Measurement]:
    """Every window that is over, those that no earlier look has measured included."""
    policy = plan.drift
    until = windows.over(policy.hours, now, plan.serving.timeout)
    usual: Normal = normal(champion, dataset, policy, until)
    done = drift_history.measurements(champion, policy.hours)
    after = max([usual.until, *(one.until for one in done)])
    asked = windows.requests(champion.name, champion.version, after, until) if until > after else []
    reference: tuple[request_features.Known, request_features.Requests] | None = None
    for window, rows in windows.cut(asked, policy.hours).items():
        found = Measurement(since=window.since, until=window.until, rows=len(rows), against=usual.against)
        if len(rows) >= policy.min_rows and len(usual.rows) >= policy.min_rows:
            if reference is None:
                known = request_features.Known.of(usual.known)
                reference = known, request_features.measure(usual.rows, known, usual.down)
            down = windows.thumbs(champion.name, champion.version, *window)
            current = request_features.measure(windows.sample(rows, policy.sample), reference[0], down)
            signals = decision.judge(request_features.compare(reference[1], current, policy), policy)
            found = found.model_copy(update={"sampled": len(current.frame), "signals": signals})
            run_id = drift_report.publish(champion, [*done, found], reference[1], current, policy)
            found = found.model_copy(update={"run_id": run_id})
        log.info("%s: %d requests from %s on", champion.name, len(rows), windows.iso(window.since))
        drift_history.keep(champion, found)
        done.append(found)
    return done


def look_at_records(
    champion: DeployedVersion, dataset: DatasetVersion, records: Records, policy: Drift, now: float
) -> Incoming:
    """Newly collected rows against the champion's dataset, once for the same rows; a changed schema is told.

    What people corrected is left out: it comes from requests, whose windows are looked at, and trickles in every hour.
    """
    if (known := drift_history.incoming(champion)).digest == records.digest:
        return known
    sides = dataset_rows(dataset), read_jsonl(Path(records.uri) / "records.jsonl")
    before, rows = ([row for row in side if row.get("source") != FEEDBACK] for side in sides)
    found: list[Signal] = []
    if min(len(before), len(rows)) >= policy.min_rows:
        usual, new = (incoming_rows.drawn(side, policy.sample) for side in (before, rows))
        found = decision.judge(incoming_rows.rows(usual, new, policy), policy)
    if changed := [f"{signal.name}: {signal.note}" for signal in found if signal.kind == "schema"]:
        alert(
            f"{champion.name}: rows that come in look otherwise than {dataset.tag}: {'; '.join(changed)}",
            key=f"{champion.name}.schema",
            template=champion.name,
        )
    return drift_history.keep_incoming(champion, Incoming(at=now, digest=records.digest, rows=len(rows), signals=found))


def emit_drift_event(found: DriftReport) -> DriftReport:
    """Remember that a retraining was asked for, and tell somebody; once for one event."""
    if found.event and found.event not in [one.event for one in drift_history.announced(found.name)]:
        alert(
            f"{found.name} is trained anew: {found.event.reason}.",
            key=f"{found.name}.drift",
            template=found.name,
            link=found.event.link,
        )
        drift_history.announce(found.event, time.time())
    return found


def reason_to_check(name: str, policy: Drift, timeout: float, now: float = 0) -> str:
    """Why a drift check may find something new; empty if it cannot. It takes a moment, and needs no server.

    Collected rows and the age of the last training change slowly: they are checked once per day.

    Args:
        timeout: seconds that a request may take.
    """
    now = now or time.time()
    checked = drift_history.read(drift_history.home(name) / LOOKED) or {"at": 0.0}
    since, until = (windows.over(policy.hours, at, timeout) for at in (checked["at"], now))
    if now - checked["at"] >= decision.DAY:
        return "the first check of the day"
    if since < until and len(request_log.read_exchanges(since, until, name)):
        return f"requests since {windows.iso(since)}"
    return ""
