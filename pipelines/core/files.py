"""Files: atomic writes (a temporary name that is renamed last), JSON Lines, digests and locks."""

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
    """Yield a temporary path; the file or folder that is written there is renamed to `target` when the context ends.

    If the context raises, `target` is unchanged and the temporary file is deleted.

    Raises:
        WeaverError: the disk is full.
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
    """Create the folder of `target`, and report a full disk in this context as a WeaverError."""
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
    """Append a line to a file, and return when it is on the disk. There must be one writer at a time.

    A last line without its end, which an earlier crash left incomplete, is removed first: its writer never returned.
    """
    with disk_space_guard(path), path.open("ab+") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)  # so that a new file's name is on the disk too
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, as UTF-8."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write a JSON Lines file atomically."""
    write_text(path, "".join(canonical_json(row) + "\n" for row in rows))


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON Lines file.

    Raises:
        WeaverError: the file does not exist, or a line is not a JSON object; names the line.
    """
    if not path.is_file():
        raise WeaverError(
            f"{path} does not exist", "Check the path. It must be a .jsonl file with one JSON object per line."
        )
    rows = []
    for number, line in enumerate(
        path.read_bytes().splitlines(), start=1
    ):  # of bytes, because in text U+2028 would end a line
        try:
            row = json.loads(line)
            if b"\\u" in line:
                canonical_json(row).encode()  # half a surrogate pair is valid JSON, but not text
            if not isinstance(row, dict):
                raise ValueError(f"a {type(row).__name__}, not an object")
        except ValueError as error:
            raise WeaverError(f"{path}, line {number}: {error}", "Make this line one JSON object.") from error
        rows.append(row)
    return rows


def read_json(path: Path, remedy: str) -> Any:
    """The value in a JSON file that this program wrote.

    Raises:
        WeaverError: the file does not hold JSON any more; with the remedy.
        FileNotFoundError: there is no such file.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WeaverError(f"{path} is damaged: {error}", remedy) from error


def canonical_json(value: Any) -> str:
    """The one JSON text of a value, with sorted keys and without spaces, so that equal values have equal digests."""
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
def file_lock(path: Path, activity: str, timeout: float = -1) -> Iterator[None]:
    """Hold an exclusive lock, which the kernel releases when this process ends, even if it is killed.

    Args:
        path: the lock file.
        activity: what the lock protects, to begin the error message with.
        timeout: seconds to wait for another holder; -1 waits without limit.

    Raises:
        WeaverError: another process still holds the lock after the timeout.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=timeout):
            yield
    except Timeout as error:
        raise WeaverError(
            f"{activity} is already running (it holds the lock {path})", "Wait for it to end, or stop it."
        ) from error


def memoize_dir(folder: Path, build: Callable[[Path], None]) -> Path:
    """Return `folder`; if it does not exist, `build(temporary_folder)` creates it, atomically and once."""
    if not folder.exists():
        with file_lock(folder.with_name(f".{folder.name}.lock"), f"building {folder}"):
            if not folder.exists():
                with atomic_write(folder) as temporary:
                    temporary.mkdir()
                    build(temporary)
    return folder
