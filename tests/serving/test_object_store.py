"""The model store on a real S3 that is slow, that is killed, or whose reader is."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pipelines.core import signing
from pipelines.core.errors import Unavailable
from pipelines.core.files import digest
from pipelines.core.settings import settings
from pipelines.serving.model_store import local, publish, pull

N = "service_advisor"
PULL = "import sys; from pipelines.serving.model_store import pull; print(pull(sys.argv[1], 1))"


def model(folder: Path, size: int) -> Path:
    """A signed folder of two files of so many bytes."""
    folder.mkdir()
    for name in ("a.gguf", "b.gguf"):
        (folder / name).write_bytes(os.urandom(size))
    signing.sign(folder)
    return folder


def test_the_way_back_needs_no_object_store(s3: Any, tmp_path: Path, home: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("WEAVER_MODEL_REPOSITORY", f"s3://{s3.bucket()}")
    settings.cache_clear()
    source = model(tmp_path / "export", 1000)
    publish(source, N, 1)
    folder = pull(N, 1)
    s3.kill()
    assert pull(N, 1, digest(source)) == folder
    with pytest.raises(Unavailable, match="Check that the object store runs"):
        pull(N, 2)


@pytest.fixture
def large(s3: Any, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of two large files, published to S3."""
    monkeypatch.setenv("WEAVER_MODEL_REPOSITORY", f"s3://{s3.bucket()}/models")
    settings.cache_clear()
    source = model(tmp_path / "export", 40_000_000)
    publish(source, N, 1)
    return source


def coming(source: Path) -> Path:
    """Where the pull that a test has started gathers its files, once the second is on its way."""
    folder = local(N) / f".v1-{digest(source)[:12]}"
    end = time.monotonic() + 60
    while not list(folder.glob("b.gguf.*")):  # what boto3 writes to until it is whole
        assert time.monotonic() < end
        time.sleep(0.001)
    return folder


def test_a_pull_that_was_killed_goes_on_where_it_was(large: Path) -> None:
    """What had come is not fetched again."""
    puller = subprocess.Popen([sys.executable, "-c", PULL, N], stdout=subprocess.DEVNULL)
    begun = coming(large)
    os.kill(puller.pid, signal.SIGKILL)
    puller.wait()
    assert not list(local(N).glob("v*"))
    first = (begun / "a.gguf").stat()
    folder = pull(N, 1)
    assert (folder / "a.gguf").stat().st_ino == first.st_ino and (folder / "a.gguf").stat().st_mtime == first.st_mtime
    assert digest(folder) == digest(large)
    assert {path.name for path in local(N).glob("*")} == {"v1", "v1.sig", ".v1.lock"}


@pytest.mark.slow  # boto3 tries for a while
def test_an_object_store_that_dies_is_worth_another_try(s3: Any, large: Path) -> None:
    puller = subprocess.Popen([sys.executable, "-c", PULL, N], stderr=subprocess.PIPE, text=True)
    coming(large)
    s3.kill()
    _, told = puller.communicate(timeout=300)
    assert "errors.Unavailable: s3://" in told and "b.gguf" in told, told[-2000:]
    assert not list(local(N).glob("v*"))
    s3.start()
    assert digest(pull(N, 1)) == digest(large)


def test_a_long_pull_says_how_far_it_is(
    s3: Any, tmp_path: Path, home: Path, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WEAVER_MODEL_REPOSITORY", f"s3://{s3.bucket()}")
    monkeypatch.setattr("pipelines.serving.model_repositories.REPORT_SECONDS", 0.0)
    settings.cache_clear()
    publish(model(tmp_path / "export", 20_000_000), N, 1)
    with caplog.at_level(logging.INFO, "pipelines"):
        pull(N, 1)
    assert "a.gguf: 20 of 20 MB" in caplog.text
