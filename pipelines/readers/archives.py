"""Check the format of a file by its first bytes, and unpack archives within limits."""

import gzip
import re
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

from pipelines.core.errors import WeaverError

DATA_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".xlsm", ".mbox")
TEXT_SUFFIXES = (".txt", ".tab", ".psv")  # read if they are named; in a folder they may be anything
WORKBOOK_SUFFIXES = (".xlsx", ".xlsm")
ARCHIVE_SUFFIXES = (".gz", ".zip")
SAVE_AS_XLSX = "Open it in Excel or LibreOffice, save it as .xlsx without a password, and add that file."
MAKE_TABLE = "Write its questions and answers into a table, one per row, and save it as .xlsx or .csv."
SAVE_AS_MBOX = "Export the whole folder of mails as .mbox, for example from Thunderbird or Gmail, and add that file."
OTHER_SUFFIXES = {  # suffix → what such a file is, and what to do with it
    ".xls": ("a workbook of Excel 2003 or earlier", SAVE_AS_XLSX),
    ".xlsb": ("a binary workbook", SAVE_AS_XLSX),
    ".ods": ("a workbook of LibreOffice", SAVE_AS_XLSX),
    ".numbers": ("a workbook of Apple Numbers", "Export it as .xlsx or .csv, and add that file."),
    ".html": ("a web page", SAVE_AS_XLSX),
    ".htm": ("a web page", SAVE_AS_XLSX),
    ".pdf": ("a document", MAKE_TABLE),
    ".docx": ("a document", MAKE_TABLE),
    ".doc": ("a document", MAKE_TABLE),
    ".eml": ("one mail", SAVE_AS_MBOX),
    ".msg": ("one mail of Outlook", SAVE_AS_MBOX),
    ".pst": ("a mailbox of Outlook", SAVE_AS_MBOX),
}
CHUNK_BYTES = 1 << 20  # bytes
MAX_BYTES = 2 << 30  # that an archive may unpack to
MAX_RATIO = 200  # unpacked to packed size; for text and workbooks it is about 5 to 50
SMALL_BYTES = 16 << 20  # an archive that unpacks to less is harmless, whatever its ratio
MAGIC_BYTES = {  # the first bytes of a file → its possible formats
    b"PK\x03\x04": (".xlsx", ".zip", ".xlsm"),
    b"\x1f\x8b": (".gz",),
    b"PAR1": (".parquet",),
    b"\xd0\xcf\x11\xe0": (".xls",),
    b"%PDF": (".pdf",),
}


def assert_format(path: Path, name: str, format_: str) -> None:
    """Check that a file has the format that its name says.

    Raises:
        WeaverError: it is empty, a web page, or has another format.
    """
    head = read_head(path)
    if not head:
        raise WeaverError(f"{name} is empty", "Export it again.")
    start = head.decode("utf-8", "ignore").lstrip("\ufeff \t\r\n").lower()
    if start.startswith(("<!doctype", "<html", "<table", "<?xml")):
        if Path(name).suffix.lower() == ".xls" or (format_ in WORKBOOK_SUFFIXES and "<table" in start):
            raise WeaverError(f"{name} is a web page (HTML or XML) that is named like a workbook", SAVE_AS_XLSX)
        raise WeaverError(
            f"{name} is a web page, not data: '{head[:60].decode('utf-8', 'replace')}'",
            "It may be a sign-in page: download the file itself.",
        )
    real = next((formats for magic, formats in MAGIC_BYTES.items() if head.startswith(magic)), ())
    expected = any(format_ in formats for formats in MAGIC_BYTES.values())
    if (real or expected) and format_ not in real:
        if real[:1] == (".xls",):
            raise WeaverError(f"{name} has a password, or is a workbook of the old format .xls", SAVE_AS_XLSX)
        if real:
            remedy = MAKE_TABLE if ".pdf" in real else "Correct its suffix."
            raise WeaverError(f"{name} is a {' or '.join(real[:2])} file, despite its name", remedy)
        if format_ in WORKBOOK_SUFFIXES and is_text(head):
            raise WeaverError(f"{name} is a text file, despite its name", "Name it .csv, and add it again.")
        raise WeaverError(f"{name} is not a {format_} file, despite its name", "Export it again.")


def read_head(path: Path) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as stream:
        return stream.read(4096)


def is_text(head: bytes) -> bool:
    """Whether a file that begins with these bytes is text in UTF-8 or a code page."""
    return b"\0" not in head and not any(map(head.startswith, MAGIC_BYTES))


def is_chat_name(name: str) -> bool:
    """Whether a text is named as WhatsApp names the chats that it exports, whatever the language."""
    file = re.split(r"[/\\]", name)[-1].lower()
    return file.endswith(".txt") and (file == "_chat.txt" or "whatsapp" in file)


def zip_members(path: Path, name: str) -> list[str]:
    """The data files in a zip archive, chats of WhatsApp too; those that macOS adds are none.

    Raises:
        WeaverError: the archive is broken, or too large.
    """
    with open_zip(path, name) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
    data = [n for n in names if n.lower().endswith(DATA_SUFFIXES) or is_chat_name(n)]
    return sorted(n for n in data if not n.startswith("__MACOSX/"))


def unpack(path: Path, name: str, packed: str, scratch: Path) -> tuple[Path, str]:
    """Unpack the only data file in an archive. Returns its path in `scratch` and its format.

    Raises:
        WeaverError: the archive is broken, too large, or does not hold exactly one data file.
    """
    inside = Path(name).stem
    if packed == ".zip":
        members = zip_members(path, name)
        if len(members) != 1:
            raise WeaverError(
                f"{name} contains {len(members)} data files{': ' if members else ''}{', '.join(members[:5])}",
                f"Pack the {', '.join(DATA_SUFFIXES)} file that has your rows.",
            )
        (inside,) = members
    format_ = Path(inside).suffix.lower()
    if format_ not in DATA_SUFFIXES and not is_chat_name(inside):
        raise WeaverError(f"{name} contains no {', '.join(DATA_SUFFIXES)} file", "Name it like table.csv.gz.")
    target = scratch / f"unpacked{format_}"
    extract(path, name, inside if packed == ".zip" else "", target)
    return target, format_


def extract(path: Path, name: str, member: str, target: Path) -> None:
    """Unpack a member of a zip archive, or a gzip file (no member), within limits.

    Raises:
        WeaverError: the archive is broken, needs a password, or is too large.
    """
    try:
        with target.open("wb") as out:
            if member:
                with open_zip(path, name) as archive, archive.open(member) as stream:
                    copy_bounded(stream, out, name, path.stat().st_size)
            else:
                with gzip.open(path) as stream:
                    copy_bounded(stream, out, name, path.stat().st_size)
    # zipfile raises RuntimeError for a password and NotImplementedError for an unsupported compression.
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno:  # an error of the disk, not of the archive
            raise
        raise WeaverError(f"{name} cannot be unpacked: {error}", "Pack it again, without a password.") from error


def open_zip(path: Path, name: str) -> zipfile.ZipFile:
    """Open a zip archive or a workbook whose table of contents is within the limits."""
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise WeaverError(f"{name} is a broken archive: {error}", "Export it again.") from error
    assert_no_bomb(sum(info.file_size for info in archive.infolist()), path.stat().st_size, name)
    return archive


def copy_bounded(stream: IO[bytes] | Any, out: IO[bytes], name: str, packed: int) -> None:
    """Copy a stream; raise WeaverError as soon as it exceeds the limits."""
    size = 0
    while chunk := stream.read(CHUNK_BYTES):
        size += len(chunk)
        assert_no_bomb(size, packed, name)
        out.write(chunk)


def assert_no_bomb(size: int, packed: int, name: str) -> None:
    """
    Raises:
        WeaverError: `size` bytes unpacked from `packed` bytes is more than data comes to.
    """
    if size > MAX_BYTES or (size > SMALL_BYTES and size > MAX_RATIO * packed):
        raise WeaverError(
            f"{name} has {packed} bytes and unpacks to {size} bytes or more, which is not plausible for data",
            f"If you trust it, unpack it yourself; a file may have at most {MAX_BYTES >> 30} GiB.",
        )
