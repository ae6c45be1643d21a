"""Text as a terminal shows it: as it was written, whoever wrote it, and never as markup or as an order to the terminal.

Whatever prints data prints it to a `PlainConsole`. What is to be coloured is said beside the text, by `styled`.
"""

import os
import re
from typing import Any

from rich.console import Console
from rich.text import Text

from pipelines.core.validation import UNPRINTABLE

# Beside what cannot be printed, the embeddings, overrides and isolates of bidirectional text.
INVISIBLE = re.compile(f"{UNPRINTABLE.pattern}|[\u202a-\u202e\u2066-\u2069]")
FILE_WIDTH = 140  # characters a line in files and pipes: at rich's 80 the widest tables lose letters


class PlainConsole(Console):
    """A console on which `[/docs]`, `:car:` and escape sequences in a text appear as they were written."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = FILE_WIDTH

    def render_str(self, text: str, **options: Any) -> Text:
        """The text that a printed string or a table's cell becomes; rich calls this for each of them."""
        return super().render_str(make_visible(text), **options)


def styled(*parts: str | tuple[str, str]) -> Text:
    """A text of several parts, where `(text, style)` is a part in a style of rich's.

    >>> styled(("error:", "bold red"), " there is no [/docs]").plain
    'error: there is no [/docs]'
    """
    return Text.assemble(*((make_visible(part), "") if isinstance(part, str) else (make_visible(part[0]), part[1])
                           for part in parts))  # fmt: skip


def make_visible(text: str) -> str:
    r"""The text with characters that no terminal shows written out: an escape sequence begins with the letters \x1b.

    So are those that change the direction of what follows: they would show a text in another order than it has.

    >>> make_visible("\x1b[31mred")
    '\\x1b[31mred'
    """
    return INVISIBLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
