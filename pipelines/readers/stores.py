"""Find and fetch the files of an upload, on this machine or in an S3 object store."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipelines.clients.s3 import s3_client, translate_s3_error
from pipelines.core.errors import WeaverError, did_you_mean
from pipelines.core.files import DISK_FULL, digest
from pipelines.readers.archives import OTHER_SUFFIXES, is_chat_name

CHUNK_BYTES = 1 << 20
FetchFile = Callable[[Path], None]  # copies the file to a path


def find_files(source: str, suffixes: tuple[str, ...]) -> Iterator[tuple[str, FetchFile]]:
    """The files of an upload: the name of each, and a function that copies it.

    Args:
        source: a file, a folder, s3://bucket/key, or s3://bucket/folder/.

    Raises:
        WeaverError: the source does not exist, or contains no file with one of these suffixes.
        Unavailable: the object store cannot be reached.
    """
    if source.startswith("s3://"):
        yield from find_objects(source, suffixes)
        return
    path = Path(source).expanduser()
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if is_wanted(file.name, suffixes) and file.is_file())
        if not files:
            raise WeaverError(f"{path} contains no {', '.join(suffixes)} file", "Choose the folder of your files.")
    elif path.is_file():
        files = [path]
    elif path.exists():
        raise WeaverError(f"{path} is neither a file nor a folder", "Give a file, a folder or s3://bucket/key.")
    else:
        neighbours = [str(file) for file in path.parent.glob("*")]
        raise WeaverError(
            f"{path} does not exist{did_you_mean(str(path), neighbours)}", "Give a file, a folder or s3://bucket/key."
        )
    for file in files:
        yield file.name, lambda target, file=file: copy_file(file, target)  # type: ignore[misc]


def is_wanted(name: str, suffixes: tuple[str, ...]) -> bool:
    """Whether a file of a folder is read: it has one of the suffixes, or is a chat of WhatsApp."""
    return name.lower().endswith(suffixes) or (".mbox" in suffixes and is_chat_name(name))


def unreadable_files(source: str) -> list[tuple[str, str]]:
    """The files of a folder that look like data but cannot be read, with what they are and what to do."""
    path = Path(source).expanduser()
    if source.startswith("s3://") or not path.is_dir():
        return []
    files = sorted(file.name for file in path.iterdir() if file.suffix.lower() in OTHER_SUFFIXES)
    return [(name, ". ".join(OTHER_SUFFIXES[Path(name).suffix.lower()])) for name in files]


def copy_file(source: Path, target: Path) -> None:
    """Copy a file, with the time at which it was last written.

    Raises:
        WeaverError: the file changed while it was read, or cannot be read.
        OSError: the disk of the target is full.
    """
    try:
        with source.open("rb") as stream, target.open("wb") as out:
            before = os.fstat(stream.fileno())
            while chunk := stream.read(CHUNK_BYTES):
                out.write(chunk)
        after = source.stat()
        same = (before.st_ino, before.st_size, before.st_mtime_ns) == (after.st_ino, after.st_size, after.st_mtime_ns)
        if not same or digest(source) != digest(target):
            raise WeaverError(f"{source} changed while it was read", "Wait until it is complete, and add it again.")
        os.utime(target, ns=(after.st_atime_ns, after.st_mtime_ns))
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        raise WeaverError(
            f"{source}: {error.strerror}", "Check that the file exists and that you may read it."
        ) from error


def find_objects(url: str, suffixes: tuple[str, ...]) -> Iterator[tuple[str, FetchFile]]:
    """The objects at s3://bucket/key, or below s3://bucket/prefix/; as `find_files`."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise WeaverError(f"{url} names no object", "Write it as s3://bucket/key, or s3://bucket/folder/.")
    client, keys = s3_client(), [key]
    if key.endswith("/"):
        with translate_s3_error(url):
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
            keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        keys = [item for item in keys if is_wanted(item, suffixes)]
        if not keys:
            raise WeaverError(f"{url} contains no {', '.join(suffixes)} file", "Check the name of the folder.")
    for item in keys:
        yield item.rpartition("/")[2], lambda target, item=item: download_object(client, bucket, item, target)  # type: ignore[misc]


def download_object(client: Any, bucket: str, key: str, target: Path) -> None:
    """Stream an object to a file; the ETag condition makes sure that all its bytes are of one version."""
    with translate_s3_error(f"s3://{bucket}/{key}"):
        head = client.head_object(Bucket=bucket, Key=key)
        body = client.get_object(Bucket=bucket, Key=key, IfMatch=head["ETag"])["Body"]
        with target.open("wb") as out:
            for chunk in body.iter_chunks(CHUNK_BYTES):
                out.write(chunk)
        if target.stat().st_size != head["ContentLength"]:
            raise WeaverError(f"s3://{bucket}/{key} was transferred incompletely", "Add it again.")
        written = head["LastModified"].timestamp()
        os.utime(target, (written, written))
