"""Watches MLflow's alias `champion`: the event that a champion was set and nobody has deployed it."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from pipelines.clients.mlflow import alias_version
from pipelines.core.errors import WeaverError
from pipelines.core.templates import find_template_files
from pipelines.serving.deployment_pointer import deployed_version_number, is_being_deployed

POLL_SECONDS = 5
GRACE_SECONDS = 30  # what a promotion's own deployment is given to begin

Champion = tuple[str, int]  # template, version


class UndeployedChampionTrigger(BaseEventTrigger):
    """Fires once for each version that is champion and has not been deployed by its promotion.

    A server that cannot be reached, or refuses the sign-in, is logged once and asked again: the trigger never ends.
    """

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Where Airflow finds this class; it takes no arguments."""
        return "weaver_plugins.champion_watcher.UndeployedChampionTrigger", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event {template, version} for each champion that stays undeployed for GRACE_SECONDS."""
        first_seen: dict[Champion, float] = {}
        last_error = ""
        while True:
            try:
                undeployed = await asyncio.to_thread(find_undeployed_champions)
            except (WeaverError, OSError) as error:  # a server that restarts, a full disk
                if str(error) != last_error:
                    self.log.warning("%s", error)
                last_error = str(error)
            else:
                last_error, now = "", time.monotonic()
                # While somebody deploys, the clock starts anew. A version that fired stays so, also if that fails.
                first_seen = {
                    champion: max(first_seen.get(champion, now), now if busy else 0)
                    for champion, busy in undeployed.items()
                }
                for champion, since in first_seen.items():
                    if now - GRACE_SECONDS > since:
                        first_seen[champion] = float("inf")  # fires once
                        yield TriggerEvent({"template": champion[0], "version": champion[1]})
            await asyncio.sleep(POLL_SECONDS)


def find_undeployed_champions() -> dict[Champion, bool]:
    """The champions that are not deployed, and whether a deployment of their template is going on.

    Sends one request per template.

    Raises:
        WeaverError: MLflow refused the sign-in; Unavailable if it does not answer.
    """
    champions = {template: alias_version(template, "champion") for template in find_template_files()}
    return {
        (template, version): is_being_deployed(template)
        for template, version in champions.items()
        if version and version != deployed_version_number(template)
    }
