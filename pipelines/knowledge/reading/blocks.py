"""Blocks of a document: the texts between which it may be cut."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

MAX_HEADING_CHARS = 150  # a longer "heading" is a paragraph that somebody formatted as one


class Block(NamedTuple):
    """A paragraph, list, table or record."""

    text: str
    headings: tuple[str, ...] = ()  # above it, the outermost first
    page: int = 0  # from 1; 0: the format has no pages
    kind: str = (
        "text"  # text, table (rows of Markdown below a header), or record (a row, which is a passage of its own)
    )


class MarkdownReader:
    """Markdown as blocks; headings hold until the next one of their level, over pages too."""

    def __init__(self) -> None:
        self.headings: dict[int, str] = {}  # level → text

    def read(self, markdown: str, page: int = 0) -> Iterator[Block]:
        """The blocks of a text, or of a document's next page."""
        lines = markdown.splitlines()
        level = 0  # of the heading that is being read
        for token in markdown_parser().parse(markdown):
            if token.type == "heading_open":
                level = int(token.tag[1:])
            elif token.type == "inline" and level:
                heading = " ".join(plain_text(token.content).split())
                if len(heading) > MAX_HEADING_CHARS:
                    yield Block(heading, self.path(), page)
                elif heading:
                    self.headings = {other: text for other, text in self.headings.items() if other < level}
                    self.headings[level] = heading
                level = 0
            elif token.level == 0 and token.map and token.type not in ("heading_close", "hr"):
                text = "\n".join(lines[token.map[0] : token.map[1]]).strip()
                kind = "table" if token.type == "table_open" else "text"
                if token.type == "fence":
                    text = token.content.strip()
                if re.search(r"\w", text):
                    yield Block(plain_text(text), self.path(), page, kind)

    def path(self) -> tuple[str, ...]:
        """The headings that hold here."""
        return tuple(text for _, text in sorted(self.headings.items()))


@cache
def markdown_parser() -> Any:
    """CommonMark with tables; raw HTML is text."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")


def plain_text(markdown: str) -> str:
    """Markdown without its escapes and emphasis; tables and lists stay."""
    text = re.sub(r"\\([\\`*_{}\[\]()#+.!|>~-])", r"\1", markdown)
    return re.sub(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1", r"\2", text)
