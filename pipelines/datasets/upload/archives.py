"""What a file is in truth, whatever its name says; and archives, unpacked no further than data goes."""

import gzip
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

from pipelines.core.errors import WeaverError

DATA_SUFFIXES = (".csv", ".jsonl", ".parquet", ".xlsx")
ARCHIVE_SUFFIXES = (".gz", ".zip")
CHUNK_BYTES = 1 << 20  # bytes
MAX_BYTES = 2 << 30  # that an archive may come to
MAX_RATIO = 200  # an archive of text, or a workbook, comes to some 5 to 50 times its size
SMALL_BYTES = 16 << 20  # bytes; an archive that comes to less does no harm, whatever its ratio
MAGIC_BYTES = {  # the first bytes of a file → what it is, whatever its name
    b"PK\x03\x04": (".xlsx", ".zip"),
    b"\x1f\x8b": (".gz",),
    b"PAR1": (".parquet",),
    b"\xd0\xcf\x11\xe0": (".xls",),
    b"%PDF": (".pdf",),
}


def assert_format(path: Path, name: str, format_: str) -> None:
    """Tell at once what is no data at all."""
    with path.open("rb") as stream:
        head = stream.read(4096)
    if not head:
        raise WeaverError(f"{name} is empty", "Export it again.")
    if head.decode("utf-8", "ignore").lstrip("\ufeff \t\r\n").lower().startswith(("<!doctype", "<html", "<?xml")):
        raise WeaverError(
            f"{name} is a web page, not data: {head[:60].decode('utf-8', 'replace')!r}",
            "It may be the page of a sign-in: download the file itself.",
        )
    for magic, formats in MAGIC_BYTES.items():
        if head.startswith(magic) != (format_ in formats):
            if not head.startswith(magic):
                raise WeaverError(f"{name} is no {format_} file, whatever its name says", "Export it again.")
            remedy = "Export it as .csv or .xlsx." if formats[0] in (".xls", ".pdf") else "Give it its true suffix."
            raise WeaverError(f"{name} is in truth a {' or '.join(formats)} file", remedy)


def unpack(path: Path, name: str, packed: str, scratch: Path) -> tuple[Path, str]:
    """The one data file in an archive, and its format."""
    inside = Path(name).stem
    if packed == ".zip":
        with open_zip(path, name) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
            names = [n for n in names if n.lower().endswith(DATA_SUFFIXES) and not n.startswith("__MACOSX/")]
            if len(names) != 1:
                raise WeaverError(
                    f"{name} holds {len(names)} data files{': ' if names else ''}{', '.join(names[:5])}",
                    "Unpack it, and add the folder or the one file you mean.",
                )
            (inside,) = names
    format_ = Path(inside).suffix.lower()
    if format_ not in DATA_SUFFIXES:
        raise WeaverError(f"{name}: there is no {', '.join(DATA_SUFFIXES)} file in it", "Name it like table.csv.gz.")
    target = scratch / f"unpacked{format_}"
    try:
        with target.open("wb") as out:
            if packed == ".zip":
                with open_zip(path, name) as archive, archive.open(inside) as stream:
                    copy_bounded(stream, out, name, path.stat().st_size)
            else:
                with gzip.open(path) as stream:
                    copy_bounded(stream, out, name, path.stat().st_size)
    # zipfile says RuntimeError for a password, NotImplementedError for a packing it does not know: both the archive's.
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno:  # the disk's, not the archive's
            raise
        raise WeaverError(f"{name} cannot be unpacked: {error}", "Pack it again, without a password.") from error
    return target, format_


def open_zip(path: Path, name: str) -> zipfile.ZipFile:
    """A zip archive whose table of contents says that it is no bomb."""
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise WeaverError(f"{name} is a broken archive: {error}", "Export it again.") from error
    assert_no_bomb(sum(info.file_size for info in archive.infolist()), path.stat().st_size, name)
    return archive


def copy_bounded(stream: IO[bytes] | Any, out: IO[bytes], name: str, packed: int) -> None:
    """Unpack, counting what really comes out."""
    size = 0
    while chunk := stream.read(CHUNK_BYTES):
        size += len(chunk)
        assert_no_bomb(size, packed, name)
        out.write(chunk)


def assert_no_bomb(size: int, packed: int, name: str) -> None:
    if size > MAX_BYTES or (size > SMALL_BYTES and size > MAX_RATIO * packed):
        raise WeaverError(
            f"{name} of {packed} bytes comes to {size} or more: no file of data does",
            f"Unpack it yourself if it is yours; at most {MAX_BYTES >> 30} GiB are taken.",
        )
