"""Evidently's workspace: one project a template, one run a window, for people to look at what moved and since when.

Its files are written here, by a temporary name and renamed last: Evidently's own writer leaves half a file when it is
killed, which the view then stumbles over.
"""

import json
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.files import file_lock, write_text
from pipelines.core.settings import settings

if TYPE_CHECKING:
    from evidently.core.report import Snapshot

KEPT = 120  # runs a template: the view holds all of them in memory


def folder() -> Path:
    return settings().home / "evidently"


def keep(template: str, run: "Snapshot", window: str) -> Path:
    """Add the report of a window to its template's project; the same window again takes the place of its first report.

    Returns:
        The run's file. The oldest beyond KEPT are removed.
    """
    with file_lock(folder().with_suffix(".lock"), "keeping a drift report"):
        project = open_project(template)
        runs = folder() / str(project) / "snapshots"
        file = runs / f"{uuid.uuid5(project, window)}.json"
        run.set_name(window)
        write(file, run.to_snapshot_model())
        by_age = sorted(runs.glob("*.json"), key=lambda file: file.stat().st_mtime)
        for old in by_age[:-KEPT]:
            old.unlink()
    return file


def open_project(template: str) -> uuid.UUID:
    """The template's project, with its dashboard; its id follows from the name, so that there is one."""
    from evidently.sdk.models import ProjectModel

    project = uuid.uuid5(uuid.NAMESPACE_URL, f"neuroweaver/{template}")
    home = folder() / str(project)
    if not (home / "metadata.json").exists():
        write(home / "dashboard.json", dashboard())
        whole = home / "whole.json"
        write(whole, ProjectModel(id=project, name=template))
        os.link(whole, home / "metadata.json")  # a running view takes it in when created only
        whole.unlink()
    return project


def dashboard() -> Any:
    """What people see first: how far each column was from what is normal, window by window."""
    from evidently.sdk.models import DashboardModel, DashboardTabModel, PanelMetric
    from evidently.sdk.panels import line_plot_panel

    panels = [line_plot_panel("Drift score by column", [PanelMetric(metric="ValueDrift", legend="{{column}}")])]
    return DashboardModel(panels=panels, tabs=[DashboardTabModel(title="Drift", panels=[one.id for one in panels])])


def write(file: Path, model: Any) -> None:
    from evidently.legacy.utils import NumpyEncoder

    write_text(file, json.dumps(model.dict(), cls=NumpyEncoder))
    os.truncate(file, file.stat().st_size)  # a running view notices a file that is written to, not one that is renamed
