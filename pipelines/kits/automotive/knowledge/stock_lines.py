"""The made-up stock lines of the parts counter: no package holds a dealership's own; its parts list replaces them."""

from collections.abc import Iterator

from pipelines.kits.automotive import parts_inventory
from pipelines.kits.automotive.records.vehicle_passages import find_by
from pipelines.text.passages import Passage


def passages() -> Iterator[Passage]:
    """One passage a vehicle and part. Of lines on the same part the first: a made-up second one contradicts it."""
    lines: dict[str, Passage] = {}
    for row in parts_inventory.plain_rows():
        name = row["input"].partition(" | ")[0]
        keys = (find_by(name[:4], row["group"]),)
        lines.setdefault(name, Passage(f"stock_lines:{name}", row["input"], name, row["source"], keys=keys))
    yield from lines.values()


def sources() -> dict[str, str]:
    """The packages that the vehicles come from, and their installed versions."""
    return parts_inventory.sources()
