"""Read YAML and validate it; every error names the file and the key, and suggests the key that was probably meant."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipelines.core.errors import WeaverError
from pipelines.core.plan.section import Section

SectionType = TypeVar("SectionType", bound=Section)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        WeaverError: the file is missing, cannot be read, is not YAML, or does not hold a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeaverError(f"{path} does not exist", "Restore it from git, or correct WEAVER_PARAMS.") from error
    except OSError as error:
        raise WeaverError(f"{path} cannot be read: {error.strerror}", "Make it a file that you may read.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise WeaverError(f"{path} is not valid YAML: {' '.join(str(error).split())}", "Correct that line.") from error
    if not isinstance(content, dict):
        problem = "is empty" if content is None else f"holds a {type(content).__name__}, not a mapping"
        raise WeaverError(f"{path} {problem}", "Write it as `key: value` lines.")
    return content


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
    if fault["type"] != "extra_forbidden":
        return f"{key}: {fault['msg']}, not {quote(fault['input'])}"
    section: Any = model
    for name in fault["loc"][:-1]:
        section = section.model_fields[name].annotation
    *path, _ = map(str, fault["loc"])
    return f"unknown key '{key}'{did_you_mean(key, ['.'.join([*path, field]) for field in section.model_fields])}"


def quote(value: object) -> str:
    """A value as a message shows it: text in quotation marks, everything else as it is."""
    return f"'{value}'" if isinstance(value, str) else str(value)


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """The end of an error message: the candidate most like the word, or nothing if none is like it."""
    matches = difflib.get_close_matches(word, list(candidates), n=1, cutoff=0.5)
    return f"; did you mean '{matches[0]}'?" if matches else ""
