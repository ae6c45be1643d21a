"""The environment is read once, and what cannot be is told."""

from pathlib import Path

import pytest

from pipelines.core.errors import WeaverError
from pipelines.core.settings import REPOSITORY, settings


@pytest.mark.parametrize("port", ["eighty", "0", "70000"])
def test_a_port_that_cannot_be_is_named(home: Path, monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("WEAVER_MLFLOW_PORT", port)
    settings.cache_clear()
    with pytest.raises(WeaverError, match=f"WEAVER_MLFLOW_PORT={port}"):
        settings()


def test_an_empty_variable_is_one_that_is_not_set(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEAVER_HOME", "")
    monkeypatch.setenv("WEAVER_MLFLOW_PORT", "")
    settings.cache_clear()
    assert settings().home == REPOSITORY / ".weaver"
    assert settings().mlflow_url == "http://127.0.0.1:5000"
