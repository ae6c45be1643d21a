"""What a kit's dataset builders know of how people ask for the fields of their records."""

from functools import cache
from importlib import import_module

from pipelines.core.files import digest
from pipelines.core.kits import find_builders, load_kits
from pipelines.text.asked_fields import AskedFields


@cache
def load_asked_fields(source: str) -> AskedFields | None:
    """The classifier of a builder's `asked_fields()`; fitted once in a process, within seconds.

    Args:
        source: a plan's `data.source`.

    Returns:
        None if it is no builder of a kit, or one that does not tell fields apart: records are then shown whole.
    """
    module = find_builders().get(source)
    build = getattr(import_module(module), "asked_fields", None) if module else None
    fitted: AskedFields | None = build() if build else None
    return fitted


@cache
def digest_asked_fields(source: str) -> str:
    """What the classifier of `load_asked_fields` depends on beside its own code: the kit's code and texts.

    Returns:
        A digest; empty if there is no such classifier.
    """
    module = find_builders().get(source)
    if not module or not hasattr(import_module(module), "asked_fields"):
        return ""
    folder = load_kits()[source.partition(".")[0]].folder
    return digest(
        [
            (str(path.relative_to(folder)), digest(path))
            for path in sorted(folder.rglob("*.*"))
            if path.suffix in (".py", ".json")
        ]
    )
