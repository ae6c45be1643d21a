"""What an artifact is: frozen, and JSON on its way."""

import json
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from pipelines.core.errors import WeaverError
from pipelines.core.files import write_text


class Artifact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")  # a NaN is read as it was

    def save(self, path: Path) -> Self:
        write_text(path, self.model_dump_json(indent=1) + "\n")
        return self


def read_artifact(path: Path, made_by: str) -> dict[str, Any]:
    """An artifact's JSON from its file; `made_by` is the command that writes it, for whoever has not run it yet."""
    if not path.exists():
        raise WeaverError(f"{path} does not exist yet", f"Run `{made_by}` first.")
    artifact: dict[str, Any] = json.loads(path.read_text())
    return artifact
