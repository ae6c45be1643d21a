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
from pipelines.artifacts import Champion, DatasetVersion, DriftEvent, DriftReport, Records, Signal
from pipelines.files import read_jsonl
from pipelines.monitoring import decision, history, incoming, report, requests, windows
from pipelines.monitoring.history import Measurement
from pipelines.monitoring.reference import Normal, dataset_rows, normal
from pipelines.plan import Drift, TrainingPlan
from pipelines.templates import load_template, make_plan

log = logging.getLogger(__name__)

Row = dict[str, Any]

LOOKED = "looked.json"


def watch(
    champion: Champion, dataset: DatasetVersion, records: Records, plan: TrainingPlan, now: float = 0
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
    policy, now = load_template(champion.name).drift, now or time.time()
    looked = history.home(champion.name) / LOOKED
    if not champion.version:
        history.write(looked, {"at": now})
        return DriftReport(name=champion.name, version=0, waiting="no version answers yet")
    measured = measure(champion, dataset, policy, now)
    new_rows = look_at_records(champion, dataset, records, policy)
    history.write(looked, {"at": now})
    return conclude(champion, plan, policy, measured, records, new_rows, now)


def measure(champion: Champion, dataset: DatasetVersion, policy: Drift, now: float) -> list[Measurement]:
    """Every window that is over, those that no earlier look has measured included."""
    until = windows.over(policy.hours, now, grace(champion.name))
    usual: Normal = normal(champion, dataset, policy, until)
    done = history.measurements(champion, policy.hours)
    after = max([usual.until, *(one.until for one in done)])
    asked = windows.requests(champion.name, champion.version, after, until) if until > after else []
    reference: tuple[requests.Known, requests.Requests] | None = None
    for window, rows in windows.cut(asked, policy.hours).items():
        found = Measurement(since=window.since, until=window.until, rows=len(rows), against=usual.against)
        if len(rows) >= policy.min_rows and len(usual.rows) >= policy.min_rows:
            if reference is None:
                known = requests.Known.of(usual.known)
                reference = known, requests.measure(windows.sample(usual.rows, policy.sample), known, usual.down)
            down = windows.thumbs(champion.name, champion.version, *window)
            current = requests.measure(windows.sample(rows, policy.sample), reference[0], down)
            signals = decision.judge(requests.compare(reference[1], current, policy), policy)
            found = found.model_copy(update={"sampled": len(current.frame), "signals": signals})
            run_id = report.publish(champion, [*done, found], reference[1], current, policy)
            found = found.model_copy(update={"run_id": run_id})
        log.info("%s: %d requests from %s on", champion.name, len(rows), windows.iso(window.since))
        history.keep(champion, found)
        done.append(found)
    return done


def look_at_records(champion: Champion, dataset: DatasetVersion, records: Records, policy: Drift) -> list[Signal]:
    """Newly collected rows against the champion's dataset, once for the same rows; a changed schema is told."""
    file = history.folder(champion) / "incoming" / f"{records.digest[:12]}.json"
    if (known := history.read(file)) is not None:
        return [Signal.model_validate(signal) for signal in known]
    before, now = dataset_rows(dataset), read_jsonl(Path(records.uri) / "records.jsonl")
    found: list[Signal] = []
    if min(len(before), len(now)) >= policy.min_rows:
        before, now = (incoming.drawn(rows, policy.sample) for rows in (before, now))
        found = decision.judge(incoming.rows(before, now, policy), policy)
    if changed := [f"{signal.name}: {signal.note}" for signal in found if signal.kind == "schema"]:
        alert(f"{champion.name}: rows that come in look otherwise than {dataset.tag}: {'; '.join(changed)}")
    history.write(file, [signal.model_dump() for signal in found])
    return found


def conclude(
    champion: Champion,
    plan: TrainingPlan,
    policy: Drift,
    measured: list[Measurement],
    records: Records,
    new_rows: list[Signal],
    now: float,
) -> DriftReport:
    """What the measurements come to, beside what was announced already."""
    past = history.announced(champion.name)
    saying = [one for one in measured if one.signals]
    saying = [one for one in saying if one.against == saying[-1].against]
    newest = saying[-1] if saying else Measurement(since=0, until=0, rows=0)
    fired = decision.fired([one.signals for one in saying], policy)
    odd = [signal for signal in new_rows if signal.violated and signal.kind != "schema"]
    spent = max([0.0, *(windows.epoch(one.event.until) for one in past if one.event.until)])
    reasons: list[str] = []
    config: dict[str, Any] = {}
    if fired and newest.until > spent:
        if decision.decayed(newest.signals, fired):
            config = {"train.epochs": plan.train.epochs + 1}
        moved = "answers got worse" if config else "the world moved"
        reasons.append(f"{moved}: {tell([signal for signal in newest.signals if signal.name in fired])}")
    if odd and records.digest not in {one.event.records for one in past}:
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
        incoming=new_rows,
        windows=len(saying),
        fired=[*fired, *(f"incoming {signal.name}" for signal in odd)],
        waiting=waiting,
        url=report.url(champion.name, newest.run_id),
    )
    if not reasons or waiting:
        return found
    make_plan(champion.name, config)  # what is suggested is a plan
    event = DriftEvent(
        template=champion.name,
        reason="; ".join(reasons),
        signals=found.fired,
        config=config,
        since=windows.iso(saying[-policy.windows :][0].since) if newest.signals else "",
        until=found.until,
        records=records.digest if odd else "",
        link=found.url,
    )
    return found.model_copy(update={"event": event})


def announce(found: DriftReport) -> DriftReport:
    """Remember that a retraining was asked for, and tell somebody; once for one event."""
    if found.event and found.event not in [one.event for one in history.announced(found.name)]:
        alert(f"{found.name} is trained anew: {found.event.reason}. {found.event.link}".strip())
        history.announce(found.event, time.time())
    return found


def tell(some: list[Signal]) -> str:
    return ", ".join(f"{signal.name} ({signal.note})" for signal in some)


def grace(name: str) -> float:
    """Seconds that a request may take."""
    return load_template(name).serving.timeout


def due(name: str, now: float = 0) -> str:
    """Why another look is worth its while, in a moment and without any server; empty if it is not.

    Collected rows and the age of the last training change slowly: they are looked at once a day.
    """
    policy, now = load_template(name).drift, now or time.time()
    looked = history.read(history.home(name) / LOOKED) or {"at": 0.0}
    until = windows.over(policy.hours, now, grace(name))
    if now - looked["at"] >= decision.DAY:
        return "the first look of the day"
    if looked["at"] < until + grace(name) and len(request_log.exchanges(until - 3600 * policy.hours, until, name)):
        return f"requests from {windows.iso(until - 3600 * policy.hours)} on"
    return ""
