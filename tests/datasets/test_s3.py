"""The data registry and uploads against a real S3 server: wrong keys are told, a lost server is worth another try."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import Unavailable, WeaverError
from pipelines.core.make_plan import make_plan
from pipelines.core.settings import settings
from pipelines.datasets.split import digest_files
from pipelines.datasets.upload import Upload, list_uploads, stage_upload, uploads_folder
from pipelines.datasets.versions import checkout_version, commit_dataset, list_versions

T = "service_advisor"
CSV = b"question,answer,topic\nWas?,Das.,engine\nWie?,So.,engine\n"


@pytest.fixture
def remote(s3: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket that WEAVER_REGISTRY_REMOTE names."""
    bucket = s3.bucket()
    monkeypatch.setenv("WEAVER_REGISTRY_REMOTE", f"s3://{bucket}/datasets")
    renew()
    return bucket


def renew() -> None:
    """As a new process would: s3fs keeps its sessions, and settings are read once."""
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()
    settings.cache_clear()


def secrets_in(folder: Path, secret: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


def test_a_version_is_pushed_and_comes_back(s3: Any, remote: str, splits: Callable, home: Path) -> None:
    first = commit_dataset(splits(10), make_plan(T))
    commit_dataset(splits(20), make_plan(T))
    keys = [found["Key"] for found in s3.client().list_objects_v2(Bucket=remote)["Contents"]]
    assert len([key for key in keys if key.startswith("datasets/files/md5/") and key.endswith(".dir")]) == 2
    assert not (home / "registry-remote").exists()
    shutil.rmtree(home / "datasets")
    shutil.rmtree(home / "registry" / ".dvc" / "cache")
    assert checkout_version(T, 1).digest == first.digest
    assert digest_files(Path(first.uri)) == first.digest
    assert secrets_in(home, s3.secret) == [], "credentials stay in the environment"


def test_another_machine_has_it_from_git_and_the_bucket(
    s3: Any, remote: str, splits: Callable, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A WEAVER_HOME that has the git history alone, as a clone does."""
    first = commit_dataset(splits(10), make_plan(T))
    other = tmp_path / "other"
    other.mkdir()
    subprocess.run(["git", "clone", "-q", home / "registry", other / "registry"], check=True)
    monkeypatch.setenv("WEAVER_HOME", str(other))
    renew()
    assert Path(checkout_version(T, 1).uri).is_relative_to(other)
    assert digest_files(other / "datasets" / T / "v1") == first.digest


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("AWS_SECRET_ACCESS_KEY", "w" * 40, r"(?s)storing service_advisor: .*Check the bucket, AWS_ACCESS_KEY_ID"),
        ("AWS_ACCESS_KEY_ID", "nobody", r"(?s)storing service_advisor: .*AWS_ACCESS_KEY_ID"),
        ("WEAVER_REGISTRY_REMOTE", "s3://there-is-none/datasets", r"bucket does not exist .remote: s3://there-is-none"),
    ],
    ids=["a wrong secret", "an unknown key", "a wrong bucket"],
)
def test_what_another_try_does_not_mend_is_told_at_once(
    variable: str, value: str, said: str, s3: Any, remote: str, splits: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = {"AWS_SECRET_ACCESS_KEY": s3.secret, "AWS_ACCESS_KEY_ID": s3.key}.get(variable, f"s3://{remote}/datasets")
    monkeypatch.setenv(variable, value)
    renew()
    with pytest.raises(WeaverError, match=said) as caught:
        commit_dataset(splits(10), make_plan(T))
    assert not isinstance(caught.value, Unavailable)
    assert s3.secret not in str(caught.value) and value not in str(caught.value).replace(f"remote: {value}", "")
    assert list_versions(T) == []
    monkeypatch.setenv(variable, right)
    renew()
    assert commit_dataset(splits(10), make_plan(T)).version == 1


@pytest.mark.slow  # s3fs tries for half a minute
def test_a_server_that_dies_is_worth_another_try(s3: Any, remote: str, splits: Callable, home: Path) -> None:
    """Killed between DVC's first object and its last; what was pushed by then is no version."""
    commit_dataset(splits(5), make_plan(T))
    given = splits(10)
    code = f"""
import os, signal
from pipelines.core.artifacts import Splits
from pipelines.datasets.versions import commit_dataset
from pipelines.core.make_plan import make_plan
import s3fs
put = s3fs.S3FileSystem._put_file
async def dying(*arguments, **options):
    os.kill({s3.process.pid}, signal.SIGKILL)
    return await put(*arguments, **options)
s3fs.S3FileSystem._put_file = dying
commit_dataset(Splits.model_validate_json({given.model_dump_json()!r}), make_plan({T!r}))
"""
    failed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    s3.process.wait()
    assert "Unavailable: storing service_advisor: " in failed.stderr, failed.stderr[-2000:]
    assert f"remote: s3://{remote}" in failed.stderr and "run again" in failed.stderr
    assert [known.version for known in list_versions(T)] == [1]
    s3.start()
    renew()
    second = commit_dataset(given, make_plan(T))
    assert second.version == 2
    shutil.rmtree(home / "datasets")
    shutil.rmtree(home / "registry" / ".dvc" / "cache")
    assert [checkout_version(T, number).rows["train"] for number in (1, 2)] == [5, 10], "what was acknowledged is there"


def accept(place: str) -> list[Upload]:
    with stage_upload(T, place) as stage:
        return stage.accept()


def test_rows_come_from_a_bucket(s3: Any, home: Path) -> None:
    bucket, client = s3.bucket(), s3.client()
    for key, body in {"in/a.csv": CSV, "in/deep/b.csv": CSV + b"Wo?,Da.,engine\n", "in/notes.txt": b"x"}.items():
        client.put_object(Bucket=bucket, Key=key, Body=body)
    (one,) = accept(f"s3://{bucket}/in/a.csv")
    assert (one.file, one.rows) == ("a.csv", 2)
    assert [upload.file for upload in accept(f"s3://{bucket}/in/")] == ["b.csv"], "a.csv is known"
    assert (uploads_folder(T) / one.id / "original" / "a.csv").read_bytes() == CSV
    assert secrets_in(home, s3.secret) == []


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("s3://{bucket}/in/none.csv", r"none\.csv: .*Not Found"),
        ("s3://there-is-none/a.csv", r"s3://there-is-none/a\.csv: .*404"),
        ("s3://{bucket}/none/", "contains no "),
        ("s3://{bucket}", "names no object"),
        ("s3://a b/c.csv", "Invalid bucket name"),
        ("s3://{bucket}/empty.csv", r"empty\.csv is empty"),
    ],
)
def test_an_object_that_is_not_there_is_told(place: str, said: str, s3: Any, home: Path) -> None:
    bucket = s3.bucket()
    s3.client().put_object(Bucket=bucket, Key="empty.csv", Body=b"")
    with pytest.raises(WeaverError, match=said) as caught:
        accept(place.format(bucket=bucket))
    assert not isinstance(caught.value, Unavailable)
    assert list_uploads(T) == []


def test_a_wrong_secret_and_a_dead_server_are_told_apart(s3: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = s3.bucket()
    s3.client().put_object(Bucket=bucket, Key="a.csv", Body=CSV)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "w" * 40)
    with pytest.raises(WeaverError, match=r"(?s)Forbidden.*Check AWS_ACCESS_KEY_ID") as caught:
        accept(f"s3://{bucket}/a.csv")
    assert not isinstance(caught.value, Unavailable)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.secret)
    s3.kill()
    with pytest.raises(Unavailable, match=r"(?s)Could not connect.*AWS_ENDPOINT_URL"):
        accept(f"s3://{bucket}/a.csv")
    assert [path for path in uploads_folder(T).rglob("*") if path.name != ".lock"] == []
    s3.start()
    assert accept(f"s3://{bucket}/a.csv")[0].rows == 2
