"""Vehicles as NHTSA's vPIC decodes their VINs (offline, in ultravin): body, weight, plant, power, electric drive."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from pipelines.kits.automotive.records.lookup import Vehicle

# Makes whose generated VINs decode to cars that were built; those of GM and Stellantis mix engines at random.
MAKES = (
    *("ACURA", "AUDI", "BMW", "FORD", "GENESIS", "HONDA", "HYUNDAI", "INFINITI", "JAGUAR", "KIA", "LAND ROVER"),
    *("LEXUS", "LINCOLN", "LUCID", "MAZDA", "MERCEDES-BENZ", "MINI", "MITSUBISHI", "NISSAN", "POLESTAR", "PORSCHE"),
    *("RIVIAN", "SUBARU", "TESLA", "TOYOTA", "VOLKSWAGEN", "VOLVO"),
)
YEARS = (2012, 2025)
TYPES = (2, 7)  # passenger car, multipurpose passenger vehicle
SAMPLES = 400  # VINs a make and type
LEAST = 6  # VINs of a model-year, all of which must agree on a value
CLOCK = datetime(2026, 10, 1, tzinfo=UTC)  # ultravin's data month: what may be generated depends on the day
SEED = 17
LARGE = 10  # kWh: below, it is no battery that anybody charges

ELEMENTS = {
    "Doors": "doors",
    "Body Class": "body_class",
    "Curb Weight (pounds)": "curb_weight",
    "Plant City": "plant_city",
    "Plant Country": "plant_country",
    "Engine Brake (hp) From": "horsepower",
    "Electrification Level": "electrification",
    "Battery Energy (KWh) From": "battery_energy",
    "EV Drive Unit": "drive_unit",
}
WORDS = {  # vPIC's own word → the one said at the counter; of these columns, a value that is not here is left out
    "body_class": {
        "Sport Utility Vehicle [SUV]/Multipurpose Vehicle [MPV]": "sport utility vehicle",
        "Crossover Utility Vehicle [CUV]": "crossover",
        "Sedan/Saloon": "sedan",
        "Hatchback/Liftback/Notchback": "hatchback",
        "Coupe": "coupe",
        "Convertible/Cabriolet": "convertible",
        "Wagon": "wagon",
        "Minivan": "minivan",
    },
    "electrification": {
        "BEV (Battery Electric Vehicle)": "battery electric",
        "PHEV (Plug-in Hybrid Electric Vehicle)": "plug-in hybrid",
        "Strong HEV (Hybrid Electric Vehicle)": "full hybrid",
        "Mild HEV (Hybrid Electric Vehicle)": "mild hybrid",
        "FCEV (Fuel Cell Electric Vehicle)": "fuel cell",
    },
    "drive_unit": {f"{count} Motor": count.lower() for count in ("Single", "Dual", "Triple", "Quad")},
    "plant_country": {
        "UNITED STATES (USA)": "the United States",
        "UNITED KINGDOM (UK)": "the United Kingdom",
        **{name.upper(): name for name in ("Mexico", "Japan", "Germany", "South Korea", "China", "Canada", "Sweden")},
        **{name.upper(): name for name in ("Austria", "Belgium", "Hungary", "India", "Slovakia", "Spain", "Thailand")},
    },
}
CITIES = {"Ul-San": "Ulsan"}
SHOUTED = re.compile(r"\b[A-Z]{5,}\b")  # ECLIPSE CROSS
ODD = re.compile(r"'|^New ")  # '34 Ford replicas
FAMILY = re.compile(r"(?:(?:Model|Range|Santa|Scion) )?\S+")  # the words of a model's name that make a group


@cache
def samples() -> dict[tuple[str, str, int], list[dict[str, Any]]]:
    """(make, model, model year) → decoded VINs of it, as ultravin gives them.

    The VINs are made of vPIC's own patterns: they decode like real ones; no car is meant.
    """
    import ultravin

    decoded_samples: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for make in MAKES:
        for vehicle_type in TYPES:
            vins = ultravin.generate(
                SAMPLES,
                seed=SEED,
                make=make,
                vehicle_type=vehicle_type,
                min_year=YEARS[0],
                max_year=YEARS[1],
                invalid_rate=0.0,
                now=CLOCK,
            )
            for decoded in ultravin.decode_batch(vins, now=CLOCK):
                if model := decoded["attributes"].get("Model"):
                    decoded_samples.setdefault((make, model, decoded["model_year"]), []).append(decoded)
    return {key: decoded for key, decoded in decoded_samples.items() if len(decoded) >= LEAST}


def agreed(decoded: list[dict[str, Any]], elements: Iterable[str]) -> dict[str, str]:
    """Element → its value, where every VIN has one and all are the same: true of the model-year, not of a trim."""
    values = {element: {one["attributes"].get(element) for one in decoded} for element in elements}
    return {element: spelled.pop() for element, spelled in values.items() if len(spelled) == 1 and None not in spelled}


def vehicles() -> list[Vehicle]:
    """A record a model-year, with the columns that its sampled VINs agree on; key is one of those VINs."""
    country = home_countries()
    records = []
    for (make, model, year), decoded in sorted(samples().items()):
        values = {}
        for element, value in agreed(decoded, ELEMENTS).items():
            column = ELEMENTS[element]
            if spelled := spell(column, value):
                values[column] = spelled
        if {"plant_city", "plant_country"} <= set(values) and country[values["plant_city"]] != values["plant_country"]:
            del values["plant_country"]  # vPIC puts Oakville, Ontario, into the United States for one model
        if float(values.get("battery_energy", LARGE)) < LARGE:
            del values["battery_energy"]
        if len(values) > 1 and not ODD.search(model):
            records.append(named(make, model, year, decoded, values))
    return records


def named(make: str, model: str, year: int, decoded: list[dict[str, Any]], values: dict[str, str]) -> Vehicle:
    """A model-year as a Vehicle with a readable name."""
    brand = make if make == "BMW" else make.title()
    model = SHOUTED.sub(lambda shouted: shouted[0].capitalize(), model.removeprefix(f"{make} "))
    name = model if model.startswith(brand) else f"{brand} {model}"
    family = FAMILY.match(name.removeprefix(f"{brand} "))
    group = f"{brand} {family[0]}" if family and not model.startswith(brand) else name
    return Vehicle("ultravin:vPIC", decoded[0]["vin"], f"{year} {name}", group, values)


def spell(column: str, value: str) -> str:
    """A value as a record shows it; empty if it is not fit to be asked about."""
    if column in WORDS:
        return WORDS[column].get(value, "")
    if column == "plant_city":
        city = " ".join(value.split()).title()
        return "" if "," in city or "County" in city else CITIES.get(city, city)
    return f"{float(value):g}"


def home_countries() -> dict[str, str]:
    """Plant city → the country that most of its sampled VINs name."""
    countries_by_city: dict[str, Counter[str]] = {}
    for decoded in samples().values():
        for one in decoded:
            city, country = (one["attributes"].get(f"Plant {what}") for what in ("City", "Country"))
            if city and country:
                countries_by_city.setdefault(spell("plant_city", city), Counter())[spell("plant_country", country)] += 1
    return {city: countries.most_common(1)[0][0] for city, countries in countries_by_city.items()}
