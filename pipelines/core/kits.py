"""Kits: what an industry brings. Any installed package becomes a kit by an entry point:

    [project.entry-points."neuroweaver.kits"]
    automotive = "pipelines.kits.automotive"

A kit holds `templates/<name>.yaml`, behaviour tests for each template's model in `behaviours/<name>.yaml` (see
kits/behaviours.py), and dataset builders: a module `<name>.py` with `build() -> list[dict]` and
`sources() -> dict`. A builder imports heavy libraries inside `build`, so that `sources` returns in milliseconds.
What its records say is brought to knowledge bases by modules `knowledge/<name>.py` with `passages()`, which yields
text/passages.Passage, `sources()`, and, if it has any, `questions()`: pairs of a question and the ids of the
passages that answer it, by which a new index is checked.
"""

from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from pipelines.core.errors import WeaverError

GROUP = "neuroweaver.kits"


class Kit(NamedTuple):
    """One installed kit."""

    name: str
    module: str  # pipelines.kits.automotive
    folder: Path

    def builders(self) -> dict[str, str]:
        """`<kit>.<builder> → module`, without importing any of them."""
        names = sorted(path.stem for path in self.folder.glob("[!_]*.py"))
        return {f"{self.name}.{name}": f"{self.module}.{name}" for name in names}

    def knowledge_sources(self) -> dict[str, str]:
        """`<kit>.<source> → module`, without importing any of them."""
        names = sorted(path.stem for path in (self.folder / "knowledge").glob("[!_]*.py"))
        return {f"{self.name}.{name}": f"{self.module}.knowledge.{name}" for name in names}

    def templates(self) -> dict[str, Path]:
        """Template name → its YAML file."""
        return {path.stem: path for path in sorted((self.folder / "templates").glob("*.yaml"))}


@cache
def load_kits() -> dict[str, Kit]:
    """Kit name → kit, over all packages of this environment.

    Raises:
        WeaverError: an entry point names a package that is not installed, or two kits have the same name.
    """
    loaded: dict[str, Kit] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        spec = find_spec(entry.value)
        if spec is None or not spec.submodule_search_locations:
            raise WeaverError(
                f"the kit '{entry.name}' points to {entry.value}, which is not an installed package",
                "Install the kit again, or correct its entry point.",
            )
        if entry.name in loaded and loaded[entry.name].module != entry.value:
            raise WeaverError(
                f"two kits are named '{entry.name}': {loaded[entry.name].module} and {entry.value}", "Remove one."
            )
        loaded[entry.name] = Kit(entry.name, entry.value, Path(spec.submodule_search_locations[0]))
    return loaded


def find_builders() -> dict[str, str]:
    """Dataset builders of all kits: `<kit>.<builder> → module`."""
    return {name: module for kit in load_kits().values() for name, module in kit.builders().items()}


def find_knowledge_sources() -> dict[str, str]:
    """Knowledge sources of all kits: `<kit>.<source> → module`."""
    return {name: module for kit in load_kits().values() for name, module in kit.knowledge_sources().items()}
