"""Find the encoding of a text file, and read its lines within limits.

The encoding is that of the byte order mark; else UTF-8, if all bytes are; else Windows-1252, which is a guess: any byte
sequence is text in any code page. A guess is told, with how a line would read in other code pages.
"""

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from encodings.aliases import aliases
from itertools import pairwise
from pathlib import Path

from pipelines.core.errors import WeaverError, did_you_mean
from pipelines.readers.archives import CHUNK_BYTES

MAX_LINE_CHARS = 1 << 20  # characters
BOMS = {  # the longest first: that of UTF-32 begins like that of UTF-16
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
GUESS = "cp1252"
# Western, Central European, Mac, DOS (US, Western and Central European), Cyrillic (three), Greek, Turkish, Hebrew,
# Arabic, Baltic, Chinese (two), Japanese, Korean.
CODE_PAGES = (
    "cp1252", "cp1250", "mac_roman", "cp437", "cp850", "cp852", "cp1251", "koi8_r", "cp866", "cp1253", "cp1254",
    "cp1255", "cp1256", "cp1257", "gbk", "big5", "shift_jis", "euc_kr",
)  # fmt: skip
SHOWN_CODE_PAGES = 5  # the most plausible
SIGNS = frozenset(
    "\u2013\u2014\u2018\u2019\u201c\u201d…•°§±²³µ·¼½¾\u00d7€£«»¿¡®©™№"
)  # dashes, quotes, units: in any text
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


def assert_known(encoding: str) -> None:
    """
    Raises:
        WeaverError: Python knows no such encoding; names the one that was probably meant.
    """
    try:
        codecs.lookup(encoding)
    except LookupError as error:
        names = {*aliases.values(), *aliases}
        near = did_you_mean(encoding.lower().replace("-", "_"), sorted(names, key=lambda name: name not in CODE_PAGES))
        raise WeaverError(
            f"--encoding {encoding}: there is no such encoding{near}", "Usual are utf-8, cp1252, cp1250, utf-16."
        ) from error


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
    """The words around a byte in the code pages that give plausible ones: `'świeca' with --encoding cp1250 · …`.

    Args:
        line: the bytes of a line.
        at: the place of a byte that is not UTF-8.
    """
    shown: dict[str, tuple[int, str]] = {}
    for encoding in CODE_PAGES:
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError:
            continue
        start = max(0, len(line[:at].decode(encoding, "ignore")) - SHOWN_CHARS // 2)
        part = " ".join(text[start : start + SHOWN_CHARS].split())
        if part.isprintable() and part not in [other for _, other in shown.values()]:
            shown[encoding] = (count_oddities(text) - (encoding == GUESS), part)
    best = sorted(shown, key=lambda encoding: shown[encoding][0])[:SHOWN_CODE_PAGES]
    if GUESS in shown and GUESS not in best:
        best = [GUESS, *best[:-1]]
    return " · ".join(
        f"'{shown[encoding][1]}' in {NAMES[encoding]}"
        if encoding in NAMES
        else f"'{shown[encoding][1]}' with --encoding {encoding}"
        for encoding in best
    )


def count_oddities(text: str) -> int:
    """How often a text has what no language has: signs or two scripts in a word, capitals after small letters."""
    odd = 0
    for before, mark in pairwise(text):
        if mark.isascii() and before.isascii():
            continue
        if not mark.isascii() and not mark.isalpha() and mark not in SIGNS:
            odd += 2
        elif mark.isalpha() and before.isalpha():
            odd += script(mark) != script(before) and (before.islower() or mark.islower())
            odd += before.islower() and mark.isupper()
    return odd


def script(letter: str) -> str:
    """The script of a letter: LATIN, CYRILLIC, …"""
    name = unicodedata.name(letter, "").split(" ")[0]
    return "CJK" if name in ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA") else name


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
