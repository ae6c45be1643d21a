"""`weaver run`: one retraining, driven through the real scheduler and watched from the terminal."""

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from pipelines.cli.console import AsJson, Overrides, Template, out, overrides, reserve_stdout
from pipelines.cli.run_result import print_result
from pipelines.cli.run_watch import watch_run
from pipelines.clients.airflow import AirflowClient, DagRun
from pipelines.clients.run_queue import superseded_by
from pipelines.core.errors import WeaverError
from pipelines.core.files import file_lock
from pipelines.core.make_plan import make_plan
from pipelines.core.settings import settings
from pipelines.core.templates import load_template
from pipelines.knowledge.index_verdict import looks_things_up
from pipelines.stack import control
from pipelines.stack.wait_display import WaitDisplay
from pipelines.text.terminal import styled

app = typer.Typer()

Approve = Annotated[
    bool, typer.Option("--approve", help="Approve without asking; the record says that a script approved.")
]
Experiment = Annotated[
    bool, typer.Option("--experiment", help="Let --set change safeguards, such as gate.*; never promoted.")
]
READ_SECONDS = 120  # in which the DAG processor has read a template's DAG, after the very first start


@app.command()
def run(
    template: Template,
    set_: Overrides = None,
    approve: Approve = False,
    experiment: Experiment = False,
    as_json: AsJson = False,
) -> None:
    """Run the loop of a template: from its data to the deployed model; or follow the run that is not over yet.

    With --set, a new run is started: it waits while another one works, and supersedes one that only waits for a person.
    """
    if as_json:
        reserve_stdout()
    changes = overrides(set_)
    if approve and load_template(template).approval.four_eyes:
        raise WeaverError(
            f"{template} has approval.four_eyes: whoever starts a run may not approve it, and --approve does both",
            "Start the run without --approve, and let a reviewer answer in Airflow under Required Actions.",
        )
    flat = make_plan(template, changes, experiment).flat()  # a typing mistake is an error now, not later in a task
    control.up()
    airflow, dag_id = AirflowClient(), f"retrain_{template}"
    switch_on(airflow, dag_id, only_ahead=True)
    switch_on(airflow, f"monitor_{template}")
    if looks_things_up(load_template(template)):
        switch_on(airflow, f"reindex_{template}")
    changed = [*changes, "experiment"] if experiment else changes
    retraining = start_or_follow(airflow, dag_id, {key: flat[key] for key in changed})
    while True:
        out.print(
            styled(f"watch it in Airflow: {retraining.url}  ", ("(sign in: weaver logins)", "dim")), soft_wrap=True
        )
        try:
            tasks = watch_run(retraining, template, approve)
        except KeyboardInterrupt:
            out.print(f"\nThe run goes on in Airflow; `weaver run {template}` follows it again.")
            raise
        newer = superseded_by(tasks)
        if not newer:
            break
        out.print(f"{retraining.run_id} was superseded by {newer}; following that one")
        retraining = DagRun(airflow, dag_id, newer)
    print_result(retraining, template, tasks, as_json)


def switch_on(airflow: AirflowClient, dag_id: str, only_ahead: bool = False) -> None:
    """Switch a DAG's schedule on, once the DAG processor has read its file.

    Args:
        only_ahead: wait until its next slot lies ahead: one that lies behind would be run at once, in front of the run
            that is about to be triggered. Where slots come faster than the DAG processor reads, it is switched on all
            the same: the run in front is followed.

    Raises:
        WeaverError: Airflow does not know the DAG, even after a while.
    """
    end = time.monotonic() + READ_SECONDS
    with WaitDisplay(f"waiting for Airflow to read the DAG {dag_id}"):
        while True:
            try:
                dag = airflow.dag(dag_id)
            except WeaverError:
                if time.monotonic() > end:
                    raise
            else:
                if not dag.is_paused:
                    return
                next_slot = dag.next_dagrun_run_after
                is_behind = next_slot is not None and next_slot <= datetime.now(UTC)
                if not (only_ahead and is_behind) or time.monotonic() > end:
                    airflow.unpause(dag_id)
                    return
            time.sleep(1)


def start_or_follow(airflow: AirflowClient, dag_id: str, conf: dict[str, Any]) -> DagRun:
    """A new run; or, where nothing is changed by `conf`, the newest one that is not over yet."""
    lock = settings().home / "locks" / f"{dag_id}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with file_lock(lock, f"starting a run of {dag_id}"):  # two terminals at once start one run
        runs = airflow.active_runs(dag_id)
        if runs and not conf:
            details = runs[-1].details()
            starter = details.triggering_user_name or details.run_type.value
            out.print(f"following {runs[-1].run_id} (started by: {starter}), which is not over yet")
            return runs[-1]
        return airflow.trigger(dag_id, conf)
