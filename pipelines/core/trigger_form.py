"""The trigger form of a template's DAG: one field per setting that may be changed for one run; no safeguards."""

from typing import Any, NamedTuple

from pipelines.core.make_plan import is_safeguard, make_plan
from pipelines.core.plan import TUNABLE


class FormField(NamedTuple):
    """One field of the trigger form."""

    key: str  # section.key, as an override is written
    section: str
    value: Any  # pre-filled: what the plan holds without an override
    schema: dict[str, Any]  # JSON Schema of the value


def list_form_fields(template: str) -> list[FormField]:
    """The fields of a template's trigger form, in the order of the plan.

    Raises:
        WeaverError: names the file and the key at fault, if no plan can be made of the template.
    """
    plan, fields = make_plan(template), []
    for section in TUNABLE:
        values = getattr(plan, section)
        for key, schema in type(values).model_json_schema()["properties"].items():
            if is_safeguard(f"{section}.{key}"):
                continue
            schema = {k: v for k, v in schema.items() if k != "default"}
            fields.append(FormField(f"{section}.{key}", section, getattr(values, key), schema))
    return fields
