"""Read PDF: liteparse finds headings, lists and tables on every page, in a process of its own.

A file that makes the parser crash or run for ever ends that process and not this one.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipelines.core.errors import WeaverError
from pipelines.knowledge.reading.blocks import Block, MarkdownReader

TIMEOUT = 600  # seconds for a document; 2,000 pages take five
MAX_PAGES = 20_000
PAGE_NUMBER = re.compile(r"(page|seite|p\.)?\s*\d+(\s*(of|/|von)\s*\d+)?", re.IGNORECASE)
RUNNING_SHARE = 0.5  # of the pages, on which a first or last line is a running header or footer
FEW_PAGES = 4  # too few to tell
LISTED = 10  # numbers of pages in a message


def read_pdf(path: Path, name: str, notes: list[str]) -> Iterator[Block]:
    """The blocks of a PDF. Page numbers and running headers and footers are left out.

    Raises:
        WeaverError: the file is damaged or encrypted, takes too long, or has no text at all (a scan).
    """
    pages = parse_pages(path, name)
    scanned = [number for number, page in enumerate(pages, 1) if not re.search(r"\w", page.replace("```text", ""))]
    if len(scanned) == len(pages):
        raise WeaverError(
            f"{name} holds pictures of text: its {len(pages)} pages are scans without a text layer",
            "Let your scanner or PDF program recognise the text (OCR), and add the result.",
        )
    if scanned:
        shown = ", ".join(map(str, scanned[:LISTED])) + (", …" if len(scanned) > LISTED else "")
        notes.append(f"{len(scanned)} pages without a text layer are left out: {shown}")
    running = find_running_lines(pages)
    reader = MarkdownReader()
    for number, page in enumerate(pages, 1):
        lines = page.splitlines()
        edges = {0, len(lines) - 1}
        kept = (line for at, line in enumerate(lines) if at not in edges or not is_running(line, running))
        yield from reader.read("\n".join(kept), number)


def parse_pages(path: Path, name: str) -> list[str]:
    """The pages as Markdown.

    Raises:
        WeaverError: the file cannot be parsed.
    """
    from liteparse import LiteParse, ParseError, ParseTimeoutError

    options = {"keep_headers_footers": True, "extract_links": False, "image_mode": "off", "max_pages": MAX_PAGES}
    try:
        with LiteParse(
            ocr_enabled=False, output_format="markdown", quiet=True, pool_size=1, parse_timeout=TIMEOUT, **options
        ) as parser:
            pages = parser.parse(path).pages
    except ParseTimeoutError as error:
        raise WeaverError(
            f"{name} could not be read within {TIMEOUT} s", "Print it to a new PDF, or split it."
        ) from error
    except ParseError as error:
        if "password" in str(error):
            raise WeaverError(
                f"{name} is encrypted: it opens with a password alone",
                "Save a copy without the password, and add that.",
            ) from error
        message = str(error).removeprefix("RuntimeError: ")
        raise WeaverError(f"{name} cannot be read: {message}", "Open it, and print it to a new PDF.") from error
    return [page.markdown.strip() for page in pages]


def find_running_lines(pages: Sequence[str]) -> set[str]:
    """The first and last lines, without their digits, that are the same on most pages; headings are none."""
    lines = Counter(
        key
        for page in pages
        for key in {strip_digits(line) for line in (page.splitlines()[:1] + page.splitlines()[-1:])}
        if not key.startswith("#")
    )
    return {line for line, count in lines.items() if count > max(FEW_PAGES - 1, RUNNING_SHARE * len(pages))}


def is_running(line: str, running: set[str]) -> bool:
    """Whether a first or last line is a page number, a running header or a footer."""
    return strip_digits(line) in running or PAGE_NUMBER.fullmatch(line.strip(" #*-")) is not None


def strip_digits(line: str) -> str:
    """A line without its numbers."""
    return re.sub(r"\d+", "", line).strip()
