"""Runs of one template take turns: which runs are ahead of another, and which of them only wait for a person.

Two runs of a template must not work at the same time, yet a run that waits for an approval must not hold up the others
for days. So a run waits while another one works; a candidate that only waits for a person is superseded by a newer run.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pipelines.clients.airflow import WAITING, DagRun
from pipelines.core import progress

if TYPE_CHECKING:
    from pipelines.clients.airflow import TaskInstanceResponse

TURN = "wait_for_turn"  # the first task of a run; once it has succeeded, the run works
HUMAN = ("approve_cost", "score_answers", "await_scores", "approve")  # tasks that wait for a person
BESIDE = ("await_mlflow_approval",)  # a task that waits beside them and ends with them
SUPERSEDED = "superseded by run "  # how the note of a closed question begins
GRACE = timedelta(minutes=10)  # for which a question stays open while a run waits behind it
PARKED = (*WAITING, "up_for_reschedule")


@dataclass(frozen=True)
class RunAhead:
    """A run that comes before another one of the same DAG.

    Args:
        task: what it does: the id of its present task; empty between two tasks.
        state: that task's state.
        since: when that task, or else the run, began.
        human: it only waits for a person.
        until: until when its question stays open: then the run behind it supersedes it.
    """

    run: DagRun
    task: str
    state: str
    since: datetime | None
    human: bool
    until: datetime | None = None

    def is_stale(self) -> bool:
        """Whether it may be superseded now."""
        return self.human and (self.until is None or datetime.now(UTC) >= self.until)

    def describe(self) -> str:
        """Which run it is and what it does, for people: "scheduled__… (fine_tune, running since 02:13 UTC)"."""
        if not self.task:
            return f"{self.run.run_id} (between two tasks)"
        state = {"awaiting_input": "waits for an answer", "deferred": "waits", "up_for_reschedule": "waits"}
        since = f" since {self.since:%H:%M} UTC" if self.since else ""
        doing = state.get(self.state, self.state.replace("_", " "))
        until = f", until {self.until:%H:%M} UTC" if self.human and self.until else ""
        return f"{self.run.run_id} ({self.task}, {doing}{since}{until})"

    def progress(self) -> str:
        """How many steps of a long stage are done: "120 of 400 loss 1.2"; empty if it does not say."""
        at = progress.read_progress(self.run.dag_id.removeprefix("retrain_"))
        same = self.state == "running" and at.get("stage") == self.task
        return f"{at['done']} of {at['total']} {at['note']}".rstrip() if same else ""


def present_task(run: DagRun) -> RunAhead:
    """What a run does just now: the question that it asks a person, else the running task that began last."""
    tasks = {task.task_id: task for task in run.tasks()}
    states = {name: str(task.state.value) for name, task in tasks.items() if task.state}
    human = next((name for name in HUMAN if states.get(name) in PARKED), "")
    busy = [name for name, state in states.items() if state in {"running", "queued", "up_for_retry"}]
    open_tasks = [human] if human else busy or [name for name, state in states.items() if state in PARKED]
    task = max(open_tasks, key=lambda name: str(tasks[name].start_date or ""), default="")
    since = tasks[task].start_date if task else None
    return RunAhead(run, task, states.get(task, ""), since, bool(human) and not busy)


def runs_ahead(run: DagRun) -> list[RunAhead]:
    """The runs that must end before this one may work: those that work already, and those that were queued before it.

    A run that was cleared works again without waiting for its turn: it counts as well.

    A question that was open when this run was queued may be superseded at once: whoever started this run, or the data
    behind it, came later. One that was asked since then stays open for `GRACE`, so that a person can answer it.
    """
    runs = run.airflow.active_runs(run.dag_id)
    order = [other.run_id for other in runs]
    mine = order.index(run.run_id) if run.run_id in order else len(order)
    ahead = [
        present_task(other)
        for at, other in enumerate(runs)
        if other.run_id != run.run_id and (at < mine or has_begun(other.tasks()))
    ]
    if not any(other.human for other in ahead):
        return ahead
    queued = run.details().queued_at
    return [
        replace(other, until=other.since + GRACE) if other.since and queued and other.since > queued else other
        for other in ahead
    ]


def has_begun(tasks: list["TaskInstanceResponse"]) -> bool:
    """Whether a run with these tasks works: it has waited for its turn."""
    return any(task.task_id == TURN and task.state == "success" for task in tasks)


def superseded_by(tasks: list["TaskInstanceResponse"]) -> str:
    """The newer run that closed the question of a run with these tasks; empty if none did."""
    notes = [task.note or "" for task in tasks if task.task_id in HUMAN and task.state == "skipped"]
    return next((note.removeprefix(SUPERSEDED) for note in notes if note.startswith(SUPERSEDED)), "")


def supersede(ahead: RunAhead, run_id: str) -> str:
    """Close the open question of a run, without an answer, because a newer run takes its place. Idempotent.

    The tasks that wait are skipped, so nobody has approved or rejected, and nothing after them runs.

    Args:
        run_id: the newer run.
    Returns:
        What was done, in words; empty if a person answered first: then the answer counts.
    """
    run, reason = ahead.run, f"{SUPERSEDED}{run_id}"
    if ahead.task in HUMAN and ahead.state == "awaiting_input" and run.hitl_detail(ahead.task).response_received:
        return ""
    run.skip(ahead.task, reason, downstream=ahead.task == "approve_cost")  # what follows it has other trigger rules
    for task in run.tasks():
        if task.task_id in BESIDE and task.state is not None and task.state.value in PARKED:
            run.skip(task.task_id, reason)
    text = f"Superseded by run {run_id} while {ahead.task} waited for a person: nobody has decided."
    note = run.details().note or ""
    if text not in note:
        run.set_note(f"{note}\n\n{text}".strip())
    return f"{run.run_id} waited for a person at {ahead.task}; it is superseded by this run"
