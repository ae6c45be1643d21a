"""The pages of drift reports: kept as HTML files, listed and read by id, for Airflow's menu and for MLflow.

Each window has two: `signals` is ours, with every signal and the last windows; `distributions` is Evidently's, rendered
by Evidently itself. They lie in WEAVER_HOME/monitoring/<template>/reports/<window>/.
"""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pipelines.core.artifacts import Artifact
from pipelines.core.errors import WeaverError
from pipelines.core.files import memoize_dir
from pipelines.core.settings import settings
from pipelines.core.templates import find_template_files, load_template
from pipelines.monitoring.drift.drift_history import history_folder

PREFIX = "/drift"  # the path of the pages on Airflow's web server
PAGES = ("signals", "distributions")
Page = Literal["signals", "distributions"]
MAX_REPORTS = 30  # per template; a page of Evidently has 4 MB


class ReportSummary(Artifact):
    """What the list shows of a report. Times are ISO 8601, UTC."""

    id: str
    template: str
    version: int
    since: str
    until: str
    rows: int
    violated: list[str]
    firing: list[str]


def write_report(summary: ReportSummary, write_pages: Callable[[Path], None]) -> Path:
    """Keep the pages of a window; the same window again changes nothing. The oldest beyond MAX_REPORTS are removed.

    Args:
        write_pages: writes signals.html and distributions.html into the folder that it is given.

    Returns:
        The folder with the pages.
    """

    def build(folder: Path) -> None:
        write_pages(folder)
        summary.save(folder / "summary.json")

    folder = memoize_dir(report_folder(summary), build)
    for old in read_summaries(summary.template)[MAX_REPORTS:]:
        shutil.rmtree(report_folder(old), ignore_errors=True)
    return folder


def report_folder(summary: ReportSummary) -> Path:
    """The folder of a report's pages."""
    return history_folder(summary.template) / "reports" / summary.id.removeprefix(f"{summary.template}.")


def report_id(template: str, version: int, since: float, until: float) -> str:
    """The id of a window's report: no more than letters, digits, `_`, `-` and one dot, so that a URL can hold it."""
    return f"{template}.v{version}-{since:.0f}-{until:.0f}"


def read_summaries(template: str = "") -> list[ReportSummary]:
    """The kept reports of a template, or of all; newest first."""
    files = history_folder(template or "*").parent.glob(f"{template or '*'}/reports/[!.]*/summary.json")
    summaries = [ReportSummary.load(file, "Delete it.") for file in files]
    return sorted(summaries, key=lambda summary: (summary.until, summary.id), reverse=True)


def read_page(report: str, page: Page) -> str:
    """A page of a report.

    Args:
        report: an id as `read_summaries` lists it; it is looked up there and never used as a path.

    Raises:
        WeaverError: no such report is kept.
    """
    for summary in read_summaries():
        if summary.id == report:
            return (report_folder(summary) / f"{page}.html").read_text(encoding="utf-8")
    raise WeaverError(
        "there is no such drift report", f"Open {settings().airflow_url}{PREFIX}/; the newest {MAX_REPORTS} are kept."
    )


def report_url(report: str) -> str:
    """Where a report is shown in Airflow; empty without one."""
    return f"{settings().airflow_url}{PREFIX}/reports/{report}/signals" if report else ""


def render_report_list() -> str:
    """The page that lists all reports; for each template without one, it says when the first will be there."""
    from pipelines.text import html_page

    summaries, templates = read_summaries(), []
    for name in find_template_files():
        with suppress(WeaverError):  # a template that is not valid: its own DAG says so
            templates.append(load_template(name))
    with_report = {summary.template for summary in summaries}
    return html_page.render_page(
        Path(__file__).with_name("drift_list.html"),
        summaries=summaries,
        titles={template.name: template.title for template in templates},
        without_report=[template for template in templates if template.name not in with_report],
        prefix=PREFIX,
    )
