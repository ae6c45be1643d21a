"""What every section of a plan is."""

from typing import Any

from pydantic import BaseModel, ConfigDict


def make_title(name: str, _info: Any) -> str:
    """A field's title in forms, unless the field gives its own: batch_size → Batch size."""
    return name.replace("_", " ").capitalize()


class Section(BaseModel):
    """Some settings that belong together. Frozen; an unknown key is an error, and so is a number that is not finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, field_title_generator=make_title)
