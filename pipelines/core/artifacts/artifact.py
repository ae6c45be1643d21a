"""The base of all artifacts: small, frozen, JSON."""

import json
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from pipelines.core.errors import WeaverError
from pipelines.core.files import write_text


class Artifact(BaseModel):
    """The result of a stage. An unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")  # a NaN is read as it was

    def save(self, path: Path) -> Self:
        """Write it to a file, as JSON; returns itself."""
        write_text(path, self.model_dump_json(indent=1) + "\n")
        return self


def read_artifact(path: Path, made_by: str) -> dict[str, Any]:
    """An artifact's JSON from its file.

    Args:
        made_by: the command that writes the file; the error names it.

    Raises:
        WeaverError: there is no such file.
    """
    if not path.exists():
        raise WeaverError(f"{path} does not exist yet", f"Run `{made_by}` first.")
    artifact: dict[str, Any] = json.loads(path.read_text())
    return artifact
