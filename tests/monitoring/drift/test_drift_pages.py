"""Drift reports in Airflow's menu: kept as pages, listed, and shown to nobody without a login."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from pipelines.core.errors import WeaverError
from pipelines.core.settings import REPOSITORY, settings
from pipelines.monitoring.drift import drift_pages
from pipelines.monitoring.drift.drift_pages import ReportSummary, read_page, read_summaries, report_id, write_report

PATHS = ("/", "/reports/service_advisor.v1-0-3600/signals", "/reports/service_advisor.v1-0-3600/distributions")
SECRET = "what only a signed-in user may read"


def keep(template: str = "service_advisor", day: int = 1, text: str = SECRET) -> ReportSummary:
    """A kept report with two pages of this text."""
    summary = ReportSummary(
        id=report_id(template, 3, day * 86_400, (day + 1) * 86_400), template=template, version=3, rows=1_234,
        since=f"2026-03-{day:02}T00:00:00+00:00", until=f"2026-03-{day + 1:02}T00:00:00+00:00",
        violated=["topics"], firing=["topics"],
    )  # fmt: skip

    def write_pages(folder: Path) -> None:
        for page in drift_pages.PAGES:
            (folder / f"{page}.html").write_text(f"{page}: {text}")

    write_report(summary, write_pages)
    return summary


def test_a_window_is_kept_once_and_the_oldest_go(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift_pages, "MAX_REPORTS", 2)
    first = keep(day=1)
    keep(day=1, text="again")
    assert read_page(first.id, "signals") == f"signals: {SECRET}"
    keep("sales_assistant", day=1)
    second, third = keep(day=2), keep(day=3)
    assert [row.id for row in read_summaries("service_advisor")] == [third.id, second.id]
    assert len(read_summaries()) == 3
    assert not drift_pages.report_folder(first).exists() and drift_pages.report_folder(second).exists()
    with pytest.raises(WeaverError, match="there is no such drift report"):
        read_page(first.id, "signals")


@pytest.fixture
def plugin(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(REPOSITORY / "plugins"))
    import drift

    yield drift
    drift.app.dependency_overrides.clear()
    sys.modules.pop("drift")


@pytest.fixture
def reader(plugin: Any) -> TestClient:
    """A signed-in user: what Airflow checks is another test's."""
    plugin.app.dependency_overrides[plugin.require_login] = lambda: None
    return TestClient(Starlette(routes=[Mount("/drift", plugin.app)]))


@pytest.mark.parametrize("path", PATHS)
def test_without_a_login_there_is_nothing_and_nothing_can_be_changed(path: str, plugin: Any) -> None:
    keep()
    client = TestClient(Starlette(routes=[Mount("/drift", plugin.app)]))
    for cookies in ({}, {"Cookie": "_token="}):
        response = client.get(f"/drift{path}", headers=cookies)
        assert response.status_code == 401 and "Service Advisor" not in response.text
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert client.request(method, f"/drift{path}").status_code == 405
    assert client.get("/drift/openapi.json").status_code == client.get("/drift/docs").status_code == 404


def test_before_there_is_a_report_the_list_says_when_the_first_will_be_there(reader: TestClient) -> None:
    page = reader.get("/drift/").text
    assert "There are no reports yet" in page and "weaver drift TEMPLATE --now" in page
    assert "Service Advisor" in page and "24-hour window with at least 200 requests" in page
    assert "The check runs every hour" in page


def test_the_list_leads_to_each_report_which_can_call_nothing(reader: TestClient) -> None:
    summary = keep()
    page = reader.get("/drift/")
    assert "There are no reports yet" not in page.text and "1,234" in page.text and "2026-03-01 00:00" in page.text
    for name in drift_pages.PAGES:
        address = f"/drift/reports/{summary.id}/{name}"
        assert f'href="{address}"' in page.text
        response = reader.get(address)
        assert response.text == f"{name}: {SECRET}"
        policy = response.headers["content-security-policy"]
        assert "connect-src 'none'" in policy and "default-src 'none'" in policy
    assert drift_pages.report_url(summary.id) == f"{settings().airflow_url}/drift/reports/{summary.id}/signals"


@pytest.mark.parametrize(
    "path",
    [
        "../../../secrets/airflow/signals",
        "..%2f..%2f..%2fsecrets%2fairflow/signals",
        "service_advisor.v3-86400-172800%2f..%2f..%2f..%2f..%2fsecrets/signals",
        "service_advisor.v3-86400-172800/..%2fsummary.json",
        "service_advisor.v3-86400-172800/summary",
        "service_advisor.v3-86400-1728001/signals",
        "./signals",
    ],
)
def test_only_listed_reports_are_read(path: str, reader: TestClient, home: Path) -> None:
    keep()
    settings().secrets.mkdir()
    for name in ("airflow", "signals.html"):
        (settings().secrets / name).write_text("a password")
    response = reader.get(f"/drift/reports/{path}")
    assert response.status_code in (404, 422) and "a password" not in response.text and SECRET not in response.text


def test_a_template_that_is_not_valid_does_not_take_the_list_away(reader: TestClient) -> None:
    settings().templates.mkdir()
    (settings().templates / "broken.yaml").write_text("name: [")
    assert reader.get("/drift/").status_code == 200
