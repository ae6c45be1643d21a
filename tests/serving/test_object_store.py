"""The model store on a real S3 server, when the server or the client is killed."""

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
from pipelines.serving.model_store import local_folder, publish, pull

NAME = "service_advisor"
PULL = "import sys; from pipelines.serving.model_store import pull; print(pull(sys.argv[1], 1))"


def model(folder: Path, size: int) -> Path:
    """A signed folder of two files of so many bytes."""
    folder.mkdir()
    for name in ("a.gguf", "b.gguf"):
        (folder / name).write_bytes(os.urandom(size))
    signing.sign(folder)
    return folder


def test_a_rollback_needs_no_object_store(s3: Any, tmp_path: Path, home: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("WEAVER_MODEL_REPOSITORY", f"s3://{s3.bucket()}")
    settings.cache_clear()
    source = model(tmp_path / "export", 1000)
    publish(source, NAME, 1)
    folder = pull(NAME, 1)
    s3.kill()
    assert pull(NAME, 1, digest(source)) == folder
    with pytest.raises(Unavailable, match="Check that the object store is running"):
        pull(NAME, 2)


@pytest.fixture
def published_model(s3: Any, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of two large files, published to S3."""
    monkeypatch.setenv("WEAVER_MODEL_REPOSITORY", f"s3://{s3.bucket()}/models")
    settings.cache_clear()
    source = model(tmp_path / "export", 40_000_000)
    publish(source, NAME, 1)
    return source


def wait_for_partial_download(source: Path) -> Path:
    """The temporary folder of a pull that is running, once its second file is being downloaded."""
    folder = local_folder(NAME) / f".v1-{digest(source)[:12]}"
    end = time.monotonic() + 60
    while not list(folder.glob("b.gguf.*")):  # what boto3 writes to until it is whole
        assert time.monotonic() < end
        time.sleep(0.001)
    return folder


def test_a_killed_pull_resumes(published_model: Path) -> None:
    """Complete files are not downloaded again."""
    puller = subprocess.Popen([sys.executable, "-c", PULL, NAME], stdout=subprocess.DEVNULL)
    partial = wait_for_partial_download(published_model)
    os.kill(puller.pid, signal.SIGKILL)
    puller.wait()
    assert not list(local_folder(NAME).glob("v*"))
    first = (partial / "a.gguf").stat()
    folder = pull(NAME, 1)
    assert (folder / "a.gguf").stat().st_ino == first.st_ino and (folder / "a.gguf").stat().st_mtime == first.st_mtime
    assert digest(folder) == digest(published_model)
    assert {path.name for path in local_folder(NAME).glob("*")} == {"v1", "v1.sig", ".v1.lock"}


@pytest.mark.slow  # boto3 tries for a while
def test_an_object_store_that_dies_is_a_retriable_error(s3: Any, published_model: Path) -> None:
    puller = subprocess.Popen([sys.executable, "-c", PULL, NAME], stderr=subprocess.PIPE, text=True)
    wait_for_partial_download(published_model)
    s3.kill()
    _, stderr = puller.communicate(timeout=300)
    assert "errors.Unavailable: s3://" in stderr and "b.gguf" in stderr, stderr[-2000:]
    assert not list(local_folder(NAME).glob("v*"))
    s3.start()
    assert digest(pull(NAME, 1)) == digest(published_model)


def test_a_long_pull_logs_its_progress(
    s3: Any, tmp_path: Path, home: Path, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WEAVER_MODEL_REPOSITORY", f"s3://{s3.bucket()}")
    monkeypatch.setattr("pipelines.serving.model_repositories.REPORT_SECONDS", 0.0)
    settings.cache_clear()
    publish(model(tmp_path / "export", 20_000_000), NAME, 1)
    with caplog.at_level(logging.INFO, "pipelines"):
        pull(NAME, 1)
    assert "a.gguf: 20 of 20 MB" in caplog.text
