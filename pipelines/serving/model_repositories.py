"""The storage behind the model store: a folder that machines share, or a prefix in an S3 bucket."""

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
    """Storage of published files; keys are paths with slashes, and a file is stored as a whole or not at all."""

    def put(self, file: Path, key: str, size: int) -> None:
        """Store a file unless one of its size is there: a key contains the digest of the files below it."""

    def put_new(self, folder: str, name: str, text: bytes) -> bool:
        """Create a folder with this one small file. Exactly one of several callers gets True, the others False."""

    def get(self, key: str, target: Path, size: int) -> None:
        """Copy or link a stored file to a path."""

    def read(self, key: str) -> bytes | None:
        """The content of a small file; None if there is none."""

    def folders(self, key: str) -> list[str]:
        """Names of the folders directly below a key."""

    def uri(self, key: str) -> str:
        """The key's path or s3:// URI, for messages."""


def open_repository() -> Repository:
    """The repository that WEAVER_MODEL_REPOSITORY names; <home>/models by default.

    Raises:
        WeaverError: it is an s3:// URI without a bucket.
    """
    uri = settings().model_repository
    if uri.startswith("s3://"):
        bucket, _, prefix = uri.removeprefix("s3://").strip("/").partition("/")
        if not bucket:
            raise WeaverError(f"WEAVER_MODEL_REPOSITORY={uri} names no bucket", "Write it as s3://bucket/prefix.")
        return S3Repository(bucket, prefix)
    return FolderRepository(Path(uri).expanduser().absolute() if uri else settings().home / "models")


class FolderRepository(Repository):
    """A shared folder; hard links where the file system has them, so that a large model is not copied."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, file: Path, key: str, size: int) -> None:
        target = self.root / key
        with translate_os_error(target):
            if not target.exists() or target.stat().st_size != size:
                link_or_copy(file, target)

    def put_new(self, folder: str, name: str, text: bytes) -> bool:
        target = self.root / folder
        try:
            with translate_os_error(target), atomic_write(target) as temporary:
                temporary.mkdir()
                (temporary / name).write_bytes(text)
        except FileExistsError:
            return False
        return True

    def get(self, key: str, target: Path, size: int) -> None:
        source = self.root / key
        if not source.is_file():
            raise WeaverError(
                f"the published file {source} is missing", "Publish the version again: run the deploy stage."
            )
        link_or_copy(source, target)

    def read(self, key: str) -> bytes | None:
        path = self.root / key
        with translate_os_error(path):
            return path.read_bytes() if path.is_file() else None

    def folders(self, key: str) -> list[str]:
        return [path.name for path in (self.root / key).glob("*") if path.is_dir()]

    def uri(self, key: str) -> str:
        return str(self.root / key)


@contextmanager
def translate_os_error(path: Path) -> Iterator[None]:
    """Turn errors of the file system into a WeaverError that names the path.

    Raises:
        FileExistsError: a folder was to replace one that is not empty.
        WeaverError: any other error.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise FileExistsError(error.errno, error.strerror, str(path)) from error
        raise WeaverError(
            f"{path}: {error.strerror}", "Check that the folder in WEAVER_MODEL_REPOSITORY exists and is writable."
        ) from error


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target` a hard link to `source`, or a copy of it."""
    with atomic_write(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:  # another file system, or one without hard links
            shutil.copyfile(source, temporary)


class S3Repository(Repository):
    """A prefix of an S3 bucket; boto3 transfers large objects in parallel parts, and completes them atomically."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self.bucket, self.prefix, self.client = bucket, prefix, s3_client()

    def put(self, file: Path, key: str, size: int) -> None:
        with translate_s3_error(self.uri(key)):
            if self.size(key) != size:
                self.client.upload_file(
                    str(file), self.bucket, self.key(key), Callback=TransferProgress(self.uri(key), size)
                )

    def size(self, key: str) -> int | None:
        """Bytes of an object; None if there is none."""
        from botocore.exceptions import ClientError

        try:
            head = self.client.head_object(Bucket=self.bucket, Key=self.key(key))
        except ClientError as error:
            if error.response["Error"].get("Code") in ("404", "NoSuchKey"):
                return None
            raise
        return int(head["ContentLength"])

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
            self.client.download_file(
                self.bucket, self.key(key), str(target), Callback=TransferProgress(self.uri(key), size)
            )

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
            folders = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]
        return [folder.removeprefix(prefix).rstrip("/") for folder in folders]

    def key(self, key: str) -> str:
        """The object's key in the bucket."""
        return f"{self.prefix}/{key}" if self.prefix else key

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{self.key(key)}"


class TransferProgress:
    """Logs the progress of a transfer; boto3 calls it from its threads with the bytes transferred since."""

    def __init__(self, uri: str, size: int) -> None:
        self.uri, self.size, self.transferred = uri, size, 0
        self.reported_at, self.lock = time.monotonic(), threading.Lock()

    def __call__(self, bytes: int) -> None:
        with self.lock:
            self.transferred += bytes
            if time.monotonic() - self.reported_at >= REPORT_SECONDS:
                self.reported_at = time.monotonic()
                log.info("%s: %d of %d MB", self.uri, self.transferred / 1e6, self.size / 1e6)
