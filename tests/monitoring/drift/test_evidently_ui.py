"""Evidently's UI as a view of Airflow's: it shows what is kept, below a prefix, and to nobody without a login."""

import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from pipelines.core.errors import WeaverError
from pipelines.core.files import write_text
from pipelines.core.settings import REPOSITORY, settings
from pipelines.monitoring.drift import evidently_ui, evidently_workspace

PATHS = ("/", "/index.html", "/static/css/index-uUDKGmkJ.css", "/api/projects", "/projects/x/reports", "/favicon.ico")


def report(shift: float) -> Any:
    import numpy as np
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    numbers, definition = np.random.default_rng(0), DataDefinition(numerical_columns=["length"])
    frames = [pd.DataFrame({"length": numbers.normal(by, 1, 100)}) for by in (shift, 0)]
    return Report([ValueDrift(column="length")]).run(*(Dataset.from_pandas(frame, definition) for frame in frames))


def test_a_window_is_kept_once_and_the_oldest_go(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from evidently.ui.workspace import Workspace

    monkeypatch.setattr(evidently_workspace, "KEPT", 2)
    first = evidently_workspace.keep("service_advisor", report(0), "2026-03-01")
    assert evidently_workspace.keep("service_advisor", report(5), "2026-03-01") == first
    for day in ("2026-03-02", "2026-03-03"):
        evidently_workspace.keep("service_advisor", report(0), day)
    evidently_workspace.keep("sales_assistant", report(0), "2026-03-01")
    kept = Workspace(str(evidently_workspace.folder()))
    projects = {project.name: project for project in kept.list_projects()}
    assert set(projects) == {"service_advisor", "sales_assistant"}
    runs = [kept.get_run(projects["service_advisor"].id, run) for run in kept.list_runs(projects["service_advisor"].id)]
    assert sorted(run.name for run in runs) == ["2026-03-02", "2026-03-03"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Litestar, about Evidently
def test_everything_is_asked_for_below_the_prefix(home: Path) -> None:
    evidently_workspace.keep("service_advisor", report(5), "2026-03-01")
    client = TestClient(evidently_ui.application("/drift"))
    page = client.get("/").text
    addresses = [part.split('"')[0] for part in page.split('="')[1:] if part.startswith("/")]
    assert addresses and all(address.startswith("/drift/") for address in addresses)
    for address in addresses:
        assert client.get(address.removeprefix("/drift")).status_code == 200
    script = client.get(next(a for a in addresses if a.endswith(".js")).removeprefix("/drift")).text
    assert 'basename:"/drift"' in script and 'baseUrl:"/drift/"' in script
    (project,) = client.get("/api/projects").json()
    assert project["name"] == "service_advisor"
    (run,) = client.get(f"/api/projects/{project['id']}/reports").json()
    assert client.get(f"/api/projects/{project['id']}/{run['id']}/data").json()["widgets"]

    evidently_workspace.keep("service_advisor", report(5), "2026-03-02")  # while it is looked at
    evidently_workspace.keep("sales_assistant", report(0), "2026-03-02")
    evidently_workspace.keep("service_advisor", report(5), "2026-03-03")
    end = time.monotonic() + 30
    while (shown := runs_shown(client)) != {"service_advisor": 3, "sales_assistant": 1}:
        assert time.monotonic() < end, f"new runs are not shown: {shown}"
        time.sleep(0.2)


def runs_shown(client: TestClient) -> dict[str, int]:
    projects = client.get("/api/projects").json()
    return {one["name"]: len(client.get(f"/api/projects/{one['id']}/reports").json()) for one in projects}


def test_another_evidently_is_told(tmp_path: Path) -> None:
    write_text(tmp_path / "index.js", "createRouter()")
    with pytest.raises(WeaverError, match=r"index.js of Evidently has no 'basename:void 0,'"):
        evidently_ui.move(tmp_path / "index.js", {"basename:void 0,": ""})


@pytest.mark.parametrize("path", PATHS)
def test_without_a_login_there_is_nothing(path: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY / "plugins"))
    from drift import SignedIn

    door = SignedIn()
    client = TestClient(Starlette(routes=[Mount("/drift", door)]))
    assert client.get(f"/drift{path}").status_code == 401
    assert client.post(f"/drift{path}", headers={"Cookie": "_token="}).status_code == 401
    assert door.evidently is None
    sys.modules.pop("drift")


@pytest.mark.slow
def test_in_airflow_it_is_open_to_whoever_is_signed_in(stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as here:
        here.setenv("WEAVER_HOME", str(stack.home))
        settings.cache_clear()
        evidently_workspace.keep("service_advisor", report(5), "2026-03-01")
    settings.cache_clear()
    for path in PATHS:
        assert httpx.get(f"{stack.airflow_url}/drift{path}").status_code == 401
        forged = httpx.get(f"{stack.airflow_url}/drift{path}", cookies={"_token": "eyJhbGciOiJub25lIn0.e30."})
        assert forged.status_code in (401, 403)
    airflow = stack.airflow("reviewer", "airflow_reviewer")
    token = airflow.headers["Authorization"].removeprefix("Bearer ")
    with httpx.Client(base_url=f"{stack.airflow_url}/drift", cookies={"_token": token}, timeout=120) as browser:
        assert '<div id="root">' in browser.get("/").text
        (project,) = browser.get("/api/projects").json()
        assert project["name"] == "service_advisor"
        assert browser.delete(f"/api/projects/{project['id']}").status_code == 405
        assert browser.get("/static/css/index-uUDKGmkJ.css").status_code == 200
