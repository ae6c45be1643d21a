"""Which versions answer now, and by which policy: route files and templates, read again when they change."""

import logging
from typing import NamedTuple

from pydantic import ValidationError

from pipelines.core import routes
from pipelines.core.errors import WeaverError
from pipelines.core.plan import Serving
from pipelines.core.routes import Route, ServedVersion
from pipelines.core.templates import find_template_files, load_template
from pipelines.gateway.api_errors import Refusal
from pipelines.gateway.api_keys import modified
from pipelines.gateway.schemas import model_id

log = logging.getLogger(__name__)


class Entry(NamedTuple):
    route: Route
    policy: Serving
    changed: int  # epoch seconds: when traffic was last shifted


class Catalogue:
    """`entries` is replaced whole when something changed: a request goes on with what it found."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.stamps: dict[str, tuple[int, int, int, int]] = {}
        self.look()

    def look(self) -> bool:
        """Read what was changed since; whether anything was. What cannot be read leaves what was there in force."""
        files = {file.stem: file for file in sorted(routes.routes_folder().glob("[a-z]*.json"))}
        templates = find_template_files()
        entries, stamps = {}, {}
        for name, file in files.items():
            template = templates.get(name)
            stamps[name] = (*modified(file), *(modified(template) if template else (0, 0)))
            unchanged = stamps[name] == self.stamps.get(name)
            entry = self.entries.get(name) if unchanged else self.read(name, stamps[name][0])
            if entry:
                entries[name] = entry
        changed, self.entries, self.stamps = entries != self.entries, entries, stamps
        return changed

    def read(self, name: str, modified_ns: int) -> Entry | None:
        try:
            policy = load_template(name).serving if name in find_template_files() else Serving()
            return Entry(routes.read_route(name), policy, modified_ns // 10**9)
        except (WeaverError, ValidationError, ValueError) as error:
            log.error("%s: %s; what was in force stays so", name, error)
            return self.entries.get(name)

    def find(self, model: str) -> tuple[Entry, ServedVersion | None]:
        """A template, or a template and one of its versions.

        Raises:
            Refusal: neither answers here.
        """
        if model in self.entries:
            return self.entries[model], None
        entry = self.entries.get(model.rpartition("-v")[0])
        for model_version in entry.route.versions if entry else []:
            if model_id(model_version) == model:
                return entry, model_version  # type: ignore[return-value]
        raise Refusal(404, "model_not_found", "There is no such model here; GET /v1/models lists them.", "model")

    def models(self) -> dict[str, int]:
        """Public name → when it was deployed (epoch seconds)."""
        found = {}
        for name, entry in self.entries.items():
            found[name] = entry.changed
            found |= {model_id(model_version): entry.changed for model_version in entry.route.versions}
        return found

    def digests(self) -> set[str]:
        return {model_version.digest for entry in self.entries.values() for model_version in entry.route.versions}
