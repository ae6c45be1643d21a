"""What the measurements come to: has the world moved, why, and does it start a retraining now?"""

import time
from typing import Any

from pipelines.core.artifacts import DeployedVersion, DriftEvent, DriftReport, Signal
from pipelines.core.plan import Drift, TrainingPlan
from pipelines.monitoring.drift import decision, drift_history, drift_report, windows
from pipelines.monitoring.drift.drift_history import Incoming, Measurement


def standing(champion: DeployedVersion, plan: TrainingPlan) -> DriftReport:
    """What the looks so far come to, without another one."""
    policy = plan.drift
    measured = drift_history.measurements(champion, policy.hours)
    return conclude(champion, plan, policy, measured, drift_history.incoming(champion), time.time())


def conclude(
    champion: DeployedVersion,
    plan: TrainingPlan,
    policy: Drift,
    measured: list[Measurement],
    rows: Incoming,
    now: float,
) -> DriftReport:
    """What the measurements come to, beside what was announced already."""
    past = drift_history.announced(champion.name)
    saying = [one for one in measured if one.signals]
    saying = [one for one in saying if one.against == saying[-1].against]
    newest = saying[-1] if saying else Measurement(since=0, until=0, rows=0)
    fired = decision.fired([one.signals for one in saying], policy)
    odd = [signal for signal in rows.signals if signal.violated and signal.kind != "schema"]
    spent = max([0.0, *(windows.epoch(one.event.until) for one in past if one.event.until)])
    reasons: list[str] = []
    config: dict[str, Any] = {}
    if fired and newest.until > spent:
        if decision.decayed(newest.signals, fired):
            config = {"train.epochs": plan.train.epochs + 1}
        moved = "answers got worse" if config else "the world moved"
        reasons.append(f"{moved}: {tell([signal for signal in newest.signals if signal.name in fired])}")
    if odd and rows.digest not in {one.event.records for one in past}:
        reasons.append(f"rows that come in are others than {champion.dataset}: {tell(odd)}")
    last = max([0.0, *(one.at for one in past)])
    if decision.stale(max(champion.trained, last) if champion.trained else 0, now, policy):
        reasons.append(f"nothing was trained for {(now - champion.trained) / decision.DAY:.0f} days")
    cool = max(last, champion.trained) if last else 0.0  # the training that an event led to ends later than it
    waiting = ""
    if reasons and decision.cooling(cool, now, policy):
        waiting = f"cooling down until {windows.iso(cool + policy.cooldown_hours * decision.HOUR)}"
    found = DriftReport(
        name=champion.name,
        version=champion.version,
        since=windows.iso(newest.since) if newest.signals else "",
        until=windows.iso(newest.until) if newest.signals else "",
        rows=newest.rows,
        sampled=newest.sampled,
        against=newest.against if newest.signals else "",
        signals=newest.signals,
        incoming=rows.signals,
        windows=len(saying),
        fired=[*fired, *(f"incoming {signal.name}" for signal in odd)],
        waiting=waiting,
        url=drift_report.url(champion.name, newest.run_id),
    )
    if not reasons or waiting:
        return found
    event = DriftEvent(
        template=champion.name,
        reason="; ".join(reasons),
        signals=found.fired,
        config=config,
        since=windows.iso(saying[-policy.windows :][0].since) if newest.signals else "",
        until=found.until,
        records=rows.digest if odd else "",
        link=found.url,
    )
    return found.model_copy(update={"event": event})


def tell(some: list[Signal]) -> str:
    return ", ".join(f"{signal.name} ({signal.note})" for signal in some)
