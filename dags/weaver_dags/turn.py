"""The first task of a retraining: runs of a template take turns, and none waits for days behind an open approval."""

from typing import Any

from airflow.sdk import BaseOperator
from weaver_plugins.turn_trigger import TurnTrigger

from pipelines.clients.airflow import AirflowClient, DagRun
from pipelines.clients.run_queue import TURN, runs_ahead, supersede
from pipelines.core.settings import SERVICE_ACCOUNT

RUNS = 4  # active runs of a template: one works, and the others say what they wait for
DOC = """\
Waits while another run of this template works; the run's note says which one, and what it does.

A run that only waits for a person is **superseded**: its question is closed without an answer (its waiting task is
skipped, nobody has approved or rejected), its candidate gets the tag `superseded_by`, and this run goes on. A question
that was asked while this run waited stays open for ten minutes first.
"""


class WaitForTurn(BaseOperator):
    """Succeeds when no other run of this DAG is ahead."""

    def __init__(self, **options: Any) -> None:
        super().__init__(task_id=TURN, task_display_name="Wait for turn", doc_md=DOC, **options)

    def execute(self, context: Any, event: str = "") -> None:
        """Supersede what only waits for a person, and wait for what works; called again when something has changed."""
        ti = context["ti"]
        run = DagRun(AirflowClient(SERVICE_ACCOUNT), ti.dag_id, ti.run_id)
        ahead = runs_ahead(run)
        done = []
        for other in ahead:
            self.log.info("ahead of this run: %s", other.describe())
            if other.is_stale() and (what := supersede(other, ti.run_id)):
                done.append(what)
                tag_candidate(other.run, ti.run_id)
        if done:
            run.set_note("; ".join(done).capitalize())
        if ahead:
            self.defer(trigger=TurnTrigger(ti.dag_id, ti.run_id), method_name="execute")


def tag_candidate(superseded: DagRun, run_id: str) -> None:
    """Say in MLflow that a candidate's approval was closed without a decision."""
    from pipelines.registry.supersede import tag_superseded

    registered = next((t for t in superseded.tasks() if t.task_id == "register" and t.state == "success"), None)
    if registered:
        tag_superseded(superseded.xcom("register"), run_id)
