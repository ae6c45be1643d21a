"""Run in a process of its own: reads dags/, switches DAGs on, triggers each by hand, and lets Airflow's scheduler loop.

Prints `{dag_id: {run_id: [state of the run, tasks that the scheduler has sent to the executor]}}`. The first argument
is `{template: cron expression}`; the DAG of a template called `paused_…` was read before its last slot, and paused.
"""

import json
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
from airflow.executors.base_executor import BaseExecutor
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.sdk import DAG, CronTriggerTimetable, timezone
from airflow.sdk import task as task_of
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select

BUNDLE = "dags-folder"


class IdleExecutor(BaseExecutor):
    """Takes every task, and runs none."""

    def queue_workload(self, workload: Any, session: Any) -> None: ...


def read_dags(crons: dict[str, str]) -> list[str]:
    """What the DAG processor does with a file; and a DAG with Airflow's own timetable, to compare with."""
    bag = BundleDagBag(bundle_path=Path("dags").resolve(), bundle_name=BUNDLE)
    assert not bag.import_errors, bag.import_errors
    bag.dags = {f"retrain_{name}": bag.dags[f"retrain_{name}"] for name in crons}
    schedule = CronTriggerTimetable(crons["new_1"], timezone="UTC")
    with DAG("airflows_own", schedule=schedule, is_paused_upon_creation=True) as bag.dags["airflows_own"]:
        task_of(task_id="first")(lambda: None)()
    sync_bag_to_db(bag, BUNDLE, None)
    return list(bag.dags)


def main(crons: dict[str, str]) -> None:
    with create_session() as session:
        session.add(DagBundleModel(name=BUNDLE))
    read_dags(crons)
    with create_session() as session:
        for name in crons:
            if name.startswith("paused"):
                model = session.get_one(DagModel, f"retrain_{name}")
                model.next_dagrun = model.next_dagrun_create_after = model.next_dagrun_create_after - timedelta(days=1)
    dag_ids = read_dags(crons)  # again and again, every few seconds

    with create_session() as session:
        for dag_id in dag_ids:
            session.get_one(DagModel, dag_id).is_paused = False
            SerializedDagModel.get_dag(dag_id, session=session).create_dagrun(
                run_id="by_hand",
                run_after=timezone.utcnow(),
                run_type=DagRunType.MANUAL,
                triggered_by=DagRunTriggeredByType.REST_API,
                state=DagRunState.QUEUED,
                session=session,
            )

    with create_session() as session:
        job = Job()
        session.add(job)
        session.flush()
        scheduler = SchedulerJobRunner(job, executors=[IdleExecutor(parallelism=100)])
        for loop in range(100):  # a loop looks at ten DAGs, and at fewer on a busy machine
            scheduler._do_scheduling(session)
            session.commit()
            if loop > 6 and all(runs(dag_id, session)["by_hand"][1] for dag_id in dag_ids):
                break
            time.sleep(0.1)
        print(json.dumps({dag_id: runs(dag_id, session) for dag_id in dag_ids}))


def runs(dag_id: str, session: Any) -> dict[str, Any]:
    return {
        run.run_id: [
            run.state,
            [task.task_id for task in run.task_instances if task.state == TaskInstanceState.QUEUED],
        ]
        for run in session.scalars(select(DagRun).where(DagRun.dag_id == dag_id))
    }


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
