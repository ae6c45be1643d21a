"""Evidently's UI as a view of Airflow's, for whoever is signed in there, to look and not to change anything."""

import asyncio
from typing import Any

from airflow.plugins_manager import AirflowPlugin
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

PREFIX = "/drift"
READ_BY_POST = "/data_series_batch"  # what a dashboard asks is too long for an address


class SignedIn:
    """Evidently's application behind Airflow's login: no file of it, no answer, without.

    It is made at the first request, for its libraries take seconds to import, and nothing else waits for them.
    """

    def __init__(self) -> None:
        self.evidently: Any = None
        self.making = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self.admit(Request(scope))
            if not self.evidently:
                async with self.making:
                    self.evidently = self.evidently or await asyncio.to_thread(make)
        except HTTPException as refusal:
            await JSONResponse({"detail": refusal.detail}, refusal.status_code)(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        await self.evidently(
            {**scope, "path": path, "raw_path": path.encode(), "root_path": "", "state": {}}, receive, send
        )

    async def admit(self, request: Request) -> None:
        """
        Raises:
            HTTPException: 401 without a login, 403 if it may see no views, 405 for what would change something.
        """
        from airflow.api_fastapi.app import get_auth_manager
        from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
        from airflow.api_fastapi.core_api.security import bearer_scheme, get_user

        user = await get_user(request, None, await bearer_scheme(request))
        if not get_auth_manager().is_authorized_view(access_view=AccessView.PLUGINS, user=user):
            raise HTTPException(403, "your role may not see this")
        if request.method not in {"GET", "HEAD"} and not request.url.path.endswith(READ_BY_POST):
            raise HTTPException(405, "what is shown here is changed by monitoring alone")


def make() -> Any:
    from pipelines.monitoring.drift.evidently_ui import application

    return application(PREFIX)


class Drift(AirflowPlugin):
    name = "neuroweaver_drift"
    fastapi_apps = [{"name": "Drift", "app": SignedIn(), "url_prefix": PREFIX}]
    external_views = [
        {"name": "Drift", "href": f"{PREFIX}/", "destination": "nav", "url_route": "drift", "nav_top_level": True}
    ]
