"""`weaver run`: one retraining, driven through the real scheduler and watched from the terminal."""

import sys
import time
from typing import Annotated, Any, get_args

import typer
from rich.live import Live
from rich.markdown import Markdown
from rich.table import Table

from pipelines.cli.console import AsJson, Overrides, Template, out, overrides, print_json, speak_aside
from pipelines.clients.airflow import FINISHED, WAITING, AirflowClient, DagRun
from pipelines.core import progress
from pipelines.core.artifacts import Arm
from pipelines.core.errors import WeaverError
from pipelines.core.make_plan import make_plan
from pipelines.core.settings import settings
from pipelines.stack import control

app = typer.Typer()

Approve = Annotated[bool, typer.Option("--approve", help="Approve without asking; the record says that a script did.")]
QUESTIONS = ("approve_cost", "approve")  # the tasks that want a yes or a no
SHOWN = 3  # sample questions that the new champion answers
MARKS = {"success": "[green]✓[/]", "failed": "[red]✗[/]", "skipped": "[dim]-[/]", "running": "[blue]●[/]"}


@app.command()
def run(template: Template, set_: Overrides = None, approve: Approve = False, as_json: AsJson = False) -> None:
    """Collect, validate, version, fine-tune, evaluate, ask for approval, promote, deploy; or carry on where it was."""
    if as_json:
        speak_aside()
    changes = overrides(set_)
    typed = make_plan(template, changes).flat()  # a typing mistake is told now, not by a task
    control.up()
    airflow, dag_id = AirflowClient(), f"retrain_{template}"
    airflow.dag(dag_id)
    airflow.dag(f"monitor_{template}")
    run_id = airflow.open_run(dag_id)
    if run_id and changes:
        raise WeaverError(
            f"{run_id} is not over yet, and it was started without this --set",
            "Wait for it or answer its approval (the same command without --set shows it); then start again.",
        )
    if run_id:
        out.print(f"carrying on with {run_id}, which is not over yet")
    else:
        run_id = airflow.start(dag_id, {key: typed[key] for key in changes})
    retraining = DagRun(airflow, dag_id, run_id)
    out.print(f"watch it in Airflow: {retraining.url}  [dim](sign in: weaver logins)[/]", soft_wrap=True)
    try:
        tasks = watch(retraining, template, approve)
    except KeyboardInterrupt:
        out.print("\nThe run goes on in Airflow; the same command watches it again.")
        raise
    finish(retraining, template, tasks, as_json)


def watch(retraining: DagRun, template: str, approve: bool) -> list[dict[str, Any]]:
    """Show the tasks until the run is over, and answer its questions when it asks. Returns the tasks' last state."""
    seen: dict[str, str] = {}
    answered: set[tuple[str, int]] = set()  # with its try: a question that is asked again wants its answer again
    with Live(console=out, auto_refresh=False, transient=False) as live:
        while True:
            over = retraining.state() in FINISHED
            tasks = sorted(retraining.tasks(), key=lambda task: task["start_date"] or "9")
            if out.is_terminal:
                live.update(table(tasks, template), refresh=True)
            else:
                tell_changes(tasks, seen)
            if over:
                return tasks
            for task in tasks:
                question = task["task_id"], task["try_number"]
                if task["task_id"] in QUESTIONS and task["state"] in WAITING and question not in answered:
                    live.stop()
                    settle(retraining, task["task_id"], approve)
                    live.start()
                    answered.add(question)
            time.sleep(1)


def table(tasks: list[dict[str, Any]], template: str) -> Table:
    shown = Table("", "task", "state", "seconds", "", box=None)
    for task in tasks:
        state = task["state"] or "waiting"
        seconds = f"{task['duration']:.0f}" if task["duration"] else ""
        shown.add_row(MARKS.get(state, "·"), task["task_id"], state, seconds, note(task, template))
    return shown


def note(task: dict[str, Any], template: str) -> str:
    """How far a running stage has come."""
    at = progress.read_progress(template)
    if task["state"] != "running" or at.get("stage") != task["task_id"]:
        return f"try {task['try_number']}" if (task["try_number"] or 0) > 1 else ""
    filled = round(20 * at["done"] / max(at["total"], 1))
    return f"{'█' * filled}{'░' * (20 - filled)} {at['done']}/{at['total']} {at['note']}"


def tell_changes(tasks: list[dict[str, Any]], seen: dict[str, str]) -> None:
    """One line a change of state, where the output is not a terminal."""
    for task in tasks:
        state = task["state"]
        if state in {"running", "skipped", *FINISHED, *WAITING, "up_for_retry"} and seen.get(task["task_id"]) != state:
            seen[task["task_id"]] = state
            seconds = f" ({task['duration']:.0f} s)" if state in FINISHED and task["duration"] else ""
            out.print(f"{time.strftime('%H:%M:%S')}  {task['task_id']:<13} {state}{seconds}", highlight=False)


def settle(retraining: DagRun, task: str, approve: bool) -> None:
    """Show what a task asks, and answer: as the script was told, or as the person says, if there is one here."""
    question = retraining.question(task)
    out.print(Markdown(f"## {question['subject']}\n\n{question['body']}", hyperlinks=False))
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
    retraining.answer(task, option, why)


def finish(retraining: DagRun, template: str, tasks: list[dict[str, Any]], as_json: bool) -> None:
    """Say how the run ended: what failed, what was decided, how every arm did and what the champion answers."""
    states = {task["task_id"]: task["state"] for task in tasks}
    failed = [task for task in tasks if task["state"] == "failed"]
    if failed:
        told = "\n".join(f"{task['task_id']}: {retraining.error(task)}" for task in failed)
        raise WeaverError(told, f"Mend it and run `weaver run {template}` again: finished stages are not repeated.")
    result: dict[str, Any] = {"run": retraining.url, "tasks": states}
    if states["fine_tune"] == "skipped":
        stopped = "within_budget" if states["within_budget"] == "success" else "has_new_data"
        result["outcome"] = retraining.artifact(stopped, "reason")
    elif states["promote"] == "success":
        promotion = retraining.artifact("promote")
        result["outcome"] = f"version {promotion['to_version']} is champion, approved by {promotion['by']}"
        result["answers"] = answers(template)
    else:
        verdict = retraining.artifact("gate")
        result["outcome"] = "rejected: the champion stays" if verdict["passed"] else f"gate {verdict['reason']}"
    if states["evaluate"] == "success":
        result["figures"] = retraining.artifact("evaluate")["figures"]
        out.print(comparison(result["figures"]))
    out.print(f"[bold]{result['outcome']}[/]", soft_wrap=True)
    out.print(f"registry: {settings().mlflow_url}/#/models/{template}", soft_wrap=True)
    for question, answer in result.get("answers", {}).items():
        out.print(f"\n[bold]{question}[/]\n  {answer}", highlight=False)
    if as_json:
        print_json(result)


def comparison(figures: dict[str, dict[str, dict[str, float]]]) -> Table:
    """Every arm's figures side by side, in the order in which a challenger has to beat them."""
    arms = [arm for arm in get_args(Arm) if arm in figures]
    shown = Table("held-out", *arms, box=None, title="Every arm on the same questions", title_justify="left")
    for part in ("grounded", "knowledge", "all"):
        for metric in ("score", "facts", "token_f1", "rouge_l", "loss"):
            if metric in figures["base"].get(part, {}):
                shown.add_row(f"{part} {metric}", *(f"{figures[arm][part][metric]:.3f}" for arm in arms))
    shown.add_row("seconds an answer (p95)", *(f"{figures[arm]['all']['latency_p95']:.2f}" for arm in arms))
    return shown


def answers(template: str) -> dict[str, str]:
    """The template's sample questions, answered by the gateway, as the dealership's applications ask it."""
    from pipelines.cli.ask import Answer

    with out.status("asking the champion"):
        questions = make_plan(template).questions[:SHOWN]
        told = {question: "".join(Answer(template, [{"role": "user", "content": question}])) for question in questions}
    return {question: answer.strip() for question, answer in told.items()}
