"""The model store: promoted versions, published once and pulled to the machines that serve them, addressed by digest.

    <repository>/service_advisor/v3/manifest.json              the files of version 3, written last
    <repository>/service_advisor/<digest>/model.gguf           the files, under the digest of all of them
    <home>/deployments/service_advisor/v3, v3.sig              a pulled version and its signature

The repository is a folder or a prefix of an S3 store: `settings().model_repository`. Several
processes may publish at once, and any may be killed: a version is published as a whole or not at all.
"""

import hashlib
import re
import shutil
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from pipelines.core import files, signing
from pipelines.core.artifacts import Artifact
from pipelines.core.errors import WeaverError
from pipelines.core.files import canonical_json, file_lock, write_text
from pipelines.core.settings import settings
from pipelines.serving.model_repositories import Repository, open_repository


def check_relative(path: str) -> str:
    """Return a relative path unchanged if it stays in its folder and is spelled canonically; else raise ValueError."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or str(pure) != path or path == "." or "\\" in path or "\0" in path:
        raise ValueError(f"the path '{path}' leads out of its folder")
    return path


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
RelativePath = Annotated[str, AfterValidator(check_relative)]


class File(Artifact):
    """A published file."""

    size: int = Field(ge=0, description="bytes")
    sha256: Sha256


class Manifest(Artifact):
    """The files of a published version, their digest and the signature."""

    name: str
    version: int
    digest: Sha256  # `files.digest` of the folder
    files: dict[RelativePath, File]
    signature: str  # the sigstore bundle that `signing.verify` expects beside the folder


def publish(folder: Path, name: str, version: int) -> str:
    """Publish a signed folder as an immutable version of a template.

    Idempotent: publishing the same files again restores those that the repository has lost.

    Returns:
        Where it is published: a folder or an s3:// URI.
    Raises:
        WeaverError: the folder does not match its signature, or the version was published with other files.
        Unavailable: the object store does not answer.
    """
    signing.verify(folder)
    new = Manifest(
        name=name,
        version=version,
        digest=files.digest(folder),
        files={
            path.relative_to(folder).as_posix(): File(size=path.stat().st_size, sha256=hash_file(path))
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
        signature=signing.signature_file(folder).read_text(),
    )
    store = open_repository()
    check_not_published_differently(store, new)  # before gigabytes are uploaded
    for path, file in new.files.items():
        store.put(folder / path, f"{name}/{new.digest}/{path}", file.size)
    if not store.put_new(f"{name}/v{version}", "manifest.json", canonical_json(new.model_dump()).encode()):
        check_not_published_differently(store, new)  # another publisher was faster
    return store.uri(f"{name}/v{version}")


def check_not_published_differently(store: Repository, new: Manifest) -> None:
    """Raise if the version has been published with another digest."""
    existing = read_manifest(store, new.name, new.version)
    if existing and existing.digest != new.digest:
        raise WeaverError(
            f"version {new.version} of {new.name} has been published with other files: its digest is "
            f"{existing.digest[:12]}, not {new.digest[:12]} ({store.uri(f'{new.name}/v{new.version}')})",
            "Published versions are immutable: register your model as a new version.",
        )


def pull(name: str, version: int, digest: str = "") -> Path:
    """Download a version into this machine's store unless it is there; all files are verified.

    Args:
        digest: the expected digest; "" accepts whatever was published as this version. A signature does not name its
            version, so callers that know the digest should pass it.
    Returns:
        <home>/deployments/<name>/v<version>, its signature beside it.
    Raises:
        WeaverError: it was never published, has another digest, or does not match its signature; the local store is
            unchanged.
        Unavailable: the object store does not answer; files that were downloaded completely are not downloaded again.
    """
    folder = local_folder(name) / f"v{version}"
    if digest and is_intact(folder, digest):
        return folder  # a rollback to the previous version needs no object store
    store = open_repository()
    manifest = read_manifest(store, name, version)
    if manifest is None:
        published = ", ".join(f"v{number}" for number in versions(name)) or "none"
        raise WeaverError(
            f"version {version} of {name} is not in {store.uri(name)}",
            f"Published versions: {published}. Run the deploy stage, or check WEAVER_MODEL_REPOSITORY.",
        )
    if digest and manifest.digest != digest:
        raise WeaverError(
            f"version {version} of {name} was published with digest {manifest.digest[:12]}, not {digest[:12]}",
            f"Find out who wrote to {store.uri(name)}; nothing was downloaded.",
        )
    with file_lock(local_folder(name) / f".v{version}.lock", f"pulling version {version} of {name}"):
        if not is_intact(folder, manifest.digest):
            download(store, manifest, folder)
    return folder


def is_intact(folder: Path, digest: str) -> bool:
    """Whether a version's folder exists, matches its signature and has this digest."""
    if not folder.is_dir():
        return False
    try:
        signing.verify(folder)
    except WeaverError:
        return False
    return files.digest(folder) == digest


def download(store: Repository, manifest: Manifest, folder: Path) -> None:
    """Download the files to a temporary folder, verify all of them, and only then move them to the version's folder."""
    temporary = folder.with_name(f".v{manifest.version}-{manifest.digest[:12]}")
    temporary.mkdir(parents=True, exist_ok=True)
    for leftover in [*temporary.rglob("*")]:  # of a download that was killed
        if leftover.is_file() and leftover.relative_to(temporary).as_posix() not in manifest.files:
            leftover.unlink()
    for path, file in manifest.files.items():
        target = temporary / path
        if target.is_file() and target.stat().st_size == file.size and hash_file(target) == file.sha256:
            continue
        key = f"{manifest.name}/{manifest.digest}/{path}"
        store.get(key, target, file.size)
        if hash_file(target) != file.sha256:
            target.unlink()
            raise WeaverError(
                f"{store.uri(key)} was changed after it was published: its SHA-256 differs from the manifest's",
                "Find out who changed it; remove it, and publish the version again.",
            )
    write_text(signing.signature_file(temporary), manifest.signature)
    if files.digest(temporary) != manifest.digest:
        raise WeaverError(
            f"the files of {store.uri(f'{manifest.name}/v{manifest.version}')} do not have its digest "
            f"{manifest.digest[:12]}",
            "Do not use it; find out who wrote it.",
        )
    signing.verify(temporary)
    if folder.exists():  # its files are not those that were published
        shutil.rmtree(folder)
    signing.signature_file(temporary).replace(signing.signature_file(folder))
    temporary.rename(folder)


def versions(name: str) -> dict[int, Manifest]:
    """The published versions of a template, in ascending order.

    Raises:
        WeaverError: a manifest is invalid.
        Unavailable: the object store does not answer.
    """
    store = open_repository()
    numbers = sorted(int(folder[1:]) for folder in store.folders(name) if re.fullmatch(r"v\d+", folder))
    manifests = {number: read_manifest(store, name, number) for number in numbers}
    return {number: manifest for number, manifest in manifests.items() if manifest}


def read_manifest(store: Repository, name: str, version: int) -> Manifest | None:
    """A version's manifest; None if it was not published."""
    key = f"{name}/v{version}/manifest.json"
    text = store.read(key)
    if text is None:
        return None
    try:
        manifest = Manifest.model_validate_json(text)
        if (manifest.name, manifest.version) != (name, version):
            raise ValueError(f"it belongs to version {manifest.version} of {manifest.name}")
    except (ValidationError, ValueError) as error:
        raise WeaverError(
            f"{store.uri(key)} is not a valid manifest: {error}", "Do not use it; find out who wrote it."
        ) from None
    return manifest


def prune(name: str, keep: set[int]) -> None:
    """Remove this machine's folders of the other versions; the repository keeps them."""
    names = {f"v{version}" for version in keep}
    for path in [*local_folder(name).glob("v*"), *local_folder(name).glob(".v*")]:
        if path.suffix != ".lock" and re.split(r"[-.]", path.name.removeprefix("."))[0] not in names:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def local_folder(name: str) -> Path:
    """The folder of a template's versions on this machine."""
    return settings().home / "deployments" / name


def hash_file(file: Path) -> str:
    """SHA-256 of a file, in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
