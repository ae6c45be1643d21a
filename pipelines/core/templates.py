"""Templates: what a dealership picks. One YAML file describes one model, its data and its rules."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from pipelines.core.errors import WeaverError, did_you_mean
from pipelines.core.kits import load_kits
from pipelines.core.plan import (
    TUNABLE,
    Approval,
    Budget,
    Contract,
    Drift,
    Knowledge,
    Schedule,
    Section,
    Serving,
    TrainingPlan,
)
from pipelines.core.settings import settings
from pipelines.core.validation import read_yaml, validate_section

NAME = "^[a-z][a-z0-9_]*$"


def check_name(name: str) -> str:
    """A template's name: Airflow, MLflow and the file system take it as it is.

    Raises:
        PydanticCustomError: it has other characters; names the nearest name without them.
    """
    if not re.fullmatch(NAME, name):
        words = re.sub("[^a-z0-9]+", "_", name.lower()).strip("_0123456789")
        hint = f"; did you mean '{words}'?" if words else ""
        message = "must be lower-case letters, digits and underscores, a letter first"
        raise PydanticCustomError("template_name", message, {"hint": hint})
    return name


class Template(Section):
    """A template's YAML; the sections of TUNABLE override params.yaml, the others are the template's own."""

    name: Annotated[str, AfterValidator(check_name)] = Field(
        max_length=64,
        description="the name of the registered model, the DAG and the dataset",
        json_schema_extra={"pattern": NAME},
    )
    title: str = Field(min_length=1, max_length=200, description="the name that people see")
    purpose: str = Field(description="what the model is for, in a sentence or two")
    owner: str = Field(min_length=1, max_length=200, description="who is responsible for it; the owner of its DAG")
    system_prompt: str = Field(description="the system message before every question, in training and in service")
    questions: list[str] = Field(
        min_length=1, description="sample questions for a new champion; they also define what is on topic"
    )
    contract: Contract
    schedule: Schedule = Schedule()
    drift: Drift = Drift()
    approval: Approval = Approval()
    budget: Budget = Budget()
    serving: Serving = Serving()
    knowledge: Knowledge = Knowledge()
    data: dict[str, Any] = {}
    refine: dict[str, Any] = {}
    privacy: dict[str, Any] = {}
    base: dict[str, Any] = {}
    train: dict[str, Any] = {}
    judge: dict[str, Any] = {}
    preference: dict[str, Any] = {}
    evaluate: dict[str, Any] = {}
    gate: dict[str, Any] = {}
    review: dict[str, Any] = {}
    feedback: dict[str, Any] = {}
    deployment: dict[str, Any] = {}


def find_template_files() -> dict[str, Path]:
    """Template name → its YAML file: those of all kits, and the dealership's own.

    A second file of a name counts for nothing: `find_duplicates` names it.
    """
    files: dict[str, Path] = {}
    for file in list_files():
        files.setdefault(file.stem, file)
    return files


def find_duplicates() -> dict[Path, WeaverError]:
    """The files whose name another template has already: two models would be registered under it."""
    files = find_template_files()
    return {
        file: WeaverError(f"{files[file.stem]} and {file} both define the template '{file.stem}'", "Rename one.")
        for file in list_files()
        if file != files[file.stem]
    }


def list_files() -> list[Path]:
    """The YAML files of the kits' templates, then those of the dealership's own; without an editor's hidden files."""
    folders = [*(kit.folder / "templates" for kit in load_kits().values()), settings().templates]
    return [file for folder in folders for file in sorted(folder.glob("[!.]*.yaml"))]


def load_template(name: str) -> Template:
    """The template of this name.

    Raises:
        WeaverError: there is no such template, or its file is not valid.
    """
    files = find_template_files()
    if name not in files:
        similar = sorted(settings().templates.glob(f"{name}.[yY]*"))
        if misnamed := next((file for file in similar if file.suffix.lower() in (".yml", ".yaml")), None):
            raise WeaverError(f"{misnamed} is not read", f"Rename it to {name}.yaml.")
        raise WeaverError(
            f"there is no template '{name}'{did_you_mean(name, files)}", f"Choose one of: {', '.join(files)}."
        )
    return read_template(files[name])


def read_template(file: Path) -> Template:
    """The template in a YAML file.

    Raises:
        WeaverError: names the file and the key at fault, and the nearest valid key.
    """
    template = validate_section(Template, read_yaml(file), str(file))
    if template.name != file.stem:
        raise WeaverError(
            f"{file} is named after '{file.stem}', but its key `name` is '{template.name}'",
            f"Rename the file to {template.name}.yaml, or correct the key.",
        )
    return template


def template_schema() -> dict[str, Any]:
    """The JSON Schema of a template's YAML; an override section is the plan's section with no key required."""
    schema = Template.model_json_schema()
    for section in TUNABLE:
        model: Any = TrainingPlan.model_fields[section].annotation
        schema["properties"][section] = model.model_json_schema() | {"required": [], "title": section}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
