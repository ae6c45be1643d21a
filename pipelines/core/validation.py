"""Read YAML and validate it; every error names the file and the key, and suggests the key that was probably meant."""

import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipelines.core.errors import WeaverError, did_you_mean
from pipelines.core.plan.section import Section
from pipelines.core.settings import settings

SectionType = TypeVar("SectionType", bound=Section)
# libyaml: twenty times as fast, and every DAG file reads every template.
BASE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Escape sequences change what a terminal shows; halves of surrogate pairs cannot be written at all.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class UniqueKeyLoader(BASE_LOADER):  # type: ignore[misc]
    """Reads YAML; a key that is there twice is an error, where PyYAML takes the last one."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """A mapping, each key of which is there once."""
        keys: list[str] = []
        for key, _ in node.value:
            if key.value in keys and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key.value}' is there twice", key.start_mark
                )
            keys.append(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        WeaverError: the file is missing, cannot be read, is not YAML, or does not hold a mapping.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), UniqueKeyLoader)
        unprintable = find_unprintable(content)
    except FileNotFoundError as error:
        remedy = "Restore it from git, or correct WEAVER_PARAMS." if path == settings().params else "Correct the path."
        raise WeaverError(f"{path} does not exist", remedy) from error
    except OSError as error:
        raise WeaverError(f"{path} cannot be read: {error.strerror}", "Make it a file that you may read.") from error
    except UnicodeDecodeError as error:
        raise WeaverError(f"{path} is not UTF-8: {error.reason} at byte {error.start}", "Save it as UTF-8.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date such as 2026-02-30
        raise WeaverError(f"{path} is not valid YAML: {describe_yaml_fault(error)}", "Correct that line.") from error
    if not isinstance(content, dict):
        problem = "is empty" if content is None else f"holds a {type(content).__name__}, not a mapping"
        raise WeaverError(f"{path} {problem}", "Write it as `key: value` lines.")
    if unprintable:
        raise WeaverError(
            f"{path}: the text of '{unprintable}' contains a control character or half of a surrogate pair",
            "Type the text anew, without escapes such as \\x00 or \\ud83d.",
        )
    return content


def describe_yaml_fault(error: Exception) -> str:
    """What the YAML reader says, on one line and without its name for a text that is no file."""
    return " ".join(str(error).replace('in "<unicode string>",', "in").split())


def parse_value(key: str, value: Any) -> Any:
    """The value of a setting as `--set` or a form gives it: a text is YAML.

    Raises:
        WeaverError: the text is not YAML, or holds what cannot be written.
    """
    try:
        parsed = yaml.load(value, UniqueKeyLoader) if isinstance(value, str) else value
        unprintable = find_unprintable(parsed, key)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise WeaverError(
            f"{key}: {quote(value)} is not a value: {describe_yaml_fault(error)}",
            f"Write it as YAML: {key}=0.5, {key}=[a, b].",
        ) from error
    if unprintable:
        raise WeaverError(
            f"{unprintable}: the text contains a control character or half of a surrogate pair", "Type it anew."
        )
    return parsed


def find_unprintable(value: Any, key: str = "") -> str:
    """The key of the first text that cannot be written to a database or shown; empty if all can."""
    if isinstance(value, dict):
        parts = [(f"{key}.{name}" if key else str(name), part) for name, part in value.items()]
    elif isinstance(value, list):
        parts = [(f"{key}.{number}", part) for number, part in enumerate(value)]
    else:
        return key if isinstance(value, str) and UNPRINTABLE.search(value) else ""
    return next(filter(None, (find_unprintable(part, name) for name, part in parts)), "")


def validate_section(model: type[SectionType], values: dict[str, Any], source: str) -> SectionType:
    """Validate values against a section's model.

    Args:
        source: where the values come from, for the error message: a file, or several.

    Raises:
        WeaverError: one line per fault: the source, the key, and the nearest valid key if the key is unknown.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = [f"{source}: {describe_fault(model, fault)}" for fault in error.errors()]
        raise WeaverError("\n".join(faults), "Correct these keys.") from error


def describe_fault(model: type[Section], fault: ErrorDetails) -> str:
    """One fault of pydantic's as a clause: the key, what is wrong with it, and the value that it has."""
    key = ".".join(map(str, fault["loc"]))
    if fault["type"] == "missing":  # pydantic gives the whole section as the value
        return f"{key}: {fault['msg']}"
    if fault["type"] != "extra_forbidden":
        hint = fault.get("ctx", {}).get("hint", "")
        return f"{key}: {fault['msg']}, not {quote(fault['input'])}{hint}"
    section: Any = model
    for name in fault["loc"][:-1]:
        section = section.model_fields[name].annotation
    *path, _ = map(str, fault["loc"])
    return f"unknown key '{key}'{did_you_mean(key, ['.'.join([*path, field]) for field in section.model_fields])}"


def quote(value: object) -> str:
    """A value as a message shows it: text in quotation marks, everything else as it is."""
    return f"'{value}'" if isinstance(value, str) else str(value)
