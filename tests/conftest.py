"""What the tests of every room share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.settings import settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A WEAVER_HOME of the test's own, in this process and in those it starts."""
    monkeypatch.setenv("WEAVER_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    yield settings().home
    settings.cache_clear()
