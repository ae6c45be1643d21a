"""The model store: what is pulled is what was published and signed, from a folder and from a real S3."""

import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from pipelines.core import signing
from pipelines.core.errors import WeaverError
from pipelines.core.files import digest
from pipelines.core.settings import settings
from pipelines.serving.model_store import Manifest, local, prune, publish, pull, repository, versions

N = "service_advisor"


@pytest.fixture(params=["a folder", "S3"])
def place(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What WEAVER_MODEL_REPOSITORY names, as a folder of files that a test can look into and change."""
    if request.param == "S3":
        store = request.getfixturevalue("s3")
        place = Bucket(store, store.bucket())
        monkeypatch.setenv("WEAVER_MODEL_REPOSITORY", f"s3://{place.bucket}/models")
        settings.cache_clear()
        return place
    return Folder(home / "models")


class Folder:
    def __init__(self, root: Path) -> None:
        self.root = root

    def keys(self) -> list[str]:
        return sorted(path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file())

    def write(self, key: str, body: bytes) -> None:
        (self.root / key).unlink(missing_ok=True)  # the links to it stay as they are
        (self.root / key).parent.mkdir(parents=True, exist_ok=True)
        (self.root / key).write_bytes(body)

    def read(self, key: str) -> bytes:
        return (self.root / key).read_bytes()


class Bucket:
    def __init__(self, store: Any, bucket: str) -> None:
        self.client, self.bucket = store.client(), bucket

    def keys(self) -> list[str]:
        found = self.client.list_objects_v2(Bucket=self.bucket, Prefix="models/").get("Contents", [])
        return sorted(one["Key"].removeprefix("models/") for one in found)

    def write(self, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=f"models/{key}", Body=body)

    def read(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.bucket, Key=f"models/{key}")["Body"].read()


def model(folder: Path, weights: bytes = b"w" * 1000) -> Path:
    """A signed folder as the export stage leaves it, with a file in a folder of its own."""
    (folder / "tokenizer").mkdir(parents=True)
    (folder / "model.gguf").write_bytes(weights)
    (folder / "tokenizer" / "tokenizer.json").write_text("{}")
    signing.sign(folder)
    return folder


def altered(place: Any, change: Any) -> None:
    """Version 1's manifest, as somebody who may write to the repository can change it."""
    key = f"{N}/v1/manifest.json"
    manifest = Manifest.model_validate_json(place.read(key)).model_dump()
    change(manifest)
    place.write(key, Manifest.model_construct(**manifest).model_dump_json(warnings=False).encode())


def test_what_is_pulled_is_what_was_published(place: Any, tmp_path: Path) -> None:
    source = model(tmp_path / "export")
    uri = publish(source, N, 1)
    assert uri == repository().uri(f"{N}/v1") and uri.endswith(f"{N}/v1")
    folder = pull(N, 1, digest(source))
    assert folder == local(N) / "v1" and digest(folder) == digest(source)
    signing.verify(folder)
    assert versions(N)[1].digest == digest(source) and versions("nobody") == {}
    assert {path.name for path in folder.parent.glob("v*")} == {"v1", "v1.sig"}


def test_publishing_and_pulling_again_changes_nothing(place: Any, tmp_path: Path) -> None:
    source = model(tmp_path / "export")
    publish(source, N, 1)
    keys, folder = place.keys(), pull(N, 1)
    before = (folder / "model.gguf").stat()
    assert publish(source, N, 1) and place.keys() == keys
    assert (pull(N, 1) / "model.gguf").stat().st_ino == before.st_ino


def test_on_one_disk_there_is_one_copy(home: Path, tmp_path: Path) -> None:
    source = model(tmp_path / "export")
    publish(source, N, 1)
    assert (pull(N, 1) / "model.gguf").samefile(source / "model.gguf")


def test_a_version_is_never_other_bytes(place: Any, tmp_path: Path) -> None:
    publish(model(tmp_path / "one"), N, 1)
    keys = place.keys()
    with pytest.raises(WeaverError, match="has been published with other bytes"):
        publish(model(tmp_path / "two", b"other"), N, 1)
    assert place.keys() == keys


def test_of_two_who_publish_at_once_one_wins_whole(place: Any, tmp_path: Path) -> None:
    """Eight different models, one version: seven are told, and what can be pulled is all of the eighth."""
    sources = [model(tmp_path / f"export{number}", bytes([number]) * 1000) for number in range(8)]
    told: list[str] = []
    ready = threading.Barrier(len(sources))

    def race(source: Path) -> None:
        ready.wait()
        try:
            publish(source, N, 1)
        except WeaverError as error:
            told.append(str(error))

    racers = [threading.Thread(target=race, args=(source,)) for source in sources]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len(told) == 7 and all("with other bytes" in error for error in told), told
    assert digest(pull(N, 1)) in map(digest, sources)


def test_an_unsigned_or_changed_folder_is_not_published(place: Any, tmp_path: Path) -> None:
    source = model(tmp_path / "export")
    (source / "model.gguf").write_bytes(b"better")
    with pytest.raises(WeaverError, match="is not what was signed"):
        publish(source, N, 1)
    signing.signature(source).unlink()
    with pytest.raises(WeaverError, match="is not signed"):
        publish(source, N, 1)
    assert place.keys() == []


def test_a_version_that_was_never_published_is_told_with_those_that_were(place: Any, tmp_path: Path) -> None:
    with pytest.raises(WeaverError, match=r"(?s)version 3 of service_advisor is not in .*Published are: none"):
        pull(N, 3)
    for version in (1, 2, 10):
        publish(model(tmp_path / str(version), bytes([version])), N, version)
    assert list(versions(N)) == [1, 2, 10]
    with pytest.raises(WeaverError, match=r"(?s)version 3 .*Published are: v1, v2, v10\."):
        pull(N, 3)
    assert not local(N).exists()


def test_another_digest_than_was_asked_for_is_refused(place: Any, tmp_path: Path) -> None:
    publish(model(tmp_path / "export"), N, 1)
    with pytest.raises(WeaverError, match=r"was published as .*, not as eeeeeeeeeeee"):
        pull(N, 1, "e" * 64)
    assert not (local(N) / "v1").exists()


def test_tampered_bytes_are_refused(place: Any, tmp_path: Path) -> None:
    source = model(tmp_path / "export")
    publish(source, N, 1)
    key = f"{N}/{digest(source)}/model.gguf"
    place.write(key, b"x" * 1000)
    with pytest.raises(WeaverError, match=r"model\.gguf is not what was published: its SHA-256 differs"):
        pull(N, 1)
    assert not (local(N) / "v1").exists()
    place.write(key, b"")  # lost, rather: publishing again mends it
    publish(source, N, 1)
    assert digest(pull(N, 1)) == digest(source)


def test_a_manifest_that_names_other_bytes_fails_the_signature(place: Any, tmp_path: Path) -> None:
    """Whoever may write to the repository, but has no key, cannot put a model of his own there."""
    publish(model(tmp_path / "export"), N, 1)
    other = model(tmp_path / "other", b"evil")
    publish(other, N, 2)
    evil = versions(N)[2]
    altered(place, lambda manifest: manifest.update(digest=evil.digest, files=evil.files))
    with pytest.raises(WeaverError, match="is not what was signed"):
        pull(N, 1)
    assert not (local(N) / "v1").exists()


@pytest.mark.parametrize("path", ["../../evil", "/etc/evil", "a/../../evil", "a//b", ".", "..\\evil", ""])
def test_a_manifest_cannot_lead_out_of_its_folder(path: str, home: Path, tmp_path: Path) -> None:
    publish(model(tmp_path / "export"), N, 1)
    place = Folder(home / "models")
    altered(place, lambda manifest: manifest["files"].update({path: {"size": 4, "sha256": "e" * 64}}))
    with pytest.raises(WeaverError, match=r"(?s)manifest\.json is no manifest: .*leads out of its folder"):
        pull(N, 1)
    assert not local(N).exists()


def test_a_manifest_of_another_version_is_refused(home: Path, tmp_path: Path) -> None:
    publish(model(tmp_path / "export"), N, 1)
    shutil.copytree(home / "models" / N / "v1", home / "models" / N / "v2")
    with pytest.raises(WeaverError, match="it is of version 1 of service_advisor"):
        pull(N, 2)


@pytest.mark.parametrize("harm", ["a changed byte", "no signature", "a file more"])
def test_a_pulled_folder_that_was_harmed_is_pulled_again(harm: str, place: Any, tmp_path: Path) -> None:
    source = model(tmp_path / "export")
    publish(source, N, 1)
    folder = pull(N, 1)
    if harm == "a changed byte":
        (folder / "model.gguf").unlink()
        (folder / "model.gguf").write_bytes(b"x" * 1000)
    elif harm == "no signature":
        signing.signature(folder).unlink()
    else:
        (folder / "more").write_text("x")
    assert digest(pull(N, 1, digest(source))) == digest(source)
    signing.verify(folder)


def test_versions_that_nobody_needs_leave_this_machine(place: Any, tmp_path: Path) -> None:
    for version in (1, 2, 12):
        publish(model(tmp_path / str(version), bytes([version])), N, version)
        pull(N, version)
    (local(N) / ".v1-0123456789ab").mkdir()  # of a pull that was killed
    prune(N, {2, 12})
    assert {path.name for path in local(N).glob("*") if path.suffix != ".lock"} == {"v2", "v2.sig", "v12", "v12.sig"}
    assert list(versions(N)) == [1, 2, 12], "in the repository they stay"
    assert pull(N, 1).is_dir()


def test_a_repository_that_cannot_be_used_is_told(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = model(tmp_path / "export")
    (tmp_path / "file").write_text("no folder")
    for place, said in {"s3://": "names no bucket", str(tmp_path / "file"): "WEAVER_MODEL_REPOSITORY"}.items():
        monkeypatch.setenv("WEAVER_MODEL_REPOSITORY", place)
        settings.cache_clear()
        with pytest.raises(WeaverError, match=said):
            publish(source, N, 1)
