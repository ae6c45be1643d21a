"""How important the facts of a row are: essential unless its column `importance` says optional or safety-critical."""

from collections.abc import Mapping
from typing import Any

from pipelines.core.errors import did_you_mean

OPTIONAL, SAFETY_CRITICAL = "optional", "safety_critical"
IMPORTANCE = (OPTIONAL, SAFETY_CRITICAL)
EXAMPLE = '{"stop driving": "safety_critical"}'


def find_importance_fault(importance: Any, facts: Any) -> str:
    """What is wrong with a row's importance; empty if nothing is.

    Args:
        importance: maps names of facts to optional or safety_critical; None where the row has none.
        facts: the row's facts.
    """
    if importance is None:
        return ""
    if not isinstance(importance, Mapping):
        return f"'{str(importance)[:60]}' does not say it for each fact, as {EXAMPLE} does"
    for name, mark in importance.items():
        if mark not in IMPORTANCE:
            near = did_you_mean(str(mark), IMPORTANCE)
            return (
                f"'{name}' is '{str(mark)[:60]}'{near}; allowed are {' and '.join(IMPORTANCE)}, without it: essential"
            )
        if name not in (facts or {}):
            names = ", ".join(facts or {}) or "none"
            return f"'{name}' is no fact of the row{did_you_mean(str(name), facts or {})}; its facts are: {names}"
    return ""


def required_facts(row: Mapping[str, Any]) -> dict[str, str]:
    """The facts that a right answer must state: the essential and the safety-critical ones."""
    importance = row.get("importance") or {}
    return {name: fact for name, fact in row["facts"].items() if importance.get(name) != OPTIONAL}


def safety_critical_facts(row: Mapping[str, Any]) -> dict[str, str]:
    """The facts that an answer must never have wrong."""
    importance = row.get("importance") or {}
    return {name: fact for name, fact in row["facts"].items() if importance.get(name) == SAFETY_CRITICAL}
