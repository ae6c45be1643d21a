"""Create a dealership's own templates, and change settings in them."""

import io
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from pipelines.core.errors import WeaverError
from pipelines.core.files import write_text
from pipelines.core.make_plan import merge_plan
from pipelines.core.settings import settings
from pipelines.core.templates import Template, find_template_files, load_template
from pipelines.core.validation import validate_section


def create_template(name: str, like: str) -> Path:
    """Write a dealership's own template: a copy of the template `like` under its own name, to be edited.

    Returns:
        The new file.

    Raises:
        WeaverError: the name is taken, or a template cannot have it.
    """
    files = find_template_files()
    load_template(like)
    if name in files:
        raise WeaverError(f"the template '{name}' already exists: {files[name]}", "Choose another name, or edit it.")
    text = re.sub(r"(?m)^name:.*$", f"name: {name}", files[like].read_text(encoding="utf-8"), count=1)
    validate_section(Template, yaml.safe_load(text), f"a template named '{name}'")
    target = settings().templates / f"{name}.yaml"
    write_text(target, text)
    return target


def find_own_template(name: str) -> Path:
    """The file of a dealership's own template.

    Raises:
        WeaverError: the template comes with a kit, whose next version would overwrite what is changed in it.
    """
    load_template(name)
    file = find_template_files()[name]
    if not file.is_relative_to(settings().templates):
        raise WeaverError(
            f"the template {name} comes with a kit: the kit's next version would overwrite a change to {file}",
            f"Copy it to your own name, and use the copy: weaver template new my_{name} --like {name}",
        )
    return file


def update_template(name: str, section: str, values: dict[str, Any]) -> Path:
    """Set values in a section of a dealership's own template; its comments and everything else stay.

    Returns:
        The template's file.

    Raises:
        WeaverError: the template comes with a kit, or would become invalid; the file is unchanged.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    file = find_own_template(name)
    editor = YAML()
    editor.preserve_quotes, editor.width = True, sys.maxsize
    editor.indent(mapping=2, sequence=4, offset=2)
    try:
        tree = editor.load(file)
    except YAMLError as error:  # a duplicate key, of which PyYAML takes the last
        raise WeaverError(f"{file}: {' '.join(str(error).split())}", "Correct that line.") from error
    new_values = editor.load(yaml.safe_dump(values))  # as PyYAML spells it: PyYAML reads 4e-05 without a dot as text
    if tree.get(section):
        tree[section].update(new_values)
    else:
        tree[section] = new_values
        tree.yaml_set_comment_before_after_key(section, before="\n")
    text = io.StringIO()
    editor.dump(tree, text)
    merge_plan(validate_section(Template, yaml.safe_load(text.getvalue()), str(file)), file, {})
    write_text(file, text.getvalue())
    return file
