"""Read a document as blocks: texts that belong together, with the headings above them and their page."""

from collections.abc import Iterator
from pathlib import Path

from pipelines.core.errors import WeaverError
from pipelines.knowledge.reading.blocks import Block
from pipelines.knowledge.reading.markup import read_docx, read_html, read_markdown, read_text
from pipelines.knowledge.reading.pdf import read_pdf
from pipelines.knowledge.reading.sheets import read_csv_rows, read_sheets

__all__ = ["SUFFIXES", "Block", "read_document"]

READERS = {
    ".pdf": read_pdf,
    ".docx": read_docx,
    ".html": read_html,
    ".htm": read_html,
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".txt": read_text,
    ".csv": read_csv_rows,
    ".tsv": read_csv_rows,
    ".xlsx": read_sheets,
    ".xlsm": read_sheets,
}
SUFFIXES = tuple(READERS)
MAX_BYTES = 256 << 20  # of a document
MAGIC = {  # the first bytes of a file → its possible formats
    b"%PDF": (".pdf",),
    b"PK\x03\x04": (".docx", ".xlsx", ".xlsm"),
    b"\xd0\xcf\x11\xe0": (),  # Office before 2007, or Office with a password
}


def read_document(path: Path, name: str, notes: list[str]) -> Iterator[Block]:
    """The blocks of a document, in its order.

    Args:
        name: the file's name, for messages; its suffix says the format.
        notes: gets what a person should know, such as pages that could not be read.

    Raises:
        WeaverError: the file is empty, damaged, encrypted, too large, or of another format than its name says.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in READERS:
        raise WeaverError(f"{name}: documents of this kind are not read", f"Save it as one of: {', '.join(SUFFIXES)}.")
    assert_format(path, name, suffix)
    yield from READERS[suffix](path, name, notes)


def assert_format(path: Path, name: str, suffix: str) -> None:
    """
    Raises:
        WeaverError: the file is empty, too large, or does not begin as its format does.
    """
    size = path.stat().st_size
    if not size:
        raise WeaverError(f"{name} is empty", "Export it again.")
    if size > MAX_BYTES:
        raise WeaverError(
            f"{name} has {size >> 20} MiB; a document may have {MAX_BYTES >> 20} MiB", "Split it into several files."
        )
    with path.open("rb") as stream:
        head = stream.read(1024)
    if suffix == ".pdf" and b"%PDF" in head:
        return  # some programs write a few bytes before it
    for magic, formats in MAGIC.items():
        if head.startswith(magic) and suffix not in formats:
            what = f"a {' or '.join(formats)} file" if formats else "an old or encrypted Office file"
            remedy = "Correct its suffix." if formats else "Remove its password, and save it as .docx or .xlsx."
            raise WeaverError(f"{name} is {what}, despite its name", remedy)
    if any(suffix in formats and not head.startswith(magic) for magic, formats in MAGIC.items()):
        raise WeaverError(f"{name} is not a {suffix} file, despite its name", "Export it again.")
