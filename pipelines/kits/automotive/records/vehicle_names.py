"""What vehicles are called: `it`, `the Civic`, `the 2.0 liter one`, `a 2021 Honda Civic`."""

import random
from collections.abc import Sequence

from pipelines.kits.automotive.records.layouts import PastedRecord
from pipelines.kits.automotive.records.lookup import Vehicle

TELLING_APART = ("engine_displacement", "no_cylinders", "drive_desc", "transmission_desc", "air_aspir_method_desc")
TOLD_APART = {  # a vehicle by one of its values
    "engine_displacement": ("the {} one", "the {} liter", "the {} {family}", "the {family} with the {}",
    "the {} L {family}"),
    "no_cylinders": ("the {} cylinder one", "the {} cyl {family}", "the {family} with {} cylinders", "the {} cylinder"),
    "drive_desc": ("the {} drive one", "the {} drive {family}", "the {family} with {} drive"),
    "transmission_desc": ("the {} one", "the {family} with the {} transmission", "the {} {family}", "the {}"),
    "air_aspir_method_desc": ("the {} one", "the {} {family}", "the {family} that is {}"),
}  # fmt: skip


def names_of(vehicle: Vehicle, clear: bool = False, with_year: bool = False) -> list[str]:
    """What a vehicle may be called; the last one has no article.

    Args:
        clear: only what tells it from others.
        with_year: only with its year.
    """
    year, _, rest = vehicle.name.partition(" ")
    family = vehicle.group.split()[-1]
    make = vehicle.group.removesuffix(f" {family}")
    if with_year:
        return [f"a {vehicle.name}", f"the {year} {make} {family}", f"the {vehicle.name}", f"a {year} {rest}",
        vehicle.name,
                f"my {vehicle.name}", f"{rest} {year}", f"the {rest} of {year}", f"{year} {rest}".lower()]  # fmt: skip
    named = [f"the {family}", f"the {make} {family}", f"this {family}", f"the {year} {family}", f"the {rest}"]
    if clear:
        return [*named, f"the {make}", family.lower()]
    plain = ["it", "it", "it", "this one", "this car", "that car", "this vehicle", "the car"]
    return [*plain, *named, family.lower()]


def told_apart(vehicle: Vehicle, record: PastedRecord, column: str, rng: random.Random) -> list[str]:
    """Names of a vehicle by a value that its namesake does not have."""
    family = vehicle.group.split()[-1]
    names = [form.format(record.values[column], family=family) for form in TOLD_APART[column]]
    return [*names, names[-1].removeprefix("the ")]


def said_with(column: str, value: str, rng: random.Random) -> str:
    """A value as an addition to a vehicle's name."""
    forms = {
        "engine_displacement": ("with the {} liter engine", "{}", "{} L", "with the {}"),
        "no_cylinders": ("with {} cylinders", "{} cyl", "{} cylinder"),
        "drive_desc": ("{} drive", "with {} drive"),
        "transmission_desc": ("{}", "with the {} transmission", "({})"),
        "air_aspir_method_desc": ("{}", "that is {}"),
    }
    return rng.choice(forms[column]).format(value)


def name_one(question: str, names: Sequence[str], other: Vehicle | None, rng: random.Random) -> str:
    """The question with a name in it, if it has none; sometimes with a word on the other vehicle."""
    lowered = question.lower()
    if not any(name.lower().removeprefix("the ") in lowered for name in names):
        name = rng.choice(names[:-1])
        forms = (
            "{name}: {question}",
            "{question} For {name}.",
            "{name}, {question}",
            "{question} ({name})",
            "{question} {name}",
        )
        question = rng.choice(forms).format(name=name, question=question)
        question = question.lower() if lowered == lowered and rng.random() < 0.3 else question
    if other and rng.random() < 0.25:
        family = other.group.split()[-1]
        forms = (
            " Not the {0}.",
            " not the {0}",
            " Ignore the {0}.",
            " The {0} is another customer's.",
            " (the {0} is done already)",
        )
        question += rng.choice(forms).format(family)
    return question
