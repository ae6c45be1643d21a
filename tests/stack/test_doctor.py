"""`weaver doctor` reads the machine as it is."""

from pathlib import Path

import pytest

from pipelines.core.settings import settings
from pipelines.stack import doctor


def test_every_finding_has_a_figure_and_every_fault_a_remedy(home: Path) -> None:
    findings = doctor.examine()
    assert [finding.what for finding in findings][:4] == ["python", "git", "cores", "memory"]
    assert all(finding.found for finding in findings)
    assert all(finding.remedy for finding in findings if finding.verdict != "ok")


def test_the_environment_is_as_locked() -> None:
    assert doctor.lock().verdict == "ok", doctor.lock().found
    assert doctor.versions().verdict == "ok"


def test_another_version_than_the_locked_one_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    right = doctor.installed
    monkeypatch.setattr(doctor, "installed", lambda name: "0.1" if name == "mlflow" else right(name))
    assert doctor.lock().verdict == "fail"
    assert "mlflow 0.1 instead of" in doctor.lock().found


def test_a_home_that_cannot_be_written_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("WEAVER_HOME", str(tmp_path / "file" / "home"))
    settings.cache_clear()
    assert doctor.home().verdict == "fail"
    settings.cache_clear()


@pytest.mark.parametrize(("free", "verdict"), [(12e9, "ok"), (5e9, "warn"), (1e9, "fail")])
def test_little_memory_is_a_warning_and_too_little_a_fault(
    free: float, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = doctor.psutil.virtual_memory()
    monkeypatch.setattr(doctor.psutil, "virtual_memory", lambda: real._replace(available=free))
    assert doctor.memory().verdict == verdict
