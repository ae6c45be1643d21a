"""The base of all artifacts: small, frozen, JSON."""

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from pipelines.core.errors import WeaverError
from pipelines.core.files import read_json, write_text


class Artifact(BaseModel):
    """The result of a stage. An unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")  # a NaN is read as it was

    def save(self, path: Path) -> Self:
        """Write it to a file, as JSON; returns itself."""
        write_text(path, self.model_dump_json(indent=1) + "\n")
        return self

    @classmethod
    def load(cls, path: Path, remedy: str) -> Self:
        """The artifact in a file.

        Raises:
            WeaverError: the file does not hold one; with the remedy.
        """
        try:
            return cls.model_validate(read_json(path, remedy))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise WeaverError(f"{path} is damaged: {key}: {first['msg']}", remedy) from error


def read_artifact(path: Path, made_by: str) -> dict[str, Any]:
    """An artifact's JSON from its file.

    Args:
        made_by: the command that writes the file; the error names it.

    Raises:
        WeaverError: there is no such file, or it is damaged.
    """
    if not path.exists():
        raise WeaverError(f"{path} does not exist yet", f"Run `{made_by}` first.")
    artifact: dict[str, Any] = read_json(path, f"Run `{made_by}` again.")
    return artifact
