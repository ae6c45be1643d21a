"""What the measurements amount to: is there drift, why, and does it start a retraining now?"""

import time
from typing import Any

from pipelines.core.artifacts import DeployedVersion, DriftEvent, DriftReport, Signal
from pipelines.core.plan import TrainingPlan
from pipelines.monitoring.drift import decision, drift_history, drift_pages, windows
from pipelines.monitoring.drift.drift_history import IncomingRows, Measurement


def conclude_from_history(champion: DeployedVersion, plan: TrainingPlan) -> DriftReport:
    """The conclusion from the checks so far, without another one."""
    measurements = drift_history.read_measurements(champion, plan.drift.hours)
    return conclude_drift(champion, plan, measurements, drift_history.read_incoming_rows(champion), time.time())


def conclude_drift(
    champion: DeployedVersion, plan: TrainingPlan, measurements: list[Measurement], incoming: IncomingRows, now: float
) -> DriftReport:
    """The conclusion from measured windows and collected rows, beside the events that were sent already.

    Args:
        measurements: oldest first.
        now: epoch seconds.
    """
    policy, sent = plan.drift, drift_history.read_sent_events(champion.name)
    large_enough = [row for row in measurements if row.signals]
    comparable = [row for row in large_enough if row.against == large_enough[-1].against]
    newest = comparable[-1] if comparable else Measurement(since=0, until=0, rows=0)
    firing = decision.find_firing_signals([row.signals for row in comparable], policy)
    deviating = [signal for signal in incoming.signals if signal.violated and signal.kind != "schema"]
    last_event_until = max([0.0, *(windows.parse_time(row.event.until) for row in sent if row.event.until)])
    kinds = {signal.name: signal.kind for signal in newest.signals}
    trainable = [name for name in firing if kinds[name] != "knowledge"]  # what is not known is added, not trained
    reasons: list[str] = []
    config: dict[str, Any] = {}
    if trainable and newest.until > last_event_until:
        if decision.is_model_decay(newest.signals, trainable):
            config = {"train.epochs": plan.train.epochs + 1}
        what = "answers got worse" if config else "requests changed"
        reasons.append(f"{what}: {describe_signals([row for row in newest.signals if row.name in trainable])}")
    if deviating and incoming.digest not in {row.event.records for row in sent}:
        reasons.append(f"new rows differ from {champion.dataset}: {describe_signals(deviating)}")
    last_sent = max([0.0, *(row.at for row in sent)])
    if decision.is_training_too_old(max(champion.trained, last_sent) if champion.trained else 0, now, policy):
        reasons.append(f"the last training was {(now - champion.trained) / decision.DAY:.0f} days ago")
    # The training that an event led to ends later than the event, and the cooldown begins with whichever is last.
    cooldown_begin = max(last_sent, champion.trained) if last_sent else 0.0
    waiting = ""
    if reasons and decision.is_cooling_down(cooldown_begin, now, policy):
        cooldown_end = windows.format_time(cooldown_begin + policy.cooldown_hours * decision.HOUR)
        waiting = f"no retraining starts before the cooldown ends at {cooldown_end}"
    report = DriftReport(
        name=champion.name,
        version=champion.version,
        since=windows.format_time(newest.since) if newest.signals else "",
        until=windows.format_time(newest.until) if newest.signals else "",
        rows=newest.rows,
        sampled=newest.sampled,
        against=newest.against if newest.signals else "",
        signals=newest.signals,
        incoming=incoming.signals,
        windows=len(comparable),
        fired=[*firing, *(f"incoming {signal.name}" for signal in deviating)],
        waiting=waiting,
        url=drift_pages.report_url(newest.report),
    )
    if not reasons or waiting:
        return report
    event = DriftEvent(
        template=champion.name,
        reason="; ".join(reasons),
        signals=report.fired,
        config=config,
        since=windows.format_time(comparable[-policy.windows :][0].since) if newest.signals else "",
        until=report.until,
        records=incoming.digest if deviating else "",
        link=report.url,
    )
    return report.model_copy(update={"event": event})


def describe_signals(signals: list[Signal]) -> str:
    """Their names, each with what changed."""
    return ", ".join(f"{signal.name} ({signal.note})" for signal in signals)
