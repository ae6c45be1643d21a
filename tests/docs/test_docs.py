"""The documentation is true: its commands exist and take these options, its files are there, its pages build."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from pipelines.cli.main import app
from pipelines.core.settings import REPOSITORY

from ..bench.__main__ import app as bench

PAGES = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("mlflow/*.md")])
PAGES = [page for page in PAGES if page.name != "CHANGELOG.md"]
MAKE = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), flags=re.MULTILINE))


def code(page: Path) -> Iterator[str]:
    """Commands of a page: the lines of its shell blocks, and what stands in backticks."""
    text = page.read_text()
    for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL):
        for line in block.splitlines():
            yield from re.split(r"\s+&&\s+", re.sub(r"\s+#.*", "", line))
    yield from (
        " ".join(span.split()) for span in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    )


def commands(program: str) -> list[tuple[str, str]]:
    return sorted(
        {
            (str(page.relative_to(REPOSITORY)), line)
            for page in PAGES
            for line in code(page)
            if line.startswith(f"{program} ")
        }
    )


def fault(root: object, words: list[str]) -> str:
    """What is wrong with a command line, without running it: an unknown command or option; empty if nothing is."""
    command = root
    while words and hasattr(command, "commands"):
        name, *words = words
        if name not in command.commands:
            return f"no command {name}"
        command = command.commands[name]
    options = {option for param in command.params for option in (*param.opts, *param.secondary_opts)} | {"--help"}  # type: ignore[attr-defined]
    unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in options]
    return f"no option {unknown[0]}" if unknown else ""


@pytest.mark.parametrize(("page", "line"), commands("weaver"))
def test_every_command_exists(page: str, line: str) -> None:
    words = [word for word in shlex.split(line)[1:] if word != "…"]
    assert not fault(typer.main.get_command(app), words), f"{page}: {line}"


@pytest.mark.parametrize(("page", "line"), commands("make"))
def test_every_make_target_exists(page: str, line: str) -> None:
    target, *variables = shlex.split(line)[1:]
    assert target in MAKE, f"{page}: {line}"
    measured = next((value for name, _, value in (each.partition("=") for each in variables) if name == "B"), "")
    if measured and measured not in {"…", "--help"}:
        assert not fault(typer.main.get_command(bench), measured.split()), f"{page}: {line}"


def test_every_measurement_names_a_bench_that_exists() -> None:
    rows = re.findall(r"^\| `([a-z][a-z-]+)", (REPOSITORY / "docs" / "measurements.md").read_text(), flags=re.MULTILINE)
    assert len(rows) > 10
    assert set(rows) - {"make"} <= set(typer.main.get_command(bench).commands)  # type: ignore[attr-defined]


def test_every_file_that_is_named_is_there() -> None:
    named = {
        (page.name, path)
        for page in PAGES
        for path in re.findall(r"`((?:pipelines|dags|plugins|tests|docs|mlflow|data)/[\w./-]+)`", page.read_text())
    }
    assert named
    assert not [(page, path) for page, path in sorted(named) if not (REPOSITORY / path).exists()]


def test_the_pages_build_without_a_warning_and_hold_every_command(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--quiet",
        "--strict",
        "--config-file",
        REPOSITORY / ".mkdocs.yml",
    ]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run([*command, "--site-dir", tmp_path], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "reference" / "commands.html").read_text()
    assert all(f"weaver {name}" in page for name in typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    assert not re.findall(r'(?:src|href)="https?://(?!127\.0\.0\.1)[^"]*\.(?:js|css|woff2?)"', page), (
        "nothing is fetched"
    )


def test_the_first_screen_is_one_screen() -> None:
    """A stranger sees what it is, the two commands, what to expect and a working example without scrolling on."""
    readme = (REPOSITORY / "README.md").read_text().splitlines()
    assert len(readme) < 80
    assert {"make run", "make test"} <= {" ".join(line.split()[:2]) for line in readme}
