"""Template: what a dealership picks; and how it becomes the plan of one run."""

import difflib
import io
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import Field, ValidationError

from pipelines.core.errors import WeaverError
from pipelines.core.files import write_text
from pipelines.core.plan import (
    TUNABLE,
    Approval,
    Budget,
    Contract,
    Costs,
    Drift,
    Schedule,
    Section,
    Serving,
    TrainingPlan,
)
from pipelines.core.settings import settings
from pipelines.kits import kits

M = TypeVar("M", bound=Section)


class Template(Section):
    """A template's YAML; the sections of TUNABLE override params.yaml, the others are its own."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="the registered model, the DAG and the dataset")
    title: str = Field(description="what people call it")
    purpose: str = Field(description="what it is for, in a sentence or two")
    owner: str = Field(description="who answers for it; the DAG's owner")
    system_prompt: str = Field(description="said to the model before every question, in training and in service")
    questions: list[str] = Field(min_length=1, description="samples asked of a new champion; they say what is on topic")
    contract: Contract
    schedule: Schedule = Schedule()
    drift: Drift = Drift()
    approval: Approval = Approval()
    budget: Budget = Budget()
    serving: Serving = Serving()
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


def template_files() -> dict[str, Path]:
    """Template name → its YAML file: those of all kits, and a dealership's own.

    Raises:
        WeaverError: two files give one name; the registered model would be two models'.
    """
    found: dict[str, Path] = {}
    folders = [kit.folder / "templates" for kit in kits().values()]
    for file in (file for folder in [*folders, settings().templates] for file in sorted(folder.glob("*.yaml"))):
        if file.stem in found:
            raise WeaverError(f"{found[file.stem]} and {file} are both the template {file.stem!r}", "Rename one.")
        found[file.stem] = file
    return found


def load_template(name: str) -> Template:
    files = template_files()
    if name not in files:
        raise WeaverError(f"there is no template {name!r}{nearest(name, files)}", f"Choose one of: {', '.join(files)}.")
    return read_template(files[name])


def read_template(file: Path) -> Template:
    """
    Raises:
        WeaverError: names the file and the key at fault, and the nearest valid key.
    """
    template = parse(Template, read_yaml(file), str(file))
    if template.name != file.stem:
        raise WeaverError(f"{file}: name is {template.name!r}", f"Name the file {template.name}.yaml, or the template.")
    return template


def make_plan(name: str, overrides: dict[str, Any] | None = None) -> TrainingPlan:
    """params.yaml ← profile ← template ← what the user typed, validated once and frozen.

    Args:
        overrides: `section.key → value`, as a trigger form or `--set` gives them; values may be YAML text.

    Raises:
        WeaverError: names the file and the key at fault, and the nearest valid key.
    """
    template = load_template(name)
    return merge_plan(template, template_files()[name], overrides or {})


def merge_plan(template: Template, file: Path, overrides: dict[str, Any]) -> TrainingPlan:
    profile, defaults = shared()
    checked(profile, defaults)  # a wrong rate is told now, not when the first stage has ended
    sections = {section: defaults[section] | getattr(template, section) for section in TUNABLE}
    for key, value in overrides.items():
        section, _, field = key.partition(".")
        if section not in sections or not field:
            known = nearest(key, tunable_keys())
            raise WeaverError(f"unknown setting {key!r}{known}", "Write it as section.key=value.")
        sections[section][field] = yaml.safe_load(value) if isinstance(value, str) else value
    whole = {
        "template": template.name,
        "profile": profile,
        "system_prompt": template.system_prompt,
        "questions": template.questions,
        "contract": template.contract,
        **sections,
    }
    return parse(TrainingPlan, whole, f"plan of {template.name} ({settings().params}, profile {profile}, {file})")


def rates() -> Costs:
    """What things cost now: params.yaml ← profile.

    Raises:
        WeaverError: names the file and the key at fault, and the nearest valid key.
    """
    return checked(*shared())


def checked(profile: str, defaults: dict[str, dict[str, Any]]) -> Costs:
    return parse(Rates, {"costs": defaults["costs"]}, f"{settings().params}, profile {profile}").costs


def hourly() -> float:
    """What an hour costs of the machine that answers, and of its GPU where there is one."""
    return rates().hour(gpus=gpu_seen())


class Rates(Section):
    costs: Costs


def shared() -> tuple[str, dict[str, dict[str, Any]]]:
    """The profile's name, and the sections that every template shares: params.yaml ← profile.

    Raises:
        WeaverError: there is no such profile, or a key that is none.
    """
    params = read_yaml(settings().params)
    profile = settings().profile or params.get("profile") or "auto"
    if profile == "auto":
        profile = "gpu" if gpu_seen() else "cpu"
    profiles = params.get("profiles", {})
    if profile not in profiles:
        raise WeaverError(
            f"{settings().params}: there is no profile {profile!r}{nearest(profile, profiles)}",
            f"Set WEAVER_PROFILE to one of: {', '.join(profiles)}.",
        )
    sections = (*TUNABLE, "costs")
    if unknown := set(params) - {"template", "profile", "profiles", *sections}:
        key = min(unknown)
        raise WeaverError(f"{settings().params}: unknown key {key!r}{nearest(key, sections)}", "Correct or remove it.")
    chosen = profiles[profile] or {}
    return profile, {section: (params.get(section) or {}) | chosen.get(section, {}) for section in sections}


def new_template(name: str, like: str) -> Path:
    """Write a dealership's own template: a copy of another under its own name, to be edited. Returns the file.

    Raises:
        WeaverError: the name is taken, or none that a template can have.
    """
    files = template_files()
    load_template(like)
    if name in files:
        raise WeaverError(f"there is a template {name!r} already: {files[name]}", "Choose another name, or edit it.")
    text = re.sub(r"(?m)^name:.*$", f"name: {name}", files[like].read_text(encoding="utf-8"), count=1)
    parse(Template, yaml.safe_load(text), f"a template named {name!r}")
    target = settings().templates / f"{name}.yaml"
    write_text(target, text)
    return target


def own_file(name: str) -> Path:
    """The file of a dealership's own template.

    Raises:
        WeaverError: it comes with a kit, whose next version would undo what is written into it.
    """
    load_template(name)
    file = template_files()[name]
    if not file.is_relative_to(settings().templates):
        raise WeaverError(
            f"{name} comes with a kit, whose next version would undo what is written into {file}",
            f"Copy it under a name of your own, and go on with that: weaver template new my_{name} --like {name}",
        )
    return file


def amend(name: str, section: str, values: dict[str, Any]) -> Path:
    """Set values in a section of a dealership's own template; its comments and everything else stay. Returns the file.

    Raises:
        WeaverError: the template comes with a kit, or would not be valid any more; the file is as it was.
    """
    from ruamel.yaml import YAML, YAMLError

    file = own_file(name)
    editor = YAML()
    editor.preserve_quotes, editor.width = True, sys.maxsize
    editor.indent(mapping=2, sequence=4, offset=2)
    try:
        tree = editor.load(file)
    except YAMLError as error:  # a key that is given twice: PyYAML takes the last
        raise WeaverError(f"{file}: {' '.join(str(error).split())}", "Correct that line.") from error
    written = editor.load(yaml.safe_dump(values))  # as PyYAML reads it: to it, 4e-05 without a dot is a text
    if tree.get(section):
        tree[section].update(written)
    else:
        tree[section] = written
        tree.yaml_set_comment_before_after_key(section, before="\n")
    text = io.StringIO()
    editor.dump(tree, text)
    merge_plan(parse(Template, yaml.safe_load(text.getvalue()), str(file)), file, {})
    write_text(file, text.getvalue())
    return file


def schema() -> dict[str, Any]:
    """The JSON Schema of a template's YAML: an override section is the plan's own section, with nothing required."""
    published = Template.model_json_schema()
    for section in TUNABLE:
        kind: Any = TrainingPlan.model_fields[section].annotation
        part = kind.model_json_schema() | {"required": [], "title": section}
        published["properties"][section] = part
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | published


def tunable_keys() -> list[str]:
    sections: dict[str, Any] = {section: TrainingPlan.model_fields[section].annotation for section in TUNABLE}
    return [f"{section}.{field}" for section, model in sections.items() for field in model.model_fields]


@cache
def gpu_seen() -> bool:
    """Whether the driver shows an NVIDIA GPU; asked without importing torch, which takes seconds."""
    return Path("/proc/driver/nvidia/version").exists()


def read_yaml(path: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeaverError(f"{path} does not exist", "Restore it from git, or correct WEAVER_PARAMS.") from error
    except OSError as error:
        raise WeaverError(f"{path} cannot be read: {error.strerror}", "Let it be a file that you may read.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise WeaverError(f"{path} is not YAML: {' '.join(str(error).split())}", "Correct that line.") from error
    if not isinstance(loaded, dict):
        found = "nothing" if loaded is None else f"a {type(loaded).__name__}"
        raise WeaverError(f"{path} holds {found}, not `key: value` lines", "Write it as a mapping.")
    return loaded


def parse(model: type[M], values: dict[str, Any], where: str) -> M:
    """Validate; every fault is named by its key, an unknown key with the nearest one known."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = [f"{where}: {describe(model, fault)}" for fault in error.errors()]
        raise WeaverError("\n".join(faults), "Correct these keys.") from error


def describe(model: type[Section], fault: Any) -> str:
    key = ".".join(map(str, fault["loc"]))
    if fault["type"] != "extra_forbidden":
        return f"{key}: {fault['msg']}, not {fault['input']!r}"
    section: Any = model
    for part in fault["loc"][:-1]:
        section = section.model_fields[part].annotation
    *path, _ = fault["loc"]
    return f"unknown key {key!r}{nearest(key, ['.'.join([*path, field]) for field in section.model_fields])}"


def nearest(word: str, known: Any) -> str:
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def form(name: str) -> list[tuple[str, str, Any, dict[str, Any]]]:
    """A template's trigger form: (section.key, section, pre-filled value, JSON schema) of each tunable setting."""
    plan, fields = make_plan(name), []
    for section in TUNABLE:
        values = getattr(plan, section)
        for key, schema in type(values).model_json_schema()["properties"].items():
            schema = {k: v for k, v in schema.items() if k != "default"} | {"title": key.replace("_", " ")}
            fields.append((f"{section}.{key}", section, getattr(values, key), schema))
    return fields
