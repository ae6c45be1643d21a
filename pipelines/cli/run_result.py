"""How a retraining ended: what failed, what was decided, how every arm did, and what the champion answers."""

from typing import TYPE_CHECKING, Any, get_args

from rich.table import Table

from pipelines.cli.ask import Answer, print_sources
from pipelines.cli.console import out, print_json
from pipelines.clients.airflow import DagRun
from pipelines.core.artifacts import Arm
from pipelines.core.errors import WeaverError
from pipelines.core.make_plan import make_plan
from pipelines.core.settings import settings
from pipelines.stack.wait_display import WaitDisplay
from pipelines.text.terminal import styled

if TYPE_CHECKING:
    from pipelines.clients.airflow import TaskInstanceResponse

SAMPLES = 3  # sample questions that the new champion answers


def print_result(retraining: DagRun, template: str, tasks: list["TaskInstanceResponse"], as_json: bool) -> None:
    """Print how the run ended.

    Raises:
        WeaverError: a task failed; with what its log says.
    """
    states = {task.task_id: task.state.value if task.state else None for task in tasks}
    failed = [task for task in tasks if task.state == "failed"]
    if failed:
        errors = "\n".join(f"{task.task_id}: {retraining.error(task)}" for task in failed)
        raise WeaverError(
            errors, f"Correct it and run `weaver run {template}` again: finished stages are not repeated."
        )
    result: dict[str, Any] = {"run": retraining.url, "tasks": states}
    if states["fine_tune"] == "skipped":
        stopped = "within_budget" if states["within_budget"] == "success" else "has_new_data"
        result["outcome"] = retraining.xcom(stopped, "reason")
    elif states["promote"] == "success":
        promotion = retraining.xcom("promote")
        result["outcome"] = f"version {promotion['to_version']} is champion, approved by {promotion['by']}"
        result["answers"] = sample_answers(template)
    else:
        verdict = retraining.xcom("gate")
        result["outcome"] = "rejected: the champion stays" if verdict["passed"] else f"gate {verdict['reason']}"
    if states["evaluate"] == "success":
        result["metrics"] = retraining.xcom("evaluate")["metrics"]
        out.print(comparison_table(result["metrics"]))
    out.print(result["outcome"], style="bold", soft_wrap=True)
    out.print(f"registry: {settings().mlflow_url}/#/models/{template}", soft_wrap=True)
    for question, answer in result.get("answers", {}).items():
        out.print(styled("\n", (question, "bold"), f"\n  {answer['answer']}"))
        print_sources(answer["citations"])
    if as_json:
        print_json(result)


def comparison_table(metrics: dict[str, dict[str, dict[str, float]]]) -> Table:
    """Every arm's metrics side by side, in the order in which a challenger has to beat them."""
    arms = [arm for arm in get_args(Arm) if arm in metrics]
    table = Table("held-out", *arms, box=None, title="Every arm on the same questions", title_justify="left")
    for part in ("grounded", "knowledge", "all"):
        for metric in ("score", "facts", "token_f1", "rouge_l", "loss"):
            if metric in metrics["base"].get(part, {}):
                table.add_row(f"{part} {metric}", *(f"{metrics[arm][part][metric]:.3f}" for arm in arms))
    table.add_row("seconds per answer (p95)", *(f"{metrics[arm]['all']['latency_p95']:.2f}" for arm in arms))
    return table


def sample_answers(template: str) -> dict[str, dict[str, Any]]:
    """The template's sample questions, answered by the gateway, as the dealership's applications ask it.

    Returns:
        question → answer, citations.
    """
    answers = {}
    with WaitDisplay("asking the champion"):
        for question in make_plan(template).questions[:SAMPLES]:
            answer = Answer(template, [{"role": "user", "content": question}])
            answers[question] = {"answer": "".join(answer).strip(), "citations": answer.citations}
    return answers
