"""Read Word, HTML, Markdown and plain text: all become Markdown, whose headings, lists and tables are blocks."""

import re
from collections.abc import Iterator
from pathlib import Path

from pipelines.core.errors import WeaverError
from pipelines.knowledge.reading.blocks import Block, MarkdownReader
from pipelines.readers.archives import open_zip
from pipelines.readers.encodings import MIXED, detect_encoding

NO_CONTENT = ("script", "style", "noscript", "template", "head", "nav", "svg", "img")  # elements of a page
WORD_CONTENT = "word/document.xml"


def read_docx(path: Path, name: str, notes: list[str]) -> Iterator[Block]:
    """The blocks of a Word document.

    Raises:
        WeaverError: it is damaged, a zip bomb, or has no text.
    """
    import mammoth

    with open_zip(path, name) as archive:
        if WORD_CONTENT not in archive.namelist():
            raise WeaverError(f"{name} is not a Word document", "Save it again as .docx.")
    try:
        with path.open("rb") as stream:
            html = mammoth.convert_to_html(stream, convert_image=lambda image: []).value
    except Exception as error:  # its parsers raise various errors on a damaged document
        raise WeaverError(f"{name} cannot be read as a Word document: {error}", "Save it again as .docx.") from error
    yield from non_empty(MarkdownReader().read(html_to_markdown(html, name)), name)


def read_html(path: Path, name: str, notes: list[str]) -> Iterator[Block]:
    """The blocks of a web page, without scripts, styles and navigation."""
    html = decode(path, name, notes)
    if not re.search(r"<\s*(html|body|p|div|h[1-6]|table|ul)\b", html, re.IGNORECASE):
        raise WeaverError(f"{name} is no web page", "Save it with its real suffix, such as .txt or .md.")
    yield from non_empty(MarkdownReader().read(html_to_markdown(html, name)), name)


def read_markdown(path: Path, name: str, notes: list[str]) -> Iterator[Block]:
    """The blocks of a Markdown file; front matter is left out."""
    markdown = re.sub(r"\A---\n.*?\n---\n", "", decode(path, name, notes), flags=re.DOTALL)
    yield from non_empty(MarkdownReader().read(markdown), name)


def read_text(path: Path, name: str, notes: list[str]) -> Iterator[Block]:
    """The paragraphs of a plain text, which blank lines part."""
    paragraphs = (part.strip() for part in re.split(r"\n\s*\n", decode(path, name, notes)))
    yield from non_empty((Block(text) for text in paragraphs if text), name)


def decode(path: Path, name: str, notes: list[str]) -> str:
    """The text of a file, in the encoding that it seems to have."""
    encoding = detect_encoding(path, name, notes)
    try:
        return path.read_text(encoding=encoding, errors=MIXED if encoding == "utf-8" else "strict")
    except UnicodeError as error:
        raise WeaverError(f"{name} is not {encoding}: {error}", "Save it as UTF-8.") from error


def html_to_markdown(html: str, name: str) -> str:
    """HTML as Markdown: headings, lists and tables stay, links become their text.

    Raises:
        WeaverError: its elements are nested too deeply.
    """
    from bs4 import BeautifulSoup
    from markdownify import MarkdownConverter

    try:
        soup = BeautifulSoup(html, "lxml")
        for element in soup(NO_CONTENT):
            element.decompose()
        converter = MarkdownConverter(heading_style="ATX", table_infer_header=True, strip=["a"], bullets="-")
        return str(converter.convert_soup(soup))
    except RecursionError as error:
        raise WeaverError(
            f"{name}: its elements are nested too deeply to be read", "Save it as text or PDF, and add that."
        ) from error


def non_empty(blocks: Iterator[Block], name: str) -> Iterator[Block]:
    """The blocks.

    Raises:
        WeaverError: there is none.
    """
    has_text = False
    for block in blocks:
        has_text = True
        yield block
    if not has_text:
        raise WeaverError(f"{name} has no text", "Check that it is the right file, and export it again.")
