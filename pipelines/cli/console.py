"""How every verb speaks: tables and sentences for people, one JSON object for scripts."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console

out = Console()
err = Console(stderr=True)

Template = Annotated[str, typer.Argument(help="A template's name; `weaver template list` shows them.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, for scripts.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change a setting of this run.")
]


def speak_aside() -> None:
    """From here on people are told on stderr: stdout belongs to the JSON."""
    out.file = sys.stderr


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=1, default=str))


def overrides(settings: list[str] | None) -> dict[str, Any]:
    """`["train.epochs=2"]` → `{"train.epochs": "2"}`."""
    pairs = dict(text.partition("=")[::2] for text in settings or [])
    for key, value in pairs.items():
        if not value:
            raise typer.BadParameter(f"--set {key}: write it as section.key=value")
    return pairs
