"""`weaver doctor` checks the real machine."""

from pathlib import Path

import pytest

from pipelines.core.settings import settings
from pipelines.stack import doctor


def test_every_check_has_a_result_and_every_problem_a_remedy(home: Path) -> None:
    findings = doctor.run_checks()
    assert [finding.what for finding in findings][:4] == ["python", "git", "cores", "memory"]
    assert all(finding.result for finding in findings)
    assert all(finding.remedy for finding in findings if finding.verdict != "ok")


def test_the_environment_matches_the_lock_file() -> None:
    assert doctor.check_lock().verdict == "ok", doctor.check_lock().result
    assert doctor.check_versions().verdict == "ok"


def test_a_version_that_differs_from_the_lock_file_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    original = doctor.installed_version
    monkeypatch.setattr(doctor, "installed_version", lambda name: "0.1" if name == "mlflow" else original(name))
    assert doctor.check_lock().verdict == "fail"
    assert "mlflow 0.1 instead of" in doctor.check_lock().result


def test_an_unwritable_home_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("WEAVER_HOME", str(tmp_path / "file" / "home"))
    settings.cache_clear()
    assert doctor.check_home().verdict == "fail"
    settings.cache_clear()


@pytest.mark.parametrize(("free", "verdict"), [(12e9, "ok"), (5e9, "warn"), (1e9, "fail")])
def test_little_memory_is_a_warning_and_too_little_fails(
    free: float, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = doctor.psutil.virtual_memory()
    monkeypatch.setattr(doctor.psutil, "virtual_memory", lambda: real._replace(available=free))
    assert doctor.check_memory().verdict == verdict
