"""The model store: promoted versions, published once and pulled to wherever they answer, each known by its digest.

    <repository>/service_advisor/v3/manifest.json              which files version 3 is, written last
    <repository>/service_advisor/<digest>/model.gguf           the files, under the digest of them all
    <home>/deployments/service_advisor/v3, v3.sig              a pulled version and its signature

The repository is a folder or a prefix of an S3 store: `settings().model_repository`. Two may publish at once, and any
of them may be killed: a version is there as a whole, or not at all.
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
from pipelines.core.files import atomic_write, canonical_json, file_lock
from pipelines.core.settings import settings
from pipelines.serving.model_repositories import Repository, repository


def inside(path: str) -> str:
    """A path that stays in its folder, in the one spelling that names it."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or str(pure) != path or path == "." or "\\" in path or "\0" in path:
        raise ValueError(f"{path!r} leads out of its folder")
    return path


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Inside = Annotated[str, AfterValidator(inside)]


class File(Artifact):
    size: int = Field(ge=0, description="bytes")
    sha256: Sha256


class Manifest(Artifact):
    """What a published version is made of."""

    name: str
    version: int
    digest: Sha256  # `files.digest` of the folder
    files: dict[Inside, File]
    signature: str  # the sigstore bundle that `signing.verify` wants beside the folder


def publish(folder: Path, name: str, version: int) -> str:
    """Put a signed folder into the repository as a version, for good. Returns where it is: a folder or an s3:// URI.

    Publishing the same bytes again is publishing once; files that the repository has lost come back.

    Raises:
        WeaverError: the folder is not what was signed, or the version has been published with other bytes.
        Unavailable: the object store does not answer.
    """
    signing.verify(folder)
    new = Manifest(
        name=name,
        version=version,
        digest=files.digest(folder),
        files={
            path.relative_to(folder).as_posix(): File(size=path.stat().st_size, sha256=sha256(path))
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
        signature=signing.signature(folder).read_text(),
    )
    store = repository()
    refuse_other_bytes(store, new)  # before gigabytes are on their way
    for path, file in new.files.items():
        store.put(folder / path, f"{name}/{new.digest}/{path}", file.size)
    if not store.put_new(f"{name}/v{version}", "manifest.json", canonical_json(new.model_dump()).encode()):
        refuse_other_bytes(store, new)  # another publisher was faster
    return store.uri(f"{name}/v{version}")


def refuse_other_bytes(store: Repository, new: Manifest) -> None:
    there = published(store, new.name, new.version)
    if there and there.digest != new.digest:
        raise WeaverError(
            f"version {new.version} of {new.name} has been published with other bytes: its digest is "
            f"{there.digest[:12]}, not {new.digest[:12]} ({store.uri(f'{new.name}/v{new.version}')})",
            "A version is never changed: register what you have as a new one.",
        )


def pull(name: str, version: int, digest: str = "") -> Path:
    """The folder of a version in this machine's store, fetched unless it is there; every byte is verified.

    Args:
        digest: what it must be; else whatever was published as this version. A signature does not say of which
            version it is, so whoever knows the digest gives it.
    Returns:
        <home>/deployments/<name>/v<version>, its signature beside it.
    Raises:
        WeaverError: it was never published, or is not what was asked for or signed; here nothing has changed.
        Unavailable: the object store does not answer; what has come so far is not fetched again.
    """
    folder = local(name) / f"v{version}"
    if digest and intact(folder, digest):
        return folder  # the way back to the version before needs no object store
    store = repository()
    manifest = published(store, name, version)
    if manifest is None:
        known = ", ".join(f"v{number}" for number in versions(name)) or "none"
        raise WeaverError(
            f"version {version} of {name} is not in {store.uri(name)}",
            f"Published are: {known}. Run the deploy stage, or check WEAVER_MODEL_REPOSITORY.",
        )
    if digest and manifest.digest != digest:
        raise WeaverError(
            f"version {version} of {name} was published as {manifest.digest[:12]}, not as {digest[:12]}",
            f"Check who wrote to {store.uri(name)}; nothing was fetched.",
        )
    with file_lock(local(name) / f".v{version}.lock", f"pulling version {version} of {name}"):
        if not intact(folder, manifest.digest):
            fetch(store, manifest, folder)
    return folder


def intact(folder: Path, digest: str) -> bool:
    """Whether a version's folder lies here with its signature, and both are what they should be."""
    if not folder.is_dir():
        return False
    try:
        signing.verify(folder)
    except WeaverError:
        return False
    return files.digest(folder) == digest


def fetch(store: Repository, manifest: Manifest, folder: Path) -> None:
    """Bring the files to a folder beside, verify them all, and only then put them in the version's place."""
    coming = folder.with_name(f".v{manifest.version}-{manifest.digest[:12]}")
    coming.mkdir(parents=True, exist_ok=True)
    for left in [*coming.rglob("*")]:  # by a pull that was killed
        if left.is_file() and left.relative_to(coming).as_posix() not in manifest.files:
            left.unlink()
    for path, file in manifest.files.items():
        target = coming / path
        if target.is_file() and target.stat().st_size == file.size and sha256(target) == file.sha256:
            continue
        key = f"{manifest.name}/{manifest.digest}/{path}"
        store.get(key, target, file.size)
        if sha256(target) != file.sha256:
            target.unlink()
            raise WeaverError(
                f"{store.uri(key)} is not what was published: its SHA-256 differs",
                "Find out who changed it; remove it, and publish the version again.",
            )
    with atomic_write(signing.signature(coming)) as temporary:
        temporary.write_text(manifest.signature)
    if files.digest(coming) != manifest.digest:
        raise WeaverError(
            f"{store.uri(f'{manifest.name}/v{manifest.version}')}: the files it names are not {manifest.digest[:12]}",
            "Do not use it. Find out who wrote it.",
        )
    signing.verify(coming)
    if folder.exists():  # other bytes than those that were published
        shutil.rmtree(folder)
    signing.signature(coming).replace(signing.signature(folder))
    coming.rename(folder)


def versions(name: str) -> dict[int, Manifest]:
    """What has been published of a template, by version.

    Raises:
        WeaverError: a manifest is not one.
        Unavailable: the object store does not answer.
    """
    store = repository()
    numbers = sorted(int(part[1:]) for part in store.folders(name) if re.fullmatch(r"v\d+", part))
    found = {number: published(store, name, number) for number in numbers}
    return {number: manifest for number, manifest in found.items() if manifest}


def published(store: Repository, name: str, version: int) -> Manifest | None:
    key = f"{name}/v{version}/manifest.json"
    text = store.read(key)
    if text is None:
        return None
    try:
        manifest = Manifest.model_validate_json(text)
        if (manifest.name, manifest.version) != (name, version):
            raise ValueError(f"it is of version {manifest.version} of {manifest.name}")
    except (ValidationError, ValueError) as error:
        raise WeaverError(
            f"{store.uri(key)} is no manifest: {error}", "Do not use it. Find out who wrote it."
        ) from None
    return manifest


def prune(name: str, keep: set[int]) -> None:
    """Remove this machine's folders of other versions; in the repository they stay."""
    kept = {f"v{version}" for version in keep}
    for path in [*local(name).glob("v*"), *local(name).glob(".v*")]:
        if path.suffix != ".lock" and re.split(r"[-.]", path.name.removeprefix("."))[0] not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def local(name: str) -> Path:
    """The folder of a template's versions on this machine."""
    return settings().home / "deployments" / name


def sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
