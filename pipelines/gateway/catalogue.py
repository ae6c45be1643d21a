"""The routes and serving policies that are in force: routes and templates, read again when they change."""

import logging
from pathlib import Path
from typing import NamedTuple

from pipelines.core import routes
from pipelines.core.database import ChangePoll
from pipelines.core.errors import WeaverError
from pipelines.core.plan import Knowledge, Serving
from pipelines.core.routes import Route, ServedVersion
from pipelines.core.templates import find_template_files, load_template
from pipelines.gateway.api_errors import ApiError
from pipelines.gateway.schemas import model_id

log = logging.getLogger(__name__)


class Entry(NamedTuple):
    """A template's route, serving policy and section on knowledge."""

    route: Route
    policy: Serving
    changed: int  # epoch seconds: when the route was last written
    knowledge: Knowledge = Knowledge()
    source: str = ""  # of the dataset: its builder knows how people ask for the fields of its records


class Catalogue:
    """`entries` is replaced as a whole when something changes: a request in progress keeps its entry."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.stamps: dict[str, tuple[int, int, int]] = {}
        self.poll = ChangePoll()
        self.database_version = 0
        self.route_times: dict[str, int] = {}
        self.refresh()

    def refresh(self) -> bool:
        """Read what has changed; returns whether any entry has. What is unreadable leaves its old entry."""
        if (version := self.poll.read_version()) != self.database_version:
            self.route_times, self.database_version = routes.read_route_times(), version
        templates = find_template_files()
        entries, stamps = {}, {}
        for name, written_ns in sorted(self.route_times.items()):
            template = templates.get(name)
            stamps[name] = (written_ns, *(file_stamp(template) if template else (0, 0)))
            unchanged = stamps[name] == self.stamps.get(name)
            entry = self.entries.get(name) if unchanged else self.read_entry(name, stamps[name][0])
            if entry:
                entries[name] = entry
        changed, self.entries, self.stamps = entries != self.entries, entries, stamps
        return changed

    def read_entry(self, name: str, written_ns: int) -> Entry | None:
        """A template's entry from its route and its file; the old one if they cannot be read."""
        try:
            template = load_template(name) if name in find_template_files() else None
            policy, knowledge = (template.serving, template.knowledge) if template else (Serving(), Knowledge())
            source = str(template.data.get("source", "")) if template else ""
            return Entry(routes.read_route(name), policy, written_ns // 10**9, knowledge, source)
        except (WeaverError, ValueError) as error:
            log.error("the route or template of %s cannot be read, its old ones stay in force: %s", name, error)
            return self.entries.get(name)

    def find(self, model: str) -> tuple[Entry, ServedVersion | None]:
        """The entry of a model name; and the version, where the name is a version's rather than a template's.

        Raises:
            ApiError: there is no such model.
        """
        if model in self.entries:
            return self.entries[model], None
        if entry := self.entries.get(model.rpartition("-v")[0]):
            for version in entry.route.versions:
                if model_id(version) == model:
                    return entry, version
        raise ApiError(404, "model_not_found", "The model does not exist; GET /v1/models lists all models.", "model")

    def models(self) -> dict[str, int]:
        """Public model name → when it was deployed (epoch seconds)."""
        models = {}
        for name, entry in self.entries.items():
            models[name] = entry.changed
            models |= {model_id(version): entry.changed for version in entry.route.versions}
        return models

    def digests(self) -> set[str]:
        """The digests of all versions in a route."""
        return {version.digest for entry in self.entries.values() for version in entry.route.versions}


def file_stamp(path: Path) -> tuple[int, int]:
    """A value that changes whenever a file is replaced; zeros where there is none."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_ino
