"""Whole files or none: every write goes to a temporary name first and is renamed last."""

import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pipelines.core.errors import WeaverError

DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


@contextmanager
def atomic_write(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; write a file or folder there and it becomes `target`, or nothing does.

    Raises:
        WeaverError: the disk is full; what was half-written is gone.
    """
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        with disk_space_guard(target):
            yield temporary
            temporary.replace(target)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


@contextmanager
def disk_space_guard(target: Path) -> Iterator[None]:
    """Write to `target` in here: its folder is there, and a full disk is told as such."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise WeaverError(
            f"no room left to write {target}: {error.strerror}",
            f"Free space on the disk that holds {target.parent}, or point WEAVER_HOME at a larger one; then run again.",
        ) from error


def append_line(path: Path, line: str) -> None:
    """Add a line to a file, and return when it is on the disk; a line that a crash tore off before is cut away first.

    A torn line is one without its end: whoever wrote it was never told that it stands. One writer at a time.
    """
    with disk_space_guard(path), path.open("ab+") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)  # that the file is there at all is its folder's to remember
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_text(path: Path, text: str) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    write_text(path, "".join(canonical_json(row) + "\n" for row in rows))


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSON Lines file.

    Raises:
        WeaverError: the file is missing, or a line is not a JSON object; names the line.
    """
    if not path.is_file():
        raise WeaverError(
            f"{path} does not exist", "Check the path; a dataset is a .jsonl file, one JSON object a line."
        )
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):  # of bytes: U+2028 in a text ends no line
        try:
            row = json.loads(line)
            if b"\\u" in line:
                canonical_json(row).encode()  # half of a surrogate pair is JSON, but no text
            if not isinstance(row, dict):
                raise ValueError(f"a {type(row).__name__}, not an object")
        except ValueError as error:
            raise WeaverError(f"{path}, line {number}: {error}", "Make this line one JSON object.") from error
        rows.append(row)
    return rows


def canonical_json(value: Any) -> str:
    """One spelling a value, so that equal values have equal digests."""
    return ENCODER.encode(value)


def digest(value: Any) -> str:
    """SHA-256 of a value's canonical JSON, or of a file's or folder's names and bytes; 64 hex digits."""
    if isinstance(value, Path):
        sha = hashlib.sha256()
        files = sorted(p for p in value.rglob("*") if p.is_file()) if value.is_dir() else [value]
        for file in files:
            sha.update(str(file.relative_to(value)).encode())
            with file.open("rb") as stream:
                sha.update(hashlib.file_digest(stream, "sha256").digest())
        return sha.hexdigest()
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


@contextmanager
def file_lock(path: Path, what: str, timeout: float = -1) -> Iterator[None]:
    """Hold an exclusive lock that the kernel releases when this process dies, however it dies.

    Args:
        timeout: seconds to wait for the present holder; -1 waits as long as it takes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=timeout):
            yield
    except Timeout as error:
        raise WeaverError(f"{what} is already running (it holds {path})", "Wait for it to end, or stop it.") from error


def memoize_dir(folder: Path, build: Callable[[Path], None]) -> Path:
    """The finished `folder`: found if an earlier run completed it, else built whole by `build(temporary_folder)`."""
    if not folder.exists():
        with file_lock(folder.with_name(f".{folder.name}.lock"), f"building {folder}"):
            if not folder.exists():
                with atomic_write(folder) as temporary:
                    temporary.mkdir()
                    build(temporary)
    return folder
