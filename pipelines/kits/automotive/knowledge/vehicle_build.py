"""Vehicles as NHTSA's vPIC decodes their VINs: body, weight, plant, power, electric drive, and safety equipment."""

from collections.abc import Iterator
from importlib.metadata import version

from pipelines.kits.automotive.records import equipment, vpic, vpic_fields
from pipelines.kits.automotive.records.vehicle_passages import make_passage
from pipelines.text.passages import Passage, vin_key


def passages() -> Iterator[Passage]:
    """One passage a model-year on its build, and one on its equipment where that is not all standard."""
    patterns = {
        vpic.named(make, model, year, decoded, {}).name: tuple(sorted({vin_key(one["vin"]) for one in decoded}))
        for (make, model, year), decoded in vpic.samples().items()
    }
    for kind, about, vehicles, fields in (
        ("build", "body, weight, plant, power", vpic.vehicles(), vpic_fields.FIELDS),
        ("equipment", "safety and driver assistance", equipment.vehicles(), equipment.FIELDS),
    ):
        for vehicle in vehicles:
            yield make_passage(f"vehicle_{kind}:{vehicle.name}", vehicle, fields, about, patterns[vehicle.name])


def sources() -> dict[str, str]:
    """The package that the records come from, and its installed version."""
    return {"ultravin": version("ultravin")}
