"""Waits, without a worker, until a run may work: its note says which run is ahead of it and what that one does."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from pipelines.clients.airflow import AirflowClient, DagRun
from pipelines.clients.run_queue import runs_ahead
from pipelines.core.errors import WeaverError
from pipelines.core.settings import SERVICE_ACCOUNT

POLL_SECONDS = 5


class TurnTrigger(BaseTrigger):
    """Fires when no run is ahead any more, or when one that is ahead may be superseded."""

    def __init__(self, dag_id: str, run_id: str) -> None:
        super().__init__()
        self.dag_id, self.run_id, self.note = dag_id, run_id, ""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "weaver_plugins.turn_trigger.TurnTrigger", {"dag_id": self.dag_id, "run_id": self.run_id}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        airflow: AirflowClient | None = None
        while True:
            try:
                airflow = airflow or await asyncio.to_thread(AirflowClient, SERVICE_ACCOUNT)
                if await asyncio.to_thread(self.may_go_on, DagRun(airflow, self.dag_id, self.run_id)):
                    yield TriggerEvent("")
                    return
            except (WeaverError, OSError) as error:  # a server that restarts
                self.log.warning("cannot see which runs are ahead: %s", error)
            await asyncio.sleep(POLL_SECONDS)

    def may_go_on(self, run: DagRun) -> bool:
        """One look at the queue; the run's note follows what is ahead of it."""
        ahead = runs_ahead(run)
        if not ahead or any(other.is_stale() for other in ahead):
            return True
        note = f"Waiting behind {'; '.join(other.describe() for other in ahead)}"
        if note != self.note and all(other.task for other in ahead):  # not for the second between two tasks
            run.set_note(note)
            self.note = note
        return False
