"""Watches MLflow's aliases: the event that a champion does not answer yet."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from pipelines.core.settings import settings
from pipelines.core.templates import find_template_files
from pipelines.serving.deployment_pointer import deployed_version_number, is_being_deployed

PAUSE = 5  # seconds between two looks
GRACE = 30  # seconds that a promotion's own deployment is given to begin


class ChampionMoved(BaseEventTrigger):
    """Fires once for every version that is champion and has not come to answer by itself."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "weaver_plugins.champion_watcher.ChampionMoved", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        since: dict[tuple[str, int], float] = {}  # (template, version) → when it was first seen not to answer
        while True:
            try:
                behind = {moved: is_being_deployed(moved[0]) async for moved in self.behind()}
            except (httpx.HTTPError, OSError) as error:  # a server that restarts, a full disk: asked again
                self.log.warning("%s", error)
            else:
                now = time.monotonic()
                # While somebody deploys, the clock starts anew; what was told once stays so, also if that fails.
                since = {moved: max(since.get(moved, now), now if busy else 0) for moved, busy in behind.items()}
                for (name, version), first in since.items():
                    if now - GRACE > first:
                        since[name, version] = float("inf")  # told once
                        yield TriggerEvent({"template": name, "version": version})
            await asyncio.sleep(PAUSE)

    async def behind(self) -> AsyncIterator[tuple[str, int]]:
        """The champions that do not answer, of templates that something was deployed for."""
        here = settings()
        admin = None if here.tracking_uri else ("admin", here.secret("mlflow"))
        async with httpx.AsyncClient(base_url=here.mlflow_url, auth=admin, timeout=30) as mlflow:
            for name in find_template_files():
                asked = {"name": name, "alias": "champion"}
                found = await mlflow.get("/api/2.0/mlflow/registered-models/alias", params=asked)
                champion = int(found.json()["model_version"]["version"]) if found.is_success else 0
                if champion and champion != deployed_version_number(name):
                    yield name, champion
