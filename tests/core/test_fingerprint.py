"""A result is found again only while the code that made it is the same."""

import shutil
from pathlib import Path

import pytest

from pipelines.core import fingerprint
from pipelines.core.fingerprint import PACKAGE, SourceCode
from pipelines.stages.table import STAGES, source_code

MEMOIZED = {
    "collect_feedback",
    "collect",
    "validate",
    "refine",
    "render_data_report",
    "judge_answers",
    "commit_preferences",
    "fine_tune",
    "train_dpo",
    "export",
    "rebuild_export",
    "evaluate",
    "collect_evidence",
}


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the product's code, which the fingerprints are taken of."""
    package = tmp_path / PACKAGE.name
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(fingerprint, "PACKAGE", package)
    return package


def fresh(name: str) -> SourceCode:
    code = source_code(name)
    return SourceCode(code.module, code.without)


def change(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\n")
    fingerprint.imports_of.cache_clear()
    fingerprint.files_beside.cache_clear()


def test_every_stage_that_keeps_its_result_names_its_code() -> None:
    with_code = {name for name, stage in STAGES.items() if "CODE" in vars(__import__(*path(stage.module)))}
    assert with_code == MEMOIZED


def path(module: str) -> tuple[str, None, None, list[str]]:
    return f"pipelines.{module}", None, None, ["CODE"]


@pytest.mark.parametrize("name", sorted(MEMOIZED))
def test_one_byte_of_its_module_changes_the_fingerprint(copy: Path, name: str) -> None:
    before = fresh(name).digest
    file = copy.joinpath(*STAGES[name].module.split(".")).with_suffix(".py")
    change(file if file.exists() else file.with_suffix("") / "__init__.py")
    assert fresh(name).digest != before


@pytest.mark.parametrize("name", sorted(MEMOIZED))
def test_an_unrelated_change_does_not(copy: Path, name: str) -> None:
    before = fresh(name).digest
    for unrelated in ("gateway/routing.py", "cli/main.py", "stack/supervision.py", "costs/meter.py"):
        change(copy / unrelated)
    assert fresh(name).digest == before


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("evaluate", "evaluation/metrics.py"),
        ("evaluate", "evaluation/paired_statistics.py"),  # imported inside a function
        ("evaluate", "text/facts.py"),  # of another package, two imports away
        ("refine", "datasets/refine/relevance.py"),  # imported by its name in a table
        ("refine", "text/privacy/patterns.py"),
        ("render_data_report", "datasets/refine/refine_report.html"),
        ("collect_evidence", "registry/model_card.md"),
        ("fine_tune", "training/sft_trainer.py"),
        ("train_dpo", "training/dpo_trainer.py"),
    ],
)
def test_so_does_what_its_module_uses(copy: Path, name: str, used: str) -> None:
    before = fresh(name).digest
    change(copy / used)
    assert fresh(name).digest != before


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("fine_tune", "training/estimate.py"),  # a better forecast is no reason to train for hours
        ("fine_tune", "training/mlflow_callback.py"),
        ("refine", "datasets/refine/refine_report.html"),
    ],
)
def test_what_changes_no_result_starts_nothing_again(copy: Path, name: str, used: str) -> None:
    before = fresh(name).digest
    change(copy / used)
    assert fresh(name).digest == before
