"""Where the model store keeps what is published: a folder that machines share, or a prefix of an S3 store."""

import errno
import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from pipelines.clients.s3 import s3_client, translate_s3_error
from pipelines.core.errors import WeaverError
from pipelines.core.files import atomic_write, disk_space_guard
from pipelines.core.settings import settings

REPORT_SECONDS = 5.0
log = logging.getLogger(__name__)


class Repository(Protocol):
    """Keys are paths with slashes. What was put is whole or not there."""

    def put(self, file: Path, key: str, size: int) -> None:
        """Store a file, unless one of its size is there: a key carries the digest of what lies under it."""

    def put_new(self, folder: str, name: str, text: bytes) -> bool:
        """Make a folder with this one small file; of all who try, the first. False: it was there before."""

    def get(self, key: str, target: Path, size: int) -> None:
        """Copy or link a stored file to a path."""

    def read(self, key: str) -> bytes | None:
        """A small file; None if there is none."""

    def folders(self, key: str) -> list[str]:
        """Names of the folders in a folder."""

    def uri(self, key: str) -> str:
        """How people name it."""


def repository() -> Repository:
    """
    Raises:
        WeaverError: WEAVER_MODEL_REPOSITORY names no place.
    """
    place = settings().model_repository
    if place.startswith("s3://"):
        bucket, _, prefix = place.removeprefix("s3://").strip("/").partition("/")
        if not bucket:
            raise WeaverError(f"WEAVER_MODEL_REPOSITORY={place} names no bucket", "Write it as s3://bucket/prefix.")
        return Bucket(bucket, prefix)
    return Folder(Path(place).expanduser().absolute() if place else settings().home / "models")


class Folder:
    """Hard links where the file system has them: a model of gigabytes is published and pulled without a second copy."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, file: Path, key: str, size: int) -> None:
        target = self.root / key
        with usable(target):
            if not target.exists() or target.stat().st_size != size:
                linked(file, target)

    def put_new(self, folder: str, name: str, text: bytes) -> bool:
        target = self.root / folder
        try:
            with usable(target), atomic_write(target) as temporary:
                temporary.mkdir()
                (temporary / name).write_bytes(text)
        except FileExistsError:
            return False
        return True

    def get(self, key: str, target: Path, size: int) -> None:
        source = self.root / key
        if not source.is_file():
            raise WeaverError(f"{source} is missing", "Publish the version again: run the deploy stage.")
        linked(source, target)

    def read(self, key: str) -> bytes | None:
        path = self.root / key
        with usable(path):
            return path.read_bytes() if path.is_file() else None

    def folders(self, key: str) -> list[str]:
        return [path.name for path in (self.root / key).glob("*") if path.is_dir()]

    def uri(self, key: str) -> str:
        return str(self.root / key)


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """
    Raises:
        FileExistsError: a folder was to take the place of one that holds something.
        WeaverError: whatever else is wrong with the path.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise FileExistsError(error.errno, error.strerror, str(path)) from error
        raise WeaverError(
            f"{path}: {error.strerror}", "Check that the folder WEAVER_MODEL_REPOSITORY is there and may be written to."
        ) from error


def linked(source: Path, target: Path) -> None:
    with atomic_write(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:  # another file system, or one without hard links
            shutil.copyfile(source, temporary)


class Bucket:
    """boto3 moves large objects in parts, several at a time, and takes one up or down whole."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self.bucket, self.prefix, self.client = bucket, prefix, s3_client()

    def put(self, file: Path, key: str, size: int) -> None:
        with translate_s3_error(self.uri(key)):
            if self.size(key) != size:
                self.client.upload_file(str(file), self.bucket, self.key(key), Callback=Progress(self.uri(key), size))

    def size(self, key: str) -> int | None:
        from botocore.exceptions import ClientError

        try:
            told = self.client.head_object(Bucket=self.bucket, Key=self.key(key))
        except ClientError as error:
            if error.response["Error"].get("Code") in ("404", "NoSuchKey"):
                return None
            raise
        return int(told["ContentLength"])

    def put_new(self, folder: str, name: str, text: bytes) -> bool:
        from botocore.exceptions import ClientError

        key = f"{folder}/{name}"
        with translate_s3_error(self.uri(key)):
            try:
                self.client.put_object(Bucket=self.bucket, Key=self.key(key), Body=text, IfNoneMatch="*")
            except ClientError as error:
                if error.response["ResponseMetadata"].get("HTTPStatusCode") not in (409, 412):
                    raise
                return False
        return True

    def get(self, key: str, target: Path, size: int) -> None:
        with disk_space_guard(target), translate_s3_error(self.uri(key)):
            self.client.download_file(self.bucket, self.key(key), str(target), Callback=Progress(self.uri(key), size))

    def read(self, key: str) -> bytes | None:
        from botocore.exceptions import ClientError

        with translate_s3_error(self.uri(key)):
            try:
                body: bytes = self.client.get_object(Bucket=self.bucket, Key=self.key(key))["Body"].read()
            except ClientError as error:
                if error.response["Error"].get("Code") in ("404", "NoSuchKey"):
                    return None
                raise
        return body

    def folders(self, key: str) -> list[str]:
        prefix = f"{self.key(key)}/"
        with translate_s3_error(self.uri(key)):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix, Delimiter="/"
            )
            found = [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])]
        return [prefix_of.removeprefix(prefix).rstrip("/") for prefix_of in found]

    def key(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{self.key(key)}"


class Progress:
    """boto3 calls it from its threads with the bytes that have moved since."""

    def __init__(self, what: str, size: int) -> None:
        self.what, self.size, self.moved, self.told, self.lock = what, size, 0, time.monotonic(), threading.Lock()

    def __call__(self, bytes: int) -> None:
        with self.lock:
            self.moved += bytes
            if time.monotonic() - self.told >= REPORT_SECONDS:
                self.told = time.monotonic()
                log.info("%s: %d of %d MB", self.what, self.moved / 1e6, self.size / 1e6)
