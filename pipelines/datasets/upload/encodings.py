"""Find the encoding of a text file, and read its lines within limits.

The encoding is that of the byte order mark; else UTF-8, if all bytes are; else Windows-1252, which is a guess: any byte
sequence is text in any code page. A guess is told, with how a line would read in other code pages.
"""

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pipelines.core.errors import WeaverError
from pipelines.datasets.upload.archives import CHUNK_BYTES

MAX_LINE_CHARS = 1 << 20  # characters
BOMS = {  # the longest first: that of UTF-32 begins like that of UTF-16
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
GUESS = "cp1252"
# Western, Central European, Mac, DOS (US, Western and Central European), Cyrillic, Turkish.
CODE_PAGES = ("cp1252", "cp1250", "mac_roman", "cp437", "cp850", "cp852", "cp1251", "cp1254")
NAMES = {"cp1252": "Windows-1252"}
UNDEFINED = {0x81, 0x8D, 0x8F, 0x90, 0x9D}  # bytes that are nothing in Windows-1252
SHOWN_CHARS = 24  # of a line around the byte in question, to show it in several code pages
MIXED = "neuroweaver-mixed"  # the error handler of UTF-8 files that have some lines in Windows-1252


def decode_stray_bytes(error: UnicodeError) -> tuple[str, int]:
    """Decode bytes that are not UTF-8 as Windows-1252: an error handler for `open`."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode(GUESS), error.end


codecs.register_error(MIXED, decode_stray_bytes)


def detect_encoding(path: Path, name: str, notes: list[str]) -> str:
    """The encoding of a text file.

    Args:
        notes: gets a note if the encoding is a guess.

    Raises:
        WeaverError: the file is binary, or in an encoding that is none of those tried.
    """
    with path.open("rb") as stream:
        head = stream.read(4096)
    for bom, encoding in BOMS.items():
        if head.startswith(bom):
            return encoding
    if b"\0" in head:
        return detect_utf16(head, name, notes)
    stray = find_undecodable(path, "utf-8")
    if stray is None:
        return "utf-8"
    line, text, at = stray
    where = f"line {line}, byte 0x{text[at]:02x}"
    stray_bytes = count_stray_bytes(path)
    if sum(stray_bytes.values()) * 2 < count_utf8_letters(path) and not UNDEFINED & set(stray_bytes):
        notes.append(f"some bytes are not utf-8 ({where} is the first): they are read as Windows-1252")
        return "utf-8"
    notes.append(f"not utf-8: {where}: read as Windows-1252, a guess")
    if other := find_undecodable(path, GUESS):
        line, text, at = other
        raise WeaverError(
            f"{name}: not utf-8: {where}; not {GUESS}: line {line}, byte 0x{text[at]:02x}",
            f"Say the encoding with --encoding; that line is {show_code_pages(text, at)}.",
        )
    notes.append(f"if letters look wrong, say the encoding: {show_code_pages(text, at)}")
    return GUESS


def detect_utf16(head: bytes, name: str, notes: list[str]) -> str:
    """UTF-16 without a byte order mark, told by zeros in every other byte.

    Raises:
        WeaverError: the file is binary.
    """
    zeros = [head[side::2].count(0) / max(1, len(head[side::2])) for side in (0, 1)]
    if min(zeros) < 0.05 and max(zeros) > 0.5:
        encoding = "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
        notes.append(f"read as {encoding}, though it has no byte order mark")
        return encoding
    raise WeaverError(
        f"{name} is binary, or UTF-16 without a byte order mark",
        "Save it as UTF-8, or give its encoding, for example --encoding utf-16-le.",
    )


def find_undecodable(path: Path, encoding: str) -> tuple[int, bytes, int] | None:
    """The first byte that an encoding cannot decode: its line, the bytes of that line, and its place among them."""
    decoder, line = codecs.getincrementaldecoder(encoding)(), 1
    with path.open("rb") as stream:
        while chunk := stream.readline(CHUNK_BYTES):
            try:
                decoder.decode(chunk, final=chunk.endswith(b"\n"))
            except UnicodeDecodeError as error:
                return line, error.object, error.start
            line += chunk.endswith(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        return line, error.object, error.start
    return None


def count_stray_bytes(path: Path) -> Counter[int]:
    """The bytes that are not UTF-8, and how often there is each."""
    counts: Counter[int] = Counter()
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
        for line in iter(lambda: stream.readline(CHUNK_BYTES), ""):
            counts.update(ord(mark) - 0xDC00 for mark in re.findall("[\udc80-\udcff]", line))
    return counts


def count_utf8_letters(path: Path) -> int:
    """How many characters beyond ASCII are valid UTF-8; in another code page hardly any are."""
    with path.open(encoding="utf-8", errors="ignore", newline="") as stream:
        return sum(len(re.findall(r"[^\x00-\x7f]", line)) for line in iter(lambda: stream.readline(CHUNK_BYTES), ""))


def show_code_pages(line: bytes, at: int) -> str:
    """The words around a byte in each code page that gives other words: `--encoding cp1250: 'świeca' · …`."""
    start = max(0, at - SHOWN_CHARS // 2)
    part = line[start : start + SHOWN_CHARS]
    shown: dict[str, str] = {}
    for encoding in CODE_PAGES:
        try:
            text = " ".join(part.decode(encoding).split())
        except UnicodeDecodeError:
            continue
        if text.isprintable() and text not in shown.values():
            shown[encoding] = text
    return " · ".join(
        f"'{text}' in {NAMES[encoding]}" if encoding in NAMES else f"'{text}' with --encoding {encoding}"
        for encoding, text in shown.items()
    )


def read_lines(path: Path, name: str, encoding: str) -> Iterator[str]:
    """The lines of a text file with their ends.

    Raises:
        WeaverError: a line is longer than MAX_LINE_CHARS, or cannot be decoded.
    """
    number = 0
    errors = MIXED if encoding == "utf-8" else "strict"
    try:
        with path.open(encoding=encoding, errors=errors, newline="") as stream:
            while line := stream.readline(MAX_LINE_CHARS + 1):
                number += 1
                if len(line) > MAX_LINE_CHARS:
                    raise WeaverError(
                        f"{name}, line {number} is longer than {MAX_LINE_CHARS} characters",
                        "Write one row per line, and check that this is the right file.",
                    )
                yield line
    except (UnicodeError, LookupError) as error:
        raise WeaverError(f"{name}, line {number + 1}: {error}", "Save it as UTF-8, or correct --encoding.") from error
