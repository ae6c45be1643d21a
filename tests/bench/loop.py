"""The loop closes by itself: what people ask about changes, drift fires, a better model is trained, approved, served.

Nobody tells the system anything: it sees the questions, and what colleagues at the counter correct. Airflow is killed
in the middle of the training. What is real: every server, the trainings, the questions' subjects. What is made short: a
day of traffic lasts a minute, and the person who approves is a script, after the gate has let the challenger through.
"""

import logging
import os
import signal
import time
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.clients import supervisor
from pipelines.clients.airflow import FINISHED, AirflowClient, DagRun
from pipelines.core import progress
from pipelines.core.errors import WeaverError
from pipelines.core.settings import settings
from pipelines.monitoring.drift import drift_history
from pipelines.stack import control, servers
from tests.bench.loop_home import KNOWN, NEW, TEMPLATE, dealership, weaver
from tests.bench.loop_plot import draw
from tests.bench.loop_traffic import Asked, Counter

log = logging.getLogger(__name__)

RATE = 0.7  # questions a second: about what the backends answer beside a training
DAY = 60.0  # seconds of the bench that stand for a day
SHARE = 0.75  # of the questions, for the new subject, once the world has moved
CORRECTED = 0.9  # of the answers that somebody at the counter looks at
PATIENCE = 40 * DAY
PLAN: dict[str, Any] = {
    "drift": {
        "hours": DAY / 3600,
        "min_rows": 20,
        "reference_rows": 80,
        "cooldown_hours": 1,
    },
    "serving": {"cache": "off", "timeout": 20},
    "refine": {"relevance": -1, "near_duplicate": 1.0},
    "train": {"max_steps": 60, "checkpoint_steps": 5},
    "evaluate": {"max_new_tokens": 24},
    # A person's limit an hour: here, a day of eight hours at the counter lasts a minute.
    "feedback": {"hourly": 30 * 8 * 60, "repeat": 2},
    "gate": {"max_slice_drop": 0.15},
    "deployment": {"ramp_step_seconds": 1, "golden_questions": 5},
}


class Event(NamedTuple):
    at: float  # epoch seconds
    what: str


class Seen(NamedTuple):
    """A window that monitoring has looked at; times in epoch seconds."""

    version: int
    since: float
    until: float
    against: str  # requests, or dataset until there are enough of those
    violated: int  # signals


class Story(NamedTuple):
    """Everything that happened, in epoch seconds."""

    questions: list[Asked]
    windows: list[Seen]
    events: list[Event]
    reason: str  # why the retraining says that it was started
    gain: dict[str, float]  # the gate's interval of the gain over the champion

    def at(self, what: str) -> float:
        return next(event.at for event in self.events if event.what == what)


def run(days: int = 3, plot: Path | None = None) -> dict[str, Any]:
    """Open the counter, let its subject shift, and wait until the loop has closed.

    Args:
        days: how long all is normal before and after, in days of the bench.

    Returns:
        Days from the shift until drift fired and until the new version answered; the share of right answers on each
        subject before and after; signals that violate, a window, before the shift, after it, and with the new version.
    """
    with dealership(PLAN, CORRECTED) as counter:
        story = live(counter, days)
    file = plot or settings().home / "bench" / "loop.png"
    draw(story, DAY, file)
    return figures(story) | {"plot": str(file)}


def live(counter: Counter, days: int) -> Story:
    weaver("run", TEMPLATE, "--approve")
    events: list[Event] = []

    def happened(what: str) -> None:
        events.append(Event(time.time(), what))
        log.info("%s", what)

    counter.mix = {KNOWN: 1.0, NEW: 0.0}
    with counter.open(RATE):
        happened("the counter opens")
        time.sleep((days + reference_days()) * DAY)
        counter.mix = {KNOWN: 1 - SHARE, NEW: SHARE}
        happened("people ask about parts")
        airflow = AirflowClient()
        retraining = started_by_itself(airflow)
        happened("drift starts a retraining")
        until_it_trains(retraining)
        kill_airflow()
        happened("Airflow is killed")
        result = weaver("run", TEMPLATE, "--approve")
        happened("the new version answers")
        if not result["outcome"].startswith("version 2 is champion"):
            raise WeaverError(
                f"the loop did not close: {result['outcome']}",
                f"collected feedback: {retraining.xcom('collect_feedback')}",
            )
        time.sleep((days + reference_days()) * DAY)
        weaver("drift", TEMPLATE, "--now")
    reason = retraining.xcom("plan", "trigger_reason")["reason"]
    compared = {one["against"]: one for one in retraining.xcom("evaluate")["comparisons"] if one["part"] == "all"}
    gain = {bound: compared["champion"][bound] for bound in ("gain", "low", "high")}
    return Story(sorted(counter.questions), windows(), events, reason, gain)


def reference_days() -> int:
    """Days until a version's first requests say what is normal."""
    days: int = -(-PLAN["drift"]["reference_rows"] // round(RATE * DAY))
    return days


def windows() -> list[Seen]:
    """What monitoring has measured of every version, as far as it says something."""
    finished_runs = []
    for file in drift_history.history_folder(TEMPLATE).glob("v*/windows/*.json"):
        one = drift_history.Measurement.model_validate_json(file.read_text())
        if one.signals:
            version = int(file.parents[1].name.removeprefix("v").partition("-")[0])
            finished_runs.append(Seen(version, one.since, one.until, one.against, sum(s.violated for s in one.signals)))
    return sorted(finished_runs, key=lambda one: one.since)


def started_by_itself(airflow: AirflowClient) -> DagRun:
    """The retraining that an event of drift started.

    Raises:
        WeaverError: none did.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if runs := airflow.active_runs(f"retrain_{TEMPLATE}"):
            return runs[0]
        time.sleep(1)
    raise WeaverError("drift did not start a retraining", f"See `weaver drift {TEMPLATE}` in {settings().home}.")


def until_it_trains(retraining: DagRun) -> None:
    """Return once the training is past its first checkpoint.

    Raises:
        WeaverError: the retraining is over without one, or it takes too long.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        progress_report = progress.read_progress(TEMPLATE)
        if progress_report["stage"] == "fine_tune" and progress_report["done"] > PLAN["train"]["checkpoint_steps"]:
            return
        if retraining.state() in FINISHED:
            raise WeaverError(f"the retraining ended and trained nothing: {retraining.tasks()}")
        time.sleep(1)
    raise WeaverError(f"the retraining did not get to train: {retraining.tasks()}")


def kill_airflow() -> None:
    """What an out-of-memory killer does at its worst: scheduler, api-server and the rest, and the tasks they run."""
    import psutil

    states = supervisor.program_states()
    for name in servers.AIRFLOW:
        server = psutil.Process(states[name]["pid"])
        for process in (*server.children(recursive=True), server):
            os.kill(process.pid, signal.SIGKILL)
    control.up()


def figures(story: Story) -> dict[str, Any]:
    """As `run` tells them."""
    moved, fired, answered = (
        story.at(what) for what in ("people ask about parts", "drift starts a retraining", "the new version answers")
    )
    before = [one for one in story.questions if one.at < answered]
    after = [one for one in story.questions if one.at >= answered]
    usual = [one for one in story.windows if one.against == "requests"]
    calm = [one for one in usual if one.until <= moved]
    shifted = [one for one in usual if one.since >= moved and one.version == 1]
    new = [one for one in usual if one.version > 1]
    return {
        "questions": len(story.questions),
        "unanswered": sum(not one.version for one in story.questions),
        "corrections": sum(one.corrected for one in story.questions),
        "days_to_detection": round((fired - moved) / DAY, 1),
        "days_to_better": round((answered - moved) / DAY, 1),
        "right": {
            f"{subject} {when}": share([one.right for one in some if one.subject == subject])
            for subject in (KNOWN, NEW)
            for when, some in (("before", before), ("after", after))
        },
        "violations_a_window": {
            name: share([one.violated for one in some])
            for name, some in (("calm", calm), ("shifted", shifted), ("new version", new))
        },
        "gain_over_champion": story.gain,
        "reason": story.reason,
    }


def share(values: list[Any]) -> float:
    return round(sum(values) / len(values), 3) if values else float("nan")
