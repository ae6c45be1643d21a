"""Pages that are generated while the documentation is built: commands, settings, template keys and stages.

They come from the code itself, so that they cannot be out of date.
"""

from collections.abc import Iterator
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to the site."""
    pages = {"commands": commands(), "settings": settings(), "template": template(), "stages": stages(), "api": api()}
    for name, lines in pages.items():
        files.append(File.generated(config, f"reference/{name}.md", content="\n".join(lines) + "\n"))
    return files


def cell(text: object) -> str:
    return " ".join(str(text).replace("|", "\\|").split())


def table(*columns: str) -> list[str]:
    return [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]


def commands() -> Iterator[str]:
    """Every command of `weaver` with its arguments and options."""
    import typer.main

    from pipelines.cli.main import app

    yield "# Commands\n\nEvery command has `--help`; every command that shows something takes `--json`."
    yield from command_lines("weaver", typer.main.get_command(app))


def command_lines(path: str, command: Any) -> Iterator[str]:
    if isinstance(command, click.Group) or hasattr(command, "commands"):
        for name, child in sorted(command.commands.items()):
            yield from command_lines(f"{path} {name}", child)
        return
    yield f"\n## `{path}`\n\n{command.help or ''}\n"
    if command.params:
        yield from table("argument or option", "meaning", "default")
    for param in command.params:
        shown = ", ".join(param.opts) if param.param_type_name == "option" else str(param.metavar or param.name)
        default = "" if param.default in (None, False, "") or callable(param.default) else f"`{cell(param.default)}`"
        yield f"| `{cell(shown)}` | {cell(getattr(param, 'help', '') or '')} | {default} |"


def settings() -> Iterator[str]:
    """Every environment variable that NeuroWeaver reads."""
    from pipelines.core.settings import REPOSITORY, Settings

    yield "# Settings\n\nEnvironment variables. Everything has a default; an empty variable counts as not set.\n"
    yield from table("variable", "meaning", "default")
    for name, field in Settings.model_fields.items():
        secret = "Secret" in str(field.annotation)
        default = str(field.default).replace(str(REPOSITORY), "<repository>")
        shown = "" if secret or default == "" else f"`{cell(default)}`"
        yield f"| `WEAVER_{name.upper()}` | {cell(field.description or '')} | {shown} |"


def template() -> Iterator[str]:
    """Every key of a template, from its JSON schema."""
    import json

    from pipelines.core.settings import REPOSITORY

    schema = json.loads((REPOSITORY / "pipelines" / "kits" / "template.schema.json").read_text())
    yield "# Template keys\n\nA template is YAML; `weaver template validate` checks it. The rest has defaults.\n"
    yield from table("key", "meaning", "type", "default")
    yield from keys("", schema, schema.get("$defs", {}))


def keys(prefix: str, schema: dict[str, Any], definitions: dict[str, Any]) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        reference = field.get("$ref") or next((one["$ref"] for one in field.get("allOf", []) if "$ref" in one), "")
        target = definitions.get(reference.rpartition("/")[2], {})
        if target.get("properties"):
            text = cell(field.get("description") or target.get("description", ""))
            yield f"| **`{prefix}{name}`** | {text} | section | |"
            yield from keys(f"{prefix}{name}.", target, definitions)
            continue
        kind = field.get("type") or " or ".join(str(one.get("type", "value")) for one in field.get("anyOf", [{}]))
        kind = ", ".join(map(str, field["enum"])) if "enum" in field else kind
        default = f"`{cell(field['default'])}`" if field.get("default") not in (None, "") else ""
        yield f"| `{prefix}{name}` | {cell(field.get('description', ''))} | {cell(kind)} | {default} |"


def stages() -> Iterator[str]:
    """The table of stages, as the DAGs, `dvc.yaml` and the command line follow it."""
    from pipelines.stages.table import STAGES

    yield "# Stages\n\nA stage takes the artifacts of earlier stages. Most are also commands: `weaver refine`.\n"
    yield from table("stage", "does", "takes the artifacts of")
    for name, stage in STAGES.items():
        yield f"| `{name}` | {cell(stage.help)} | {', '.join(f'`{source}`' for source in stage.takes)} |"


def api() -> Iterator[str]:
    """What another package may import: the ground floor."""
    yield "# Python API\n\nThe ground floor, which kits and extensions import.\n"
    for module in ("pipelines.core.artifacts", "pipelines.core.plan", "pipelines.core.errors", "pipelines.core.files"):
        yield f"\n## {module}\n\n::: {module}\n    options:\n      show_root_heading: false\n"
