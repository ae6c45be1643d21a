"""Make the plan of one run: params.yaml ← profile ← template ← overrides."""

from pathlib import Path
from typing import Any

from pipelines.core.errors import WeaverError, did_you_mean
from pipelines.core.params import load_params, validate_cost_rates
from pipelines.core.plan import SAFEGUARD_KEYS, SAFEGUARDS, TUNABLE, TrainingPlan
from pipelines.core.settings import settings
from pipelines.core.templates import Template, find_template_files, load_template
from pipelines.core.validation import parse_value, validate_section

# What a plan takes from its template as it stands; the sections of TUNABLE are merged.
TEMPLATE_FIELDS = (
    "title",
    "purpose",
    "owner",
    "system_prompt",
    "questions",
    "contract",
    "drift",
    "approval",
    "budget",
    "serving",
    "knowledge",
)


def make_plan(name: str, overrides: dict[str, Any] | None = None, experiment: bool = False) -> TrainingPlan:
    """params.yaml ← profile ← template ← overrides, validated once and frozen.

    Args:
        name: the template's.
        overrides: `section.key → value`, as a trigger form or `--set` gives them; values may be YAML text.
        experiment: the overrides may change safeguards; the model of such a run is never promoted.

    Raises:
        WeaverError: names the file and the key at fault, and the nearest valid key; an override of a safeguard without
            `experiment`.
    """
    template, file = load_template(name), find_template_files()[name]
    overrides = overrides or {}
    if not experiment:
        refuse_safeguards(template, file, overrides)
    return merge_plan(template, file, overrides, experiment)


def refuse_safeguards(template: Template, file: Path, overrides: dict[str, Any]) -> None:
    """
    Raises:
        WeaverError: an override would change a safeguard, which only the template's owner may.
    """
    own_steps = (load_params()[1]["refine"] | template.refine)["steps"]  # the trigger form sends them back unchanged
    for key, value in overrides.items():
        steps = parse_value(key, value)
        if key == "refine.steps" and "personal" not in (steps or []) and steps != own_steps:
            what = "refine.steps without the step 'personal', which treats personal data, is"
        elif is_safeguard(key):
            what = f"{key} is"
        else:
            continue
        raise WeaverError(
            f"{what} a safeguard of {template.name} and cannot be set for one run",
            f"Change it in the template {file}; or try it in a run that can never be promoted: weaver run "
            f"{template.name} --experiment --set {key}=…",
        )


def is_safeguard(key: str) -> bool:
    """Whether a setting (`section.key`) is changed in the template alone."""
    return key.partition(".")[0] in SAFEGUARDS or key in SAFEGUARD_KEYS


def merge_plan(template: Template, file: Path, overrides: dict[str, Any], experiment: bool = False) -> TrainingPlan:
    """The plan of a template that was read from `file`; `make_plan` says how it is merged."""
    profile, defaults = load_params()
    sections = {section: defaults[section] | getattr(template, section) for section in TUNABLE}
    for key, value in overrides.items():
        section, _, field = key.partition(".")
        if section not in sections or not field:
            suggestion = did_you_mean(key, list_tunable_keys())
            raise WeaverError(f"unknown setting '{key}'{suggestion}", "Write it as section.key=value.")
        sections[section][field] = parse_value(key, value)
    values = {
        "template": template.name,
        "profile": profile,
        "costs": validate_cost_rates(profile, defaults),
        **{field: getattr(template, field) for field in TEMPLATE_FIELDS},
        "experiment": experiment,
        **sections,
    }
    source = f"plan of {template.name} ({settings().params}, profile {profile}, {file})"
    return validate_section(TrainingPlan, values, source)


def list_tunable_keys() -> list[str]:
    """Every `section.key` that an override may set."""
    sections: dict[str, Any] = {section: TrainingPlan.model_fields[section].annotation for section in TUNABLE}
    return [f"{section}.{field}" for section, model in sections.items() for field in model.model_fields]
