"""Files from where they lie: this machine, or an S3 object store."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipelines.clients.s3 import s3_client, translate_s3_error
from pipelines.core.errors import WeaverError
from pipelines.core.files import DISK_FULL, digest
from pipelines.core.validation import did_you_mean

CHUNK_BYTES = 1 << 20
FetchFile = Callable[[Path], None]  # copies the file to a path


def find_files(place: str, suffixes: tuple[str, ...]) -> Iterator[tuple[str, FetchFile]]:
    """The files of a place: the name of each, and how to copy it.

    Raises:
        WeaverError: there is no such place, or no file with one of these suffixes in it.
        Unavailable: the object store does not answer.
    """
    if place.startswith("s3://"):
        yield from find_objects(place, suffixes)
        return
    path = Path(place).expanduser()
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in suffixes and file.is_file())
        if not files:
            raise WeaverError(f"{path} holds none of {', '.join(suffixes)}", "Choose the folder of your files.")
    elif path.is_file():
        files = [path]
    else:
        beside = [str(file) for file in path.parent.glob("*")]
        raise WeaverError(
            f"{path} does not exist{did_you_mean(str(path), beside)}", "Give a file, a folder or s3://bucket/key."
        )
    for file in files:
        yield file.name, lambda target, file=file: copy_file(file, target)  # type: ignore[misc]


def copy_file(source: Path, target: Path) -> None:
    """Copy a file that nobody changes meanwhile.

    Raises:
        WeaverError: it changed while it was read, it may not be read, or the disk is full.
    """
    try:
        with source.open("rb") as stream, target.open("wb") as out:
            before = os.fstat(stream.fileno())
            while chunk := stream.read(CHUNK_BYTES):
                out.write(chunk)
        after = source.stat()
        same = (before.st_ino, before.st_size, before.st_mtime_ns) == (after.st_ino, after.st_size, after.st_mtime_ns)
        if not same or digest(source) != digest(target):
            raise WeaverError(f"{source} changed while it was read", "Wait until it is written, and add it again.")
    except OSError as error:
        remedy = "Free some space." if error.errno in DISK_FULL else "Check that it is there and may be read."
        raise WeaverError(f"{source}: {error.strerror}", remedy) from error


def find_objects(place: str, suffixes: tuple[str, ...]) -> Iterator[tuple[str, FetchFile]]:
    """The objects of s3://bucket/key, or of s3://bucket/prefix/."""
    bucket, _, key = place.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise WeaverError(f"{place} names no object", "Write it as s3://bucket/key, or s3://bucket/folder/.")
    client, keys = s3_client(), [key]
    if key.endswith("/"):
        with translate_s3_error(place):
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
            keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
        keys = [found for found in keys if found.lower().endswith(suffixes)]
        if not keys:
            raise WeaverError(f"{place} holds none of {', '.join(suffixes)}", "Check the name of the folder.")
    for found in keys:
        yield found.rpartition("/")[2], lambda target, found=found: download_object(client, bucket, found, target)  # type: ignore[misc]


def download_object(client: Any, bucket: str, key: str, target: Path) -> None:
    """Stream an object to a file; the store's own condition sees to it that it is one version from end to end."""
    with translate_s3_error(f"s3://{bucket}/{key}"):
        told = client.head_object(Bucket=bucket, Key=key)
        body = client.get_object(Bucket=bucket, Key=key, IfMatch=told["ETag"])["Body"]
        with target.open("wb") as out:
            for chunk in body.iter_chunks(CHUNK_BYTES):
                out.write(chunk)
        if target.stat().st_size != told["ContentLength"]:
            raise WeaverError(f"s3://{bucket}/{key} came in part only", "Add it again.")
