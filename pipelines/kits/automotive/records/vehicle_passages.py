"""A vehicle's record as a passage: the same layout as the inputs of training rows."""

from collections.abc import Iterable, Mapping

from pipelines.kits.automotive.records.lookup import Field, Vehicle
from pipelines.text.passages import Passage, vehicle_key

TWO_WORDS = {"Alfa", "Aston", "Land"}  # the first word of makes that have two


def make_passage(
    id_: str, vehicle: Vehicle, fields: Mapping[str, Field], about: str, vin_keys: Iterable[str] = ()
) -> Passage:
    """`2021 Honda Civic | city 30 mpg | …`, found by year, make and model family.

    Args:
        fields: column → how a record shows it.
        about: what the record says of the vehicle, for its title, by whose words it is found too.
        vin_keys: patterns of this vehicle's VINs.
    """
    columns = (fields[column].shown.format(value) for column, value in vehicle.values.items())
    return Passage(
        id=id_,
        text=" | ".join([vehicle.name, *columns]),
        title=f"{vehicle.name}: {about}",
        source=vehicle.source,
        keys=(find_by(vehicle.name[:4], vehicle.group), *vin_keys),
    )


def find_by(year: str, make_and_model: str) -> str:
    """The key of a vehicle whose make is the first word, or the first two: `Honda Civic`, `Land Rover Discovery`."""
    words = make_and_model.split()
    makes = 2 if words[0] in TWO_WORDS else 1
    return vehicle_key(year, " ".join(words[:makes]), " ".join(words[makes:]))
