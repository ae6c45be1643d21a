"""How every verb writes: tables and sentences for people, one JSON object for scripts, and never a long silence.

Verbs print to `out` alone: it shows every text as it is, whoever wrote it.
"""

import json
import sys
import time
from typing import Annotated, Any

import typer

from pipelines.text.terminal import PlainConsole

out = PlainConsole()
err = PlainConsole(stderr=True)

HEARTBEAT_SECONDS = 30.0  # where the output is no terminal, a line at least so often says what is going on

Template = Annotated[str, typer.Argument(help="A template's name; `weaver template list` shows them.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, for scripts.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change a setting of this run.")
]


def reserve_stdout() -> None:
    """From here on, text for people goes to stderr: stdout belongs to the JSON."""
    out.file = sys.stderr


def print_json(value: Any) -> None:
    """Print the one JSON object of `--json`."""
    print(json.dumps(value, indent=1, default=str))


def overrides(settings: list[str] | None) -> dict[str, Any]:
    """`["train.epochs=2"]` → `{"train.epochs": "2"}`."""
    pairs = dict(text.partition("=")[::2] for text in settings or [])
    for key, value in pairs.items():
        if not value:
            raise typer.BadParameter(f"--set {key}: write it as section.key=value")
    return pairs


def print_line(text: str) -> None:
    """A line of a log for people, with the time of day."""
    out.print(f"{time.strftime('%H:%M:%S')}  {text}", highlight=False, soft_wrap=True)


class Heartbeat:
    """Lines of a watching verb, where the output is no terminal; a wait without news is told every half minute."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def print(self, text: str) -> None:
        """Print news at once."""
        print_line(text)
        self.last = time.monotonic()

    def is_due(self) -> bool:
        """Whether nothing was printed for half a minute."""
        return time.monotonic() - self.last >= HEARTBEAT_SECONDS
