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
from pipelines.serving.model_store import Manifest, local_folder, open_repository, prune, publish, pull, versions

NAME = "service_advisor"


@pytest.fixture(params=["a folder", "S3"])
def store(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The repository of WEAVER_MODEL_REPOSITORY, as files that a test can read and change."""
    if request.param == "S3":
        store = request.getfixturevalue("s3")
        store = Bucket(store, store.bucket())
        monkeypatch.setenv("WEAVER_MODEL_REPOSITORY", f"s3://{store.bucket}/models")
        settings.cache_clear()
        return store
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
        return sorted(entry["Key"].removeprefix("models/") for entry in found)

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


def change_manifest(store: Any, change: Any) -> None:
    """Change version 1's manifest, as somebody with write access to the repository can."""
    key = f"{NAME}/v1/manifest.json"
    manifest = Manifest.model_validate_json(store.read(key)).model_dump()
    change(manifest)
    store.write(key, Manifest.model_construct(**manifest).model_dump_json(warnings=False).encode())


def test_a_pulled_folder_equals_the_published_one(store: Any, tmp_path: Path) -> None:
    source = model(tmp_path / "export")
    uri = publish(source, NAME, 1)
    assert uri == open_repository().uri(f"{NAME}/v1") and uri.endswith(f"{NAME}/v1")
    folder = pull(NAME, 1, digest(source))
    assert folder == local_folder(NAME) / "v1" and digest(folder) == digest(source)
    signing.verify(folder)
    assert versions(NAME)[1].digest == digest(source) and versions("nobody") == {}
    assert {path.name for path in folder.parent.glob("v*")} == {"v1", "v1.sig"}


def test_publishing_and_pulling_again_changes_nothing(store: Any, tmp_path: Path) -> None:
    source = model(tmp_path / "export")
    publish(source, NAME, 1)
    keys, folder = store.keys(), pull(NAME, 1)
    before = (folder / "model.gguf").stat()
    assert publish(source, NAME, 1) and store.keys() == keys
    assert (pull(NAME, 1) / "model.gguf").stat().st_ino == before.st_ino


def test_on_one_file_system_files_are_hard_links(home: Path, tmp_path: Path) -> None:
    source = model(tmp_path / "export")
    publish(source, NAME, 1)
    assert (pull(NAME, 1) / "model.gguf").samefile(source / "model.gguf")


def test_a_published_version_is_immutable(store: Any, tmp_path: Path) -> None:
    publish(model(tmp_path / "one"), NAME, 1)
    keys = store.keys()
    with pytest.raises(WeaverError, match="has been published with other files"):
        publish(model(tmp_path / "two", b"other"), NAME, 1)
    assert store.keys() == keys


def test_of_several_concurrent_publishers_exactly_one_wins(store: Any, tmp_path: Path) -> None:
    """Eight different models, one version: seven get an error, and the version is the eighth as a whole."""
    sources = [model(tmp_path / f"export{number}", bytes([number]) * 1000) for number in range(8)]
    errors: list[str] = []
    ready = threading.Barrier(len(sources))

    def race(source: Path) -> None:
        ready.wait()
        try:
            publish(source, NAME, 1)
        except WeaverError as error:
            errors.append(str(error))

    racers = [threading.Thread(target=race, args=(source,)) for source in sources]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len(errors) == 7 and all("with other files" in error for error in errors), errors
    assert digest(pull(NAME, 1)) in map(digest, sources)


def test_an_unsigned_or_changed_folder_is_not_published(store: Any, tmp_path: Path) -> None:
    source = model(tmp_path / "export")
    (source / "model.gguf").write_bytes(b"better")
    with pytest.raises(WeaverError, match="does not match its signature"):
        publish(source, NAME, 1)
    signing.signature_file(source).unlink()
    with pytest.raises(WeaverError, match="is not signed"):
        publish(source, NAME, 1)
    assert store.keys() == []


def test_pulling_an_unpublished_version_lists_the_published_ones(store: Any, tmp_path: Path) -> None:
    with pytest.raises(WeaverError, match=r"(?s)version 3 of service_advisor is not in .*Published versions: none"):
        pull(NAME, 3)
    for version in (1, 2, 10):
        publish(model(tmp_path / str(version), bytes([version])), NAME, version)
    assert list(versions(NAME)) == [1, 2, 10]
    with pytest.raises(WeaverError, match=r"(?s)version 3 .*Published versions: v1, v2, v10\."):
        pull(NAME, 3)
    assert not local_folder(NAME).exists()


def test_a_version_with_another_digest_is_rejected(store: Any, tmp_path: Path) -> None:
    publish(model(tmp_path / "export"), NAME, 1)
    with pytest.raises(WeaverError, match=r"was published with digest .*, not eeeeeeeeeeee"):
        pull(NAME, 1, "e" * 64)
    assert not (local_folder(NAME) / "v1").exists()


def test_tampered_files_are_rejected(store: Any, tmp_path: Path) -> None:
    source = model(tmp_path / "export")
    publish(source, NAME, 1)
    key = f"{NAME}/{digest(source)}/model.gguf"
    store.write(key, b"x" * 1000)
    with pytest.raises(WeaverError, match=r"model\.gguf was changed after it was published: its SHA-256 differs"):
        pull(NAME, 1)
    assert not (local_folder(NAME) / "v1").exists()
    store.write(key, b"")  # publishing again restores a file that was lost
    publish(source, NAME, 1)
    assert digest(pull(NAME, 1)) == digest(source)


def test_a_manifest_that_names_other_bytes_fails_the_signature(store: Any, tmp_path: Path) -> None:
    """Whoever may write to the repository but has no signing key cannot replace a model."""
    publish(model(tmp_path / "export"), NAME, 1)
    other = model(tmp_path / "other", b"evil")
    publish(other, NAME, 2)
    evil = versions(NAME)[2]
    change_manifest(store, lambda manifest: manifest.update(digest=evil.digest, files=evil.files))
    with pytest.raises(WeaverError, match="does not match its signature"):
        pull(NAME, 1)
    assert not (local_folder(NAME) / "v1").exists()


@pytest.mark.parametrize("path", ["../../evil", "/etc/evil", "a/../../evil", "a//b", ".", "..\\evil", ""])
def test_a_manifest_cannot_name_paths_outside_of_its_folder(path: str, home: Path, tmp_path: Path) -> None:
    publish(model(tmp_path / "export"), NAME, 1)
    store = Folder(home / "models")
    change_manifest(store, lambda manifest: manifest["files"].update({path: {"size": 4, "sha256": "e" * 64}}))
    with pytest.raises(WeaverError, match=r"(?s)manifest\.json is not a valid manifest: .*leads out of its folder"):
        pull(NAME, 1)
    assert not local_folder(NAME).exists()


def test_a_manifest_of_another_version_is_rejected(home: Path, tmp_path: Path) -> None:
    publish(model(tmp_path / "export"), NAME, 1)
    shutil.copytree(home / "models" / NAME / "v1", home / "models" / NAME / "v2")
    with pytest.raises(WeaverError, match="it belongs to version 1 of service_advisor"):
        pull(NAME, 2)


@pytest.mark.parametrize("damage", ["a changed byte", "no signature", "an additional file"])
def test_a_damaged_local_folder_is_pulled_again(damage: str, store: Any, tmp_path: Path) -> None:
    source = model(tmp_path / "export")
    publish(source, NAME, 1)
    folder = pull(NAME, 1)
    if damage == "a changed byte":
        (folder / "model.gguf").unlink()
        (folder / "model.gguf").write_bytes(b"x" * 1000)
    elif damage == "no signature":
        signing.signature_file(folder).unlink()
    else:
        (folder / "more").write_text("x")
    assert digest(pull(NAME, 1, digest(source))) == digest(source)
    signing.verify(folder)


def test_prune_removes_unneeded_versions_from_this_machine_only(store: Any, tmp_path: Path) -> None:
    for version in (1, 2, 12):
        publish(model(tmp_path / str(version), bytes([version])), NAME, version)
        pull(NAME, version)
    (local_folder(NAME) / ".v1-0123456789ab").mkdir()  # of a pull that was killed
    prune(NAME, {2, 12})
    assert {path.name for path in local_folder(NAME).glob("*") if path.suffix != ".lock"} == {
        "v2",
        "v2.sig",
        "v12",
        "v12.sig",
    }
    assert list(versions(NAME)) == [1, 2, 12], "the repository keeps them"
    assert pull(NAME, 1).is_dir()


def test_an_unusable_repository_is_named_in_the_error(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = model(tmp_path / "export")
    (tmp_path / "file").write_text("no folder")
    for uri, message in {"s3://": "names no bucket", str(tmp_path / "file"): "WEAVER_MODEL_REPOSITORY"}.items():
        monkeypatch.setenv("WEAVER_MODEL_REPOSITORY", uri)
        settings.cache_clear()
        with pytest.raises(WeaverError, match=message):
            publish(source, NAME, 1)
