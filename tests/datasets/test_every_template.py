"""Every template's own data goes through every step to a version, and no row is dropped."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.core.artifacts import CollectedFeedback
from pipelines.core.make_plan import make_plan
from pipelines.core.templates import find_template_files
from pipelines.stages.run import run_stage

CHAIN = ("collect", "validate", "refine", "commit_dataset", "render_data_report")


@pytest.mark.parametrize("name", list(find_template_files()))
def test_a_templates_rows_become_a_version(name: str, home: Path) -> None:
    plan, artifacts = make_plan(name), dict[str, Any](collect_feedback=CollectedFeedback())
    for stage in CHAIN:
        artifacts[stage] = run_stage(stage, plan, artifacts)
    assert artifacts["refine"].dropped == {}
    assert sum(artifacts["commit_dataset"].rows.values()) == artifacts["collect"].rows >= 500
    assert artifacts["commit_dataset"].tag == f"{name}@v1"
    pages = Path(artifacts["render_data_report"].uri)
    assert (pages / "report.html").exists()
    assert (pages / "contract" / "index.html").exists()
