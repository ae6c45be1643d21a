"""The stages `detect_drift`, which measures windows that have ended, and `emit_drift_event`, which records an event.

An event is sent once: `detect_drift` proposes it until `emit_drift_event` has recorded it; from then on its windows
count no more and the cooldown runs. Killed in between, both find what they had done.
"""

import logging
import time
from pathlib import Path

import numpy as np

from pipelines import request_log
from pipelines.alerts import alert
from pipelines.core.artifacts import FEEDBACK, DatasetVersion, DeployedVersion, DriftReport, Records, Signal
from pipelines.core.files import read_jsonl
from pipelines.core.plan import Drift, TrainingPlan
from pipelines.monitoring.drift import (
    decision,
    drift_history,
    drift_report,
    incoming_rows,
    index_coverage,
    request_features,
    windows,
)
from pipelines.monitoring.drift.conclusion import conclude_drift, describe_signals
from pipelines.monitoring.drift.drift_history import IncomingRows, Measurement
from pipelines.monitoring.drift.reference import build_reference, read_dataset_rows

log = logging.getLogger(__name__)

LAST_CHECK = "last_check.json"


def detect_drift(
    champion: DeployedVersion, dataset: DatasetVersion, records: Records, plan: TrainingPlan, now: float = 0
) -> DriftReport:
    """Measure what is new since the last check, and conclude whether a retraining should start.

    Args:
        dataset: what the champion was trained on.
        records: the rows that a retraining would start from today.
        now: epoch seconds; the present if not given.

    Raises:
        WeaverError: the request log is damaged, or a file of monitoring cannot be written.
        Unavailable: MLflow does not answer; run again when it does.
    """
    now = now or time.time()
    folder = drift_history.history_folder(champion.name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds conversations, as the request log does
    if not champion.version:
        drift_history.write_json(folder / LAST_CHECK, {"at": now})
        return DriftReport(name=champion.name, version=0, waiting="no version is deployed yet")
    measurements = measure_windows(champion, dataset, plan, now)
    incoming = compare_incoming_rows(champion, dataset, records, plan.drift, now)
    drift_history.write_json(folder / LAST_CHECK, {"at": now})
    report = conclude_drift(champion, plan, measurements, incoming, now)
    alert_uncovered_questions(report)
    return report


def alert_uncovered_questions(report: DriftReport) -> None:
    """Alert where questions have moved away from the knowledge base: documents help there, and no training does."""
    if fired := [signal for signal in report.signals if signal.kind == "knowledge" and signal.name in report.fired]:
        alert(
            f"{report.name}: questions move away from what its knowledge base holds: {describe_signals(fired)}. "
            f"`weaver knowledge unanswered {report.name}` lists what was asked without a record.",
            key=f"{report.name}.knowledge_drift",
            template=report.name,
            link=report.url,
        )


def measure_windows(
    champion: DeployedVersion, dataset: DatasetVersion, plan: TrainingPlan, now: float
) -> list[Measurement]:
    """Every window that has ended; those that no earlier check has measured are measured now.

    Raises:
        WeaverError: the request log is damaged.
        Unavailable: MLflow does not answer.
    """
    policy = plan.drift
    end = windows.last_window_end(policy.hours, now, plan.serving.timeout)
    reference = build_reference(champion, dataset, policy, end)
    measurements = drift_history.read_measurements(champion, policy.hours)
    begin = max([reference.until, *(row.until for row in measurements)])
    requests = windows.read_requests(champion.name, champion.version, begin, end) if end > begin else []
    passages: np.ndarray | None = None
    compared: tuple[request_features.TrainingQuestions, request_features.RequestFeatures] | None = None
    for window, rows in windows.split_into_windows(requests, policy.hours).items():
        measurement = Measurement(since=window.since, until=window.until, rows=len(rows), against=reference.against)
        if len(rows) >= policy.min_rows and len(reference.rows) >= policy.min_rows:
            if compared is None:
                passages = index_coverage.load_passage_vectors(champion.name)
                training = request_features.TrainingQuestions.from_rows(reference.training_questions)
                features = request_features.measure_requests(reference.rows, training, reference.thumbs_down, passages)
                compared = training, features
            thumbs_down = windows.read_thumbs_down(champion.name, champion.version, *window)
            sample = windows.sample_rows(rows, policy.sample)
            current = request_features.measure_requests(sample, compared[0], thumbs_down, passages)
            signals = decision.mark_violations(request_features.compare_requests(compared[1], current, policy), policy)
            measurement = measurement.model_copy(update={"sampled": len(current.frame), "signals": signals})
            report = drift_report.publish_report(champion, [*measurements, measurement], compared[1], current, policy)
            measurement = measurement.model_copy(update={"report": report})
        log.info("%s: %d requests since %s", champion.name, len(rows), windows.format_time(window.since))
        drift_history.save_measurement(champion, measurement)
        measurements.append(measurement)
    return measurements


def compare_incoming_rows(
    champion: DeployedVersion, dataset: DatasetVersion, records: Records, policy: Drift, now: float
) -> IncomingRows:
    """Compare newly collected rows with the champion's dataset, once for the same rows; alert if the schema changed.

    Corrections by people are left out: they come from requests, whose windows are measured, and arrive every hour.
    """
    compared = drift_history.read_incoming_rows(champion)
    if compared.digest == records.digest:
        return compared
    sides = read_dataset_rows(dataset), read_jsonl(Path(records.uri) / "records.jsonl")
    old, new = ([row for row in side if row.get("source") != FEEDBACK] for side in sides)
    signals: list[Signal] = []
    if min(len(old), len(new)) >= policy.min_rows:
        old_sample, new_sample = (incoming_rows.sample_rows(side, policy.sample) for side in (old, new))
        signals = decision.mark_violations(incoming_rows.compare_rows(old_sample, new_sample, policy), policy)
    if changes := [f"{signal.name}: {signal.note}" for signal in signals if signal.kind == "schema"]:
        alert(
            f"{champion.name}: new rows have another schema than {dataset.tag}: {'; '.join(changes)}",
            key=f"{champion.name}.schema",
            template=champion.name,
        )
    incoming = IncomingRows(at=now, digest=records.digest, rows=len(new), signals=signals)
    return drift_history.save_incoming_rows(champion, incoming)


def emit_drift_event(report: DriftReport) -> DriftReport:
    """Record that a retraining is started, and alert; once per event."""
    if report.event and report.event not in [sent.event for sent in drift_history.read_sent_events(report.name)]:
        alert(
            f"{report.name} is retrained: {report.event.reason}.",
            key=f"{report.name}.drift",
            template=report.name,
            link=report.event.link,
        )
        drift_history.save_sent_event(report.event, time.time())
    return report


def reason_to_check(name: str, policy: Drift, timeout: float, now: float = 0) -> str:
    """Why a drift check may find something new; empty if it cannot. It takes a moment, and needs no server.

    Collected rows and the age of the last training change slowly: they are checked once per day.

    Args:
        timeout: seconds that a request may take.
        now: epoch seconds; the present if not given.
    """
    now = now or time.time()
    checked = drift_history.read_json(drift_history.history_folder(name) / LAST_CHECK) or {"at": 0.0}
    since, until = (windows.last_window_end(policy.hours, at, timeout) for at in (checked["at"], now))
    if now - checked["at"] >= decision.DAY:
        return "the first check of the day"
    if since < until and len(request_log.read_exchanges(since, until, name)):
        return f"requests since {windows.format_time(since)}"
    return ""
