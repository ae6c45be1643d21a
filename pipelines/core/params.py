"""params.yaml: the sections that all templates share, with the profile of this machine applied."""

from functools import cache
from pathlib import Path
from typing import Any

from pipelines.core.errors import WeaverError, did_you_mean
from pipelines.core.plan import SAFEGUARDS, TUNABLE, Costs, Section
from pipelines.core.settings import settings
from pipelines.core.validation import read_yaml, validate_section

CPUINFO = Path("/proc/cpuinfo")


class CostRates(Section):
    """The section `costs` of params.yaml alone, so that a fault in it is named `costs.<key>`."""

    costs: Costs


def load_params() -> tuple[str, dict[str, dict[str, Any]]]:
    """The profile's name, and the sections that every template shares: params.yaml ← profile.

    Raises:
        WeaverError: the profile does not exist or sets a safeguard, or params.yaml has an unknown key.
    """
    params = read_yaml(settings().params)
    profile = settings().profile or params.get("profile") or "auto"
    if profile == "auto":
        profile = "gpu" if has_gpu() else "cpu_bf16" if cpu_has_bfloat16() else "cpu"
    profiles = params.get("profiles", {})
    if profile not in profiles:
        raise WeaverError(
            f"{settings().params} has no profile '{profile}'{did_you_mean(profile, profiles)}",
            f"Set WEAVER_PROFILE to one of: {', '.join(profiles)}.",
        )
    sections = (*TUNABLE, "costs")
    if unknown := set(params) - {"template", "profile", "profiles", *sections}:
        key = min(unknown)
        raise WeaverError(
            f"{settings().params}: unknown key '{key}'{did_you_mean(key, sections)}", "Correct or remove it."
        )
    chosen = profiles[profile] or {}
    if weakened := sorted(set(SAFEGUARDS) & set(chosen)):
        raise WeaverError(
            f"{settings().params}: the profile {profile} sets {weakened[0]}, which is a safeguard",
            f"A profile is about the machine. Set {weakened[0]} in the template, or in that file for all templates.",
        )
    return profile, {section: (params.get(section) or {}) | chosen.get(section, {}) for section in sections}


def load_cost_rates() -> Costs:
    """What machine time, people and energy cost now: params.yaml ← profile.

    Raises:
        WeaverError: names the file and the key at fault, and the nearest valid key.
    """
    return validate_cost_rates(*load_params())


def validate_cost_rates(profile: str, sections: dict[str, dict[str, Any]]) -> Costs:
    """The cost rates among the sections that `load_params` returns.

    Raises:
        WeaverError: names the file and the key at fault, and the nearest valid key.
    """
    values = {"costs": sections["costs"]}
    return validate_section(CostRates, values, f"{settings().params}, profile {profile}").costs


def hourly_machine_cost() -> float:
    """What the machine that serves costs per hour, with its GPU if it has one; in the currency of the rates."""
    return load_cost_rates().hour(gpus=has_gpu())


@cache
def has_gpu() -> bool:
    """Whether the driver shows an NVIDIA GPU; read from /proc, because importing torch takes seconds."""
    return Path("/proc/driver/nvidia/version").exists()


@cache
def cpu_has_bfloat16() -> bool:
    """Whether the processor multiplies matrices in bfloat16; read from /proc, because importing torch takes seconds.

    Without such instructions bfloat16 is slower than float32.
    """
    words = set(CPUINFO.read_text().split()) if CPUINFO.exists() else set()
    return bool(words & {"avx512_bf16", "amx_bf16", "bf16"})
