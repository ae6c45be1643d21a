"""The code that a result depends on: part of the fingerprint by which a stage finds what it has made before."""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
# How results are kept, sent, counted and reported; what a result is does not depend on them.
INFRASTRUCTURE = ("core", "clients", "request_log", "alerts", "costs")


@dataclass(frozen=True)
class SourceCode:
    """A module or package, and every module of `pipelines` that it imports, directly or not, above the ground floor.

    A stage puts `digest` into its fingerprint, so that a fix in its code makes its results anew:

        CODE = SourceCode(__name__)
        fingerprint = digest([records.digest, plan.digest("contract"), CODE.digest])

    Imports are read from the source, those inside functions included. Of a package, all its modules count, since some
    are imported by name (the steps of `refine`). A page or table beside a module belongs to it if it has
    the module's name, or if the module names it.

    Args:
        module: dotted name, as `__name__` gives it.
        without: modules that do not change the result although they are imported: a change of a progress estimate
            must not start a training of hours.
    """

    module: str
    without: tuple[str, ...] = ()

    @cached_property
    def files(self) -> list[Path]:
        """Absolute paths, sorted."""
        files: set[Path] = set()
        waiting = [*modules_of(self.module)]
        while waiting:
            name = waiting.pop()
            file = file_of(name)
            if file is None or file in files or name in self.without:
                continue
            files.add(file)
            waiting += [other for other in imports_of(file) if is_relevant(other)]
        return sorted(files.union(*map(files_beside, files)))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the files' paths below `pipelines` and of their bytes; 64 hex digits."""
        sha = hashlib.sha256()
        for file in self.files:
            sha.update(f"{file.relative_to(PACKAGE)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
        return sha.hexdigest()


def is_relevant(module: str) -> bool:
    """Return whether a module's code can change what a stage makes; infrastructure cannot."""
    return module.split(".")[1] not in INFRASTRUCTURE


def modules_of(name: str) -> Iterator[str]:
    """The module itself; of a package, all modules in it."""
    yield name
    folder = PACKAGE.parent.joinpath(*name.split("."))
    for file in sorted(folder.rglob("*.py")) if folder.is_dir() else ():
        dotted = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
        yield dotted.removesuffix(".__init__")


def file_of(module: str) -> Path | None:
    """The source of a module of `pipelines`; None if there is no such module (a name that was imported from one)."""
    path = PACKAGE.parent.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


@cache
def files_beside(file: Path) -> frozenset[Path]:
    """The pages and tables of a module: `report.html` beside `report.py`, and what its source names, as "card.md"."""
    named = {node.value for node in ast.walk(ast.parse(file.read_bytes())) if isinstance(node, ast.Constant)}
    return frozenset(
        other
        for other in file.parent.iterdir()
        if other.suffix != ".py" and other.is_file() and (other.stem == file.stem or other.name in named)
    )


@cache
def imports_of(file: Path) -> tuple[str, ...]:
    """The dotted names of `pipelines` that a source imports: modules, and names that may be modules."""
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(name for name in names if name.startswith(f"{PACKAGE.name}."))
