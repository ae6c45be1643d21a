"""Kits: what an industry brings. A package is a kit once it announces itself by an entry point.

    [project.entry-points."neuroweaver.kits"]
    automotive = "pipelines.kits.automotive"

A kit holds `templates/<name>.yaml`, what each template's model must do in `behaviours/<name>.yaml` (see
evaluation/behaviours.py), and dataset builders: a module `<name>.py` with `build() -> list[dict]` and
`sources() -> dict`, which imports what is heavy inside `build`, so that `sources` answers in milliseconds.
"""

from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from pipelines.core.errors import WeaverError

GROUP = "neuroweaver.kits"


class Kit(NamedTuple):
    name: str
    module: str  # pipelines.kits.automotive
    folder: Path

    def builders(self) -> dict[str, str]:
        """`<kit>.<builder> → module`, found without importing any."""
        names = sorted(path.stem for path in self.folder.glob("[!_]*.py"))
        return {f"{self.name}.{name}": f"{self.module}.{name}" for name in names}

    def templates(self) -> dict[str, Path]:
        return {path.stem: path for path in sorted((self.folder / "templates").glob("*.yaml"))}


@cache
def kits() -> dict[str, Kit]:
    """Name → kit, over all packages of this environment.

    Raises:
        WeaverError: an entry point names a package that is not there, or two kits have one name.
    """
    found: dict[str, Kit] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        spec = find_spec(entry.value)
        if spec is None or not spec.submodule_search_locations:
            raise WeaverError(
                f"the kit {entry.name!r} is announced as {entry.value}, which is no package here",
                "Install it again, or correct its entry point.",
            )
        if entry.name in found and found[entry.name].module != entry.value:
            raise WeaverError(
                f"two kits are named {entry.name!r}: {found[entry.name].module} and {entry.value}", "Remove one."
            )
        found[entry.name] = Kit(entry.name, entry.value, Path(spec.submodule_search_locations[0]))
    return found


def builders() -> dict[str, str]:
    """`<kit>.<builder> → module`, over all kits."""
    return {name: module for kit in kits().values() for name, module in kit.builders().items()}
