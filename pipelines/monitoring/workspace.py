"""Evidently's workspace: one project a template, one run a window, for people to look at what moved and since when."""

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.files import only_one, write_text
from pipelines.settings import settings

if TYPE_CHECKING:
    from evidently.core.report import Snapshot

KEPT = 120  # runs a template: the view holds all of them in memory


def folder() -> Path:
    return settings().home / "monitoring" / "workspace"


def keep(template: str, run: "Snapshot", window: str) -> Path:
    """Add the report of a window to its template's project; the same window again takes the place of its first report.

    Returns:
        The run's file. The oldest beyond KEPT are removed.
    """
    from evidently.ui.workspace import Workspace

    with only_one(folder().with_suffix(".lock"), "keeping a drift report"):
        project = open_project(Workspace.create(str(folder())), template)
        run.set_name(window)
        runs = folder() / str(project) / "snapshots"
        file = runs / f"{uuid.uuid5(project, window)}.json"
        write_text(file, whole_json(run))
        by_age = sorted(runs.glob("*.json"), key=lambda file: file.stat().st_mtime)
        for old in by_age[:-KEPT]:
            old.unlink()
    return file


def open_project(workspace: Any, template: str) -> uuid.UUID:
    """The template's project; its id follows from the name, so that it is made once, whoever comes first."""
    from evidently.sdk.models import ProjectModel

    project = uuid.uuid5(uuid.NAMESPACE_URL, f"neuroweaver/{template}")
    if workspace.get_project(project) is None:
        workspace.add_project(ProjectModel(id=project, name=template))
    return project


def whole_json(run: "Snapshot") -> str:
    """A run as the workspace writes it; by name and renamed last, where the workspace's own writer would not."""
    import json

    from evidently.legacy.utils import NumpyEncoder

    return json.dumps(run.to_snapshot_model().dict(), cls=NumpyEncoder)
