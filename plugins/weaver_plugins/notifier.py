"""Raises an alert, with a link to the run, for what Airflow calls back about."""

import asyncio
from typing import Any, Literal
from urllib.parse import quote

from airflow.sdk.bases.notifier import BaseNotifier

from pipelines.alerts import alert
from pipelines.clients.airflow import run_url
from pipelines.core.templates import find_template_files

Event = Literal["failed", "ended", "late"]


class WeaverNotifier(BaseNotifier):
    """Raises that a task failed for good, that a run ended well (for the digest), or that it misses its deadline.

    It has no template fields: rendering them would change the notifier, which all tasks of a DAG share.
    """

    def __init__(self, event: Event = "failed", context: Any = None) -> None:
        super().__init__(context=context)
        self.event = event

    def notify(self, context: Any) -> None:
        alert(**self.alert_fields(context))

    async def async_notify(self, context: Any) -> None:
        await asyncio.to_thread(self.notify, context)

    def alert_fields(self, context: Any) -> dict[str, Any]:
        """The arguments of `alert`."""
        if self.event == "late":  # called by the triggerer, which knows the run as the REST API shows it
            dag_id, run_id = context["dag_run"]["dag_id"], context["dag_run"]["dag_run_id"]
            due = str(context["deadline"]["deadline_time"])[:16].replace("T", " ")
            text = f"{dag_id} is not over yet and was due at {due} UTC: a task is slow, or waits for a person"
            return self.run_fields(dag_id, run_id, key=f"{dag_id}.late", text=text)
        dag_id, run_id = context["dag"].dag_id, context["run_id"]
        if self.event == "ended":
            return self.run_fields(dag_id, run_id, key=f"{dag_id}.ended", text=f"{dag_id} ended well", severity="info")
        task_id = context["ti"].task_id
        why = context.get("exception") or "its process ended"
        fields = self.run_fields(dag_id, run_id, text=f"{dag_id}: {task_id} failed: {why}")
        # The key is the stage's: it may have raised the alert itself (deploy does), or have failed in another DAG.
        fields["key"] = f"{fields['template'] or dag_id}.{task_id}"
        return fields | {"link": f"{fields['link']}/tasks/{quote(task_id)}"}

    def run_fields(self, dag_id: str, run_id: str, **fields: Any) -> dict[str, Any]:
        """Template and link of a run, and what else the alert says."""
        template = dag_id.partition("_")[2]
        own = template if template in find_template_files() else ""
        return {"template": own, "link": run_url(dag_id, run_id)} | fields
