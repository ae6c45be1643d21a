"""The deadline of a run: counted from when it was queued.

Not Airflow's own `DeadlineReference.DAGRUN_QUEUED_AT`: Airflow 3.3.2 recalculates those when a task is cleared
and fails in it (a timedelta where it expects seconds), so that no task of such a DAG can be cleared or marked.
"""

from datetime import datetime
from typing import Any

from airflow.sdk.definitions.deadline import BaseDeadlineReference, DeadlineReference, deadline_reference


@deadline_reference(DeadlineReference.TYPES.DAGRUN_QUEUED)
class RunQueuedAt(BaseDeadlineReference):
    """When a run was queued first; clearing its tasks does not postpone its deadline."""

    required_kwargs = {"dag_id", "run_id"}

    def _evaluate_with(self, *, session: Any, dag_id: str, run_id: str) -> datetime | None:
        from airflow.models import DagRun
        from sqlalchemy import select

        queued: datetime | None = session.scalar(
            select(DagRun.queued_at).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        )
        return queued
