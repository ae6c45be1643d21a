"""The vehicles of the EPA's guides in lots: those of one lot stand in one row together, and no split parts them."""

import random
from collections import defaultdict
from collections.abc import Sequence

from pipelines.kits.automotive.records import epa
from pipelines.kits.automotive.records.lookup import Vehicle
from pipelines.kits.automotive.records.vehicle_names import TELLING_APART

SEED = 17
LOT = 2  # families of vehicles


def make_lots() -> list[list[Vehicle]]:
    """The vehicles of LOT families each, in a random order."""
    families: dict[str, list[Vehicle]] = defaultdict(list)
    for vehicle in epa.vehicles():
        families[vehicle.group].append(vehicle)
    names = sorted(families)
    random.Random(SEED).shuffle(names)
    return [[v for name in names[at : at + LOT] for v in families[name]] for at in range(0, len(names) - LOT + 1, LOT)]


def lot_names() -> dict[str, str]:
    """Family of vehicles → the group of its lot, for rows of other kinds on the same vehicles."""
    return {vehicle.group: group_of(lot) for lot in make_lots() for vehicle in lot}


def group_of(lot: Sequence[Vehicle]) -> str:
    """The group of a lot."""
    return lot[0].group


def two_models(lot: Sequence[Vehicle], rng: random.Random) -> tuple[Vehicle, Vehicle]:
    """Two vehicles of two families."""
    vehicle = rng.choice(lot)
    return vehicle, rng.choice([other for other in lot if other.group != vehicle.group])


def find_twins(lot: Sequence[Vehicle], rng: random.Random) -> tuple[Vehicle, Vehicle, str] | None:
    """Two vehicles of one name, and the column that tells them apart; None if the lot has none."""
    pairs = []
    for vehicle in lot:
        for other in lot:
            if vehicle.name == other.name and vehicle is not other:
                for column in TELLING_APART:
                    mine, its = vehicle.values.get(column), other.values.get(column)
                    others = [
                        c
                        for c in vehicle.values
                        if c != column and vehicle.values[c] != other.values.get(c, vehicle.values[c])
                    ]
                    if mine and its and mine != its and others:
                        pairs.append((vehicle, other, column))
    return rng.choice(pairs) if pairs else None
