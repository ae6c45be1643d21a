"""Drift reports in Airflow's menu, for whoever is signed in there; nothing can be changed through them."""

from airflow.plugins_manager import AirflowPlugin
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse

from pipelines.core.errors import WeaverError
from pipelines.monitoring.drift import drift_pages

# Reports are self-contained: their scripts draw, and can call nothing, neither Airflow's API nor another server.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; connect-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


async def require_login(request: Request) -> None:
    """Let a signed-in user with access to Airflow's plugins pass.

    Raises:
        HTTPException: 401 without a valid login, 403 if the user's role may not see plugins.
    """
    # Imported here: Airflow imports plugins also where no web server runs, and these take a second.
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
    from airflow.api_fastapi.core_api.security import bearer_scheme, get_user

    user = await get_user(request, None, await bearer_scheme(request))
    if not get_auth_manager().is_authorized_view(access_view=AccessView.PLUGINS, user=user):
        raise HTTPException(403, "your role may not see drift reports")


app = FastAPI(dependencies=[Depends(require_login)], docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/", response_class=HTMLResponse)
def show_reports() -> HTMLResponse:
    """The list of all drift reports."""
    return HTMLResponse(drift_pages.render_report_list(), headers=HEADERS)


@app.get("/reports/{report}/{page}", response_class=HTMLResponse)
def show_report(report: str, page: drift_pages.Page) -> HTMLResponse:
    """A page of one report."""
    try:
        return HTMLResponse(drift_pages.read_page(report, page), headers=HEADERS)
    except WeaverError as error:
        raise HTTPException(404, str(error)) from error


class DriftPlugin(AirflowPlugin):
    """The menu entry Drift."""

    name = "neuroweaver_drift"
    fastapi_apps = [{"name": "Drift", "app": app, "url_prefix": drift_pages.PREFIX}]
    external_views = [
        {
            "name": "Drift",
            "href": f"{drift_pages.PREFIX}/",
            "destination": "nav",
            "url_route": "drift",
            "nav_top_level": True,
        }
    ]
