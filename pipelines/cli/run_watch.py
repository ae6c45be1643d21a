"""Watch a retraining until it is over, say what it waits for, and answer its approvals."""

import sys
import time
from typing import TYPE_CHECKING

import typer
from rich.live import Live
from rich.markdown import Markdown
from rich.table import Table

from pipelines.cli.console import Heartbeat, out
from pipelines.clients.airflow import FINISHED, WAITING, DagRun
from pipelines.clients.run_queue import RunAhead, has_begun, present_task, runs_ahead
from pipelines.core import progress
from pipelines.text.terminal import make_visible, styled

if TYPE_CHECKING:
    from pipelines.clients.airflow import TaskInstanceResponse

APPROVALS = ("approve_cost", "approve")  # the tasks that want a yes or a no
POLL_SECONDS = 1.0
MARKS = {
    "success": styled(("✓", "green")),
    "failed": styled(("✗", "red")),
    "skipped": styled(("-", "dim")),
    "running": styled(("●", "blue")),
}
SHOWN = {"running", "skipped", "up_for_retry", *FINISHED, *WAITING}
Answered = set[tuple[str, str, int]]  # run, task, try: a question that is asked again wants its answer again


def watch_run(retraining: DagRun, template: str, approve: bool) -> list["TaskInstanceResponse"]:
    """Show the tasks until the run is over, and answer its approvals. Returns the tasks' last state.

    Args:
        approve: answer every approval of this run, and of those ahead of it, with a yes.
    """
    seen: dict[str, str] = {}
    answered: Answered = set()
    beat, queue = Heartbeat(), ""
    with Live(console=out, auto_refresh=False, transient=False) as live:
        while True:
            state = retraining.state()
            tasks = sorted(retraining.tasks(), key=lambda task: str(task.start_date or "9"))
            ahead = [] if state in FINISHED or has_begun(tasks) else runs_ahead(retraining)
            waits = describe_queue(retraining, ahead)
            if out.is_terminal:
                live.update(task_table(tasks, template, waits), refresh=True)
            else:
                print_changes(tasks, seen, beat)
                if waits and waits != queue:
                    beat.print(waits)
                queue = waits
                if state not in FINISHED and beat.is_due():
                    beat.print(waits or describe_progress(retraining))
            if state in FINISHED:
                return tasks
            for run in [*(other.run for other in ahead if approve and other.human), retraining]:
                answer_approvals(run, approve, answered, live)
            time.sleep(POLL_SECONDS)


def describe_queue(run: DagRun, ahead: list[RunAhead]) -> str:
    """Which runs are ahead of this one and what they do; empty if none is."""
    if not ahead:
        return ""
    return f"{run.run_id} waits behind {'; '.join(other.describe() for other in ahead)}"


def describe_progress(run: DagRun) -> str:
    """What a run does and how far it is, or why it does nothing."""
    present = present_task(run)
    if not present.task:
        return run.airflow.dag_problem(run.dag_id) or "the scheduler is about to start the next task"
    since = f" since {present.since:%H:%M} UTC" if present.since else ""
    text = f"{present.task:<13} still {present.state.replace('_', ' ')}{since}"
    return f"{text}, {present.progress()}" if present.progress() else text


def task_table(tasks: list["TaskInstanceResponse"], template: str, waits: str) -> Table:
    """The tasks, their states and how far the running one is."""
    table = Table("", "task", "state", "seconds", "", box=None, caption=waits or None, caption_justify="left")
    for task in tasks:
        state = task.state.value if task.state else "waiting"
        seconds = f"{task.duration:.0f}" if task.duration else ""
        table.add_row(MARKS.get(state, "·"), task.task_id, state, seconds, progress_bar(task, template))
    return table


def progress_bar(task: "TaskInstanceResponse", template: str) -> str:
    """How many steps of a running stage are done."""
    at = progress.read_progress(template)
    if task.state != "running" or at.get("stage") != task.task_id:
        return f"try {task.try_number}" if task.try_number > 1 else ""
    filled = round(20 * at["done"] / max(at["total"], 1))
    return f"{'█' * filled}{'░' * (20 - filled)} {at['done']}/{at['total']} {at['note']}"


def print_changes(tasks: list["TaskInstanceResponse"], seen: dict[str, str], beat: Heartbeat) -> None:
    """One line for each change of state, where the output is not a terminal."""
    for task in tasks:
        state = task.state.value if task.state else ""
        if state in SHOWN and seen.get(task.task_id) != state:
            seen[task.task_id] = state
            seconds = f" ({task.duration:.0f} s)" if state in FINISHED and task.duration else ""
            beat.print(f"{task.task_id:<13} {state}{seconds}")


def answer_approvals(run: DagRun, approve: bool, answered: Answered, live: Live) -> None:
    """Answer what a run asks, once."""
    for task in run.tasks():
        question = (run.run_id, task.task_id, task.try_number)
        if task.task_id in APPROVALS and task.state and task.state.value in WAITING and question not in answered:
            live.stop()
            answer_approval(run, task.task_id, approve)
            live.start()
            answered.add(question)


def answer_approval(run: DagRun, task_id: str, approve: bool) -> None:
    """Show the approval page and answer: yes with `--approve`, else as the person says, if there is one here."""
    page = run.hitl_detail(task_id)
    out.print(Markdown(make_visible(f"## {page.subject}\n\n{page.body}"), hyperlinks=False))
    if approve:
        option, why = "Approve", "approved by a script: weaver run --approve"
        time.sleep(3)  # Airflow 3.3 takes an answer within a second of its question for a crash, and asks again
    elif not sys.stdin.isatty():
        out.print("Waiting for somebody to answer in Airflow, under Required Actions.")
        return
    elif typer.confirm("Approve"):
        option, why = "Approve", typer.prompt("Why", default="", show_default=False)
    else:
        option, why = "Reject", typer.prompt("Why", default="", show_default=False)
    if not run.respond(task_id, option, {"why": why}):
        out.print("Somebody else has answered before.")
